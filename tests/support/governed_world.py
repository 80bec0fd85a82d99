"""A governed server's stores without the server: a database file, somebody who asks, and a judge that says no.

What is decided about a promotion is another room's business; here it is a list of what would be let through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flask

from registry_world import Ticking
from towpath_core.errors import Refused
from towpath_registry import books, nouns, places, tables
from towpath_registry.mlflow_plugin.house import EXTENSION, House
from towpath_registry.nouns import Decision, LedgerEntry
from towpath_registry.sqlite_door import SqliteDatabases

MODEL = "occupation-coder"


@dataclass
class Judge:
    """Lets a move through that is in `complete`, and remembers every attempt that was not let."""

    world: GovernedWorld
    workspace: str
    complete: set[tuple[str, str, int]] = field(default_factory=set)

    def move(self, actor: str, model: str, level: str, version: int) -> LedgerEntry:
        if (model, level, version) not in self.complete:
            self.refuse(actor, model, "set-alias", "an approval is missing", version, level)
            raise Refused(f"{model}/{version} does not move to {level}: an approval is missing", hint="ask max")
        return self.world.stand(model, version, level, actor)

    def refuse(self, actor: str, model: str, what: str, why: str, version: int = 0, level: str = "") -> None:
        self.world.record(
            Decision(model, nouns.REFUSED, level, version, None, actor, why, "", "", (), details={"attempt": what})
        )


class GovernedWorld:
    """A registry in `home`, whose stores are opened as the server opens them."""

    def __init__(self, home: Path) -> None:
        self.home, self.clock = home, Ticking()
        self.path, self.artifacts = home / "towpath.db", home / "artifacts"
        places.ensure_home({"TOWPATH_HOME": str(home)})
        self.databases = SqliteDatabases(self.path)
        with self.databases.writing() as database:
            tables.ensure(database)
        self.judge = Judge(self, nouns.WORKSPACE)
        self.house = House(self.databases, lambda _: self.judge, self.clock)
        self.app = flask.Flask("governed")
        self.app.extensions[EXTENSION] = self.house

    @contextlib.contextmanager
    def asked_by(self, name: str) -> Iterator[None]:
        """For the block, a request of somebody who is logged in; of nobody, if the name is empty."""
        with self.app.test_request_context("/"):
            if name:
                flask.g.mlflow_authenticated_user = name
            yield

    def registry(self) -> Any:
        from towpath_registry.mlflow_plugin.store import open_registry

        return open_registry(f"governed+sqlite:///{self.path}")

    def tracking(self) -> Any:
        from towpath_registry.mlflow_plugin.tracking import open_tracking

        return open_tracking(f"sqlite:///{self.path}", "mlflow-artifacts:/")

    def record(self, decision: Decision) -> LedgerEntry:
        with self.databases.writing() as database:
            return books.record(database, nouns.WORKSPACE, decision, self.clock, None)

    def stand(self, model: str, version: int, level: str, actor: str = "max") -> LedgerEntry:
        """Put a version at a level, as a promotion does."""
        with self.databases.reading() as database:
            before = books.aliases(database, nouns.WORKSPACE, model).get(level)
            asked = 'SELECT value FROM model_version_tags WHERE name = :name AND version = :version AND "key" = :key'
            digest = [row[0] for row in database.rows(asked, name=model, version=version, key=nouns.DIGEST)]
        said = Decision(model, nouns.PROMOTED, level, version, before, actor, "", "".join(digest), "", ())
        return self.record(said)

    def ask(self, model: str, version: int, level: str, number: str = "0123456789ab") -> LedgerEntry:
        """Put a version under an open request."""
        return self.record(Decision(model, nouns.REQUESTED, level, version, None, "ann", "", "", "", (), number))

    def end(self, model: str, version: int, level: str, event: str, number: str = "0123456789ab") -> LedgerEntry:
        return self.record(Decision(model, event, level, version, None, "ann", "", "", "", (), number))

    def attempts(self) -> list[tuple[str, str, str]]:
        """Who was refused what, and why, in the ledger."""
        with self.databases.reading() as database:
            found = []
            for (model,) in database.rows("SELECT DISTINCT model FROM towpath_ledger"):
                asked = nouns.Question(events=(nouns.REFUSED,))
                found += books.entries(database, nouns.WORKSPACE, model, asked)
        return [(e.actor, e.details["attempt"], e.reason) for e in sorted(found, key=lambda e: e.seq)]

    def authors(self, kind: str, what: str) -> set[str]:
        with self.databases.reading() as database:
            asked = "SELECT actor FROM towpath_authors WHERE kind = :kind AND id = :id"
            return {row[0] for row in database.rows(asked, kind=kind, id=what)}

"""Databases whose client dies, as by kill -9, just before one of its statements; and a program that promotes by one.

`python crashing.py HOME STATEMENT LEVEL [URL]` promotes version 1 and dies before that statement of its writing
transactions; it ends with 0 when there were fewer. With the URL of a database it does so as a server's process does,
under a policy whose one gate every version passes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from towpath_core.clock import utc_now
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.database import Database, Databases
from towpath_registry.database_store import DatabaseStore
from towpath_registry.gates import Candidate
from towpath_registry.notary import HomeNotary
from towpath_registry.policy import Level, Policy, solo
from towpath_registry.promotion import Promotions


@dataclass
class Countdown:
    left: int

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Dying:
    """A transaction of a client that is about to die."""

    inner: Database
    countdown: Countdown

    @property
    def dialect(self) -> str:
        return self.inner.dialect

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        self.countdown.tick()
        return self.inner.rows(sql, **values)

    def run(self, sql: str, **values: Any) -> None:
        self.countdown.tick()
        self.inner.run(sql, **values)


@dataclass
class Crashing:
    inner: Databases
    countdown: Countdown
    reading: Any = field(init=False)

    def __post_init__(self) -> None:
        self.reading = self.inner.reading

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        with self.inner.writing() as database:
            yield Dying(database, self.countdown)
            self.countdown.tick()  # all is said, nothing is committed
        self.countdown.tick()  # committed, and not yet carried out


@dataclass(frozen=True)
class Yes:
    """A gate that every version passes: what it guards is not what is tried."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return (Verdict("yes", True, candidate.version.ref, "there", "there"),)


@dataclass(frozen=True)
class OneFolder:
    """The same files for every version."""

    path: Path

    @contextlib.contextmanager
    def folder(self, uri: str, ref: str) -> Iterator[Path]:
        yield self.path

    def evidence(self, uri: str, ref: str) -> list[tuple[str, bytes]]:
        return []

    def file(self, uri: str, path: str, ref: str) -> bytes | None:
        return None


def open_to_all() -> Policy:
    return replace(solo(), levels=(Level("staging", {"yes": Yes()}),))


def store_at(url: str, home: Path, connections: int = 5) -> DatabaseStore:
    """As a server's process opens a database; its files are one folder below `home`."""
    import sqlalchemy

    from towpath_registry.sqlalchemy_door import EngineDatabases

    (home / "model").mkdir(parents=True, exist_ok=True)
    (home / "model" / "a.txt").write_text("a")
    engine = sqlalchemy.create_engine(url, pool_size=connections)
    return DatabaseStore(
        EngineDatabases(engine), OneFolder(home / "model"), utc_now, HomeNotary({"TOWPATH_HOME": str(home)})
    )


def main(home: str, statement: str, level: str, url: str = "") -> None:
    from registry_world import NAME, SIGNERS, Ticking
    from towpath_registry.embedded import EmbeddedStore

    store = store_at(url, Path(home)) if url else EmbeddedStore(Path(home) / "towpath.db", Ticking())
    store.databases = Crashing(store.databases, Countdown(int(statement)))
    clock, policy = (utc_now, open_to_all) if url else (Ticking(), solo)
    desk = Promotions(store, clock, policy, lambda _: SIGNERS)
    desk.settle(desk.plan(ModelRef(NAME, version=1), level), "ann", "")


if __name__ == "__main__":
    main(*sys.argv[1:])

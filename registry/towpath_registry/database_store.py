"""The registry in a database that we can reach: MLflow's tables and ours, read and written without MLflow.

The same statements serve the embedded SQLite file and a server's PostgreSQL. An alias and its ledger entry change in
one transaction; everything else of MLflow's is only read.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from towpath_core.clock import Clock
from towpath_core.refs import ModelRef
from towpath_registry import books, tables
from towpath_registry.database import Database, Databases
from towpath_registry.nouns import DIGEST, WORKSPACE, Decision, LedgerEntry, ModelSummary, ModelVersion, Question
from towpath_registry.store import no_model, no_version

_VERSIONS = """SELECT version, creation_time, run_id, source, description, user_id FROM model_versions
 WHERE workspace = :workspace AND name = :name AND current_stage <> 'Deleted_Internal'"""
_MODELS = """SELECT m.name, m.description, m.last_updated_time, max(v.version)
 FROM registered_models m LEFT JOIN model_versions v
 ON v.workspace = m.workspace AND v.name = m.name AND v.current_stage <> 'Deleted_Internal'
 WHERE m.workspace = :workspace AND NOT EXISTS(SELECT 1 FROM registered_model_tags t
  WHERE t.workspace = m.workspace AND t.name = m.name AND t."key" = 'mlflow.prompt.is_prompt' AND t.value = 'true')
 GROUP BY m.name, m.description, m.last_updated_time ORDER BY m.name"""
_TAGS = 'SELECT version, "key", value FROM model_version_tags WHERE workspace = :workspace AND name = :name'
_STORAGE = """SELECT storage_location FROM model_versions
 WHERE workspace = :workspace AND name = :name AND version = :version"""
_RUN = "SELECT artifact_uri FROM runs WHERE run_uuid = :run AND lifecycle_stage = 'active'"
_METRICS = 'SELECT "key", value FROM latest_metrics WHERE run_uuid = :run AND NOT is_nan ORDER BY "key"'
_LARGEST_NUMBER = 1.7e308  # MLflow writes an infinite value as the largest number there is


class Files(Protocol):
    """Where the artifacts lie that the database names."""

    def folder(self, uri: str, ref: str) -> AbstractContextManager[Path]:
        """The files below an artifact's address, in a folder that is only to be read.

        Raises: CouldNot where they are gone, or not to be reached from here.
        """

    def evidence(self, uri: str, ref: str) -> list[tuple[str, bytes]]:
        """Name and bytes of the envelopes below a run's artifacts."""

    def file(self, uri: str, path: str, ref: str) -> bytes | None:
        """One file below a run's artifacts, None where there is no such file. Raises: CouldNot for a very large one."""


class Notary(Protocol):
    """Signs the ledger's state, and carries the signature to where the database's owner cannot reach it."""

    def checkpoint(self, database: Database) -> str:
        """Write a checkpoint of all entries, in the transaction that is open; the signed note."""

    def refuse_fork(self, database: Database) -> None:
        """Raise Mismatch when the ledger is older than a checkpoint that was carried out of it."""

    def carry_out(self, note: str) -> None:
        """Take the note out of the database; what fails is said, and made good the next time."""


class _OneState:
    """A transaction that only reads: it sees one state of the database, so that no question is put to it twice."""

    def __init__(self, database: Database) -> None:
        self.dialect = database.dialect
        self._database = database
        self._told: dict[object, list[tuple[Any, ...]]] = {}

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        asked = (sql, *values.items())
        if asked not in self._told:
            self._told[asked] = self._database.rows(sql, **values)
        return list(self._told[asked])

    def run(self, sql: str, **values: Any) -> None:
        self._database.run(sql, **values)


class _Here(threading.local):
    """What a thread has open: the stack of its view, and in it the transaction, once something was read."""

    stack: ExitStack | None = None
    database: Database | None = None


class DatabaseStore:
    """The registry of one workspace."""

    governed = True

    def __init__(
        self,
        databases: Databases,
        files: Files,
        clock: Clock,
        notary: Notary,
        workspace: str = WORKSPACE,
    ) -> None:
        self.databases = databases
        self._files, self._clock, self._notary, self._workspace = files, clock, notary, workspace
        self._here = _Here()

    @contextmanager
    def view(self) -> Iterator[None]:
        if self._here.stack is not None:
            yield
            return
        with ExitStack() as stack:
            self._here.stack = stack
            try:
                yield
            finally:
                self._here.stack = self._here.database = None

    def models(self) -> list[ModelSummary]:
        with self._reading() as database:
            return [
                ModelSummary(name, latest, _time(updated), books.aliases(database, self._workspace, name), about or "")
                for name, about, updated, latest in database.rows(_MODELS, workspace=self._workspace)
            ]

    def versions(self, name: str) -> list[ModelVersion]:
        with self._reading() as database:
            return self._versions(database, name)

    def version(self, ref: ModelRef) -> ModelVersion:
        with self._reading() as database:
            aliases = books.aliases(database, self._workspace, ref.name)
            number = ref.version if ref.alias is None else aliases.get(ref.alias)
            one = [] if number is None else self._versions(database, ref.name, number)
            if one:
                return one[0]
            raise no_version(ref, aliases, self._latest(database, ref.name))

    def ledger(self, name: str, asked: Question | None = None) -> list[LedgerEntry]:
        with self._reading() as database:
            entries = books.entries(database, self._workspace, name, asked)
            if not entries and name:
                self._known(database, name)
        return entries

    def seen(self, name: str) -> int:
        with self._reading() as database:
            return books.newest_about(database, self._workspace, name)

    def request(self, number: str) -> list[LedgerEntry]:
        with self._reading() as database:
            return books.request(database, self._workspace, number)

    def open_requests(self, name: str = "") -> list[str]:
        with self._reading() as database:
            return books.open_requests(database, self._workspace, name)

    def recorded(self, version: ModelVersion) -> Mapping[str, datetime]:
        with self._reading() as database:
            return books.recorded(database, self._workspace, version.name, version.digest)

    def authors(self, version: ModelVersion) -> tuple[str, ...]:
        with self._reading() as database:
            return books.authors(database, self._workspace, version)

    def checkpoint(self) -> str:
        with self._reading() as database:
            return books.checkpoint(database)

    def policy(self, digest: str) -> bytes | None:
        with self._reading() as database:
            return books.policy(database, digest)

    @contextmanager
    def model_folder(self, version: ModelVersion) -> Iterator[Path]:
        with self._reading() as database:
            uri = self._storage(database, version)
        with self._files.folder(uri, version.ref) as folder:
            yield folder

    def evidence(self, version: ModelVersion) -> list[tuple[str, bytes]]:
        with self._reading() as database:
            rows = database.rows(_RUN, run=version.run_id)
        return self._files.evidence(rows[0][0], version.ref) if rows else []

    def run_file(self, version: ModelVersion, path: str) -> bytes | None:
        with self._reading() as database:
            rows = database.rows(_RUN, run=version.run_id)
        return self._files.file(rows[0][0], path, version.ref) if rows else None

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        with self._reading() as database:
            found = database.rows(_METRICS, run=version.run_id)
        return {key: value for key, value in found if math.isfinite(value) and abs(value) < _LARGEST_NUMBER}

    def record(self, decision: Decision, seen: int | None = None) -> LedgerEntry:
        with self._writing() as database:
            self._ensure(database)
            entry = books.record(database, self._workspace, decision, self._clock, seen)
            books.keep_policy(database, decision.policy)
            note = self._notary.checkpoint(database) if books.is_sealed(decision) else ""
        if note:
            self._notary.carry_out(note)
        return entry

    def adopt(self, decision: Decision, content: bytes, levels: Sequence[str], seen: int | None = None) -> LedgerEntry:
        with self._writing() as database:
            self._ensure(database)
            entry = books.record(database, self._workspace, decision, self._clock, seen)
            books.put_policy(database, decision.policy, content)
            books.put_levels(database, levels)
            note = self._notary.checkpoint(database)
        self._notary.carry_out(note)
        return entry

    def ensure(self) -> None:
        """Make or renew our tables and guards, and write down what already stands at a level."""
        with self._writing() as database:
            self._ensure(database)

    def repair(self) -> tuple[str, ...]:
        """Make the guards again that an upgrade of MLflow dropped, and write down what moved meanwhile; their names.

        Raises: Mismatch when anything else is not ours: that, no upgrade of MLflow has done.
        """
        with self._writing() as database:
            made = () if tables.ensure(database) else tables.repair(database)
            books.take_over(database, self._clock, "it stood there when the guards were made again")
        return made

    def _ensure(self, database: Database) -> None:
        new = tables.ensure(database)
        tables.check(database)
        if new:
            books.take_over(database, self._clock, "it stood there before the ledger began")
        else:
            self._notary.refuse_fork(database)

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        """A transaction that only reads: that of the view, or one of its own."""
        here = self._here
        if here.stack is None:
            with self._opened() as database:
                yield database
            return
        if here.database is None:
            here.database = _OneState(here.stack.enter_context(self._opened()))
        yield here.database

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        """A new transaction that only reads; tables of an earlier towpath are renewed before it."""
        with self.databases.reading() as database:
            if not tables.outdated(database):
                yield database
                return
        self.ensure()
        with self.databases.reading() as database:
            yield database

    @contextmanager
    def _writing(self) -> Iterator[Database]:
        """A transaction that writes; what was being viewed is let go, because who reads would keep it from ending."""
        if self._here.stack is not None:
            self._here.stack.close()
            self._here.database = None
        with self.databases.writing() as database:
            yield database

    def _versions(self, database: Database, name: str, number: int | None = None) -> list[ModelVersion]:
        """All versions of a model, or the one of that number, if there is one. Raises: NotFound for no such model."""
        asked: dict[str, Any] = {"workspace": self._workspace, "name": name}
        only = ""
        if number is not None:
            only, asked["number"] = " AND version = :number", number
        rows = database.rows(f"{_VERSIONS}{only} ORDER BY version DESC", **asked)
        if not rows:
            self._known(database, name)
            return []
        tags: dict[int, dict[str, str]] = {}
        for version, key, value in database.rows(f'{_TAGS}{only} ORDER BY "key"', **asked):
            tags.setdefault(version, {})[key] = value or ""
        aliases: dict[int, list[str]] = {}
        for alias, version in books.aliases(database, self._workspace, name).items():
            aliases.setdefault(version, []).append(alias)
        return [
            ModelVersion(
                name=name,
                version=version,
                created=_time(created),
                run_id=run_id or "",
                source=source or "",
                digest=tags.get(version, {}).get(DIGEST, ""),
                tags=tags.get(version, {}),
                aliases=tuple(aliases.get(version, ())),
                description=description or "",
            )
            for version, created, run_id, source, description, _ in rows
        ]

    def _storage(self, database: Database, version: ModelVersion) -> str:
        """Where the version's files lie; of one that was registered as part of a run, below that run's."""
        asked = {"workspace": self._workspace, "name": version.name, "version": version.version}
        rows = database.rows(_STORAGE, **asked)
        uri: str = (rows[0][0] or "") if rows else ""
        run, _, path = uri.removeprefix("runs:/").partition("/")
        if not uri.startswith("runs:/"):
            return uri
        rows = database.rows(_RUN, run=run)
        return f"{rows[0][0].rstrip('/')}/{path}" if rows else uri

    def _latest(self, database: Database, name: str) -> int | None:
        """The newest version's number. Raises: NotFound for an unknown model."""
        asked = "SELECT max(version) FROM model_versions WHERE workspace = :workspace AND name = :name"
        alive = " AND current_stage <> 'Deleted_Internal'"
        latest: int | None = database.rows(asked + alive, workspace=self._workspace, name=name)[0][0]
        if latest is None:
            self._known(database, name)
        return latest

    def _known(self, database: Database, name: str) -> None:
        """Raise NotFound unless the model is there."""
        asked = "SELECT name FROM registered_models WHERE workspace = :workspace"
        names = [row[0] for row in database.rows(asked, workspace=self._workspace)]
        if name not in names:
            raise no_model(name, names)


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)

"""A database of MLflow's with our tables in it, of either kind, and what somebody does to it who goes past towpath."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from postgres import Postgres
from towpath_registry import ledger, places, tables
from towpath_registry.database import Database, Databases
from towpath_registry.ledger import Link
from towpath_registry.nouns import PROMOTED, REFUSED, RETIRED, Decision
from towpath_registry.sqlite_door import SqliteDatabases

NAME = "occupation-coder"
DIGEST = f"sha256:{'1' * 64}"
START = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
_APPEND = """INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, :workspace, :model, '', :event, :level, :version)"""
_SET = """INSERT INTO registered_model_aliases(workspace, name, alias, version)
 VALUES(:workspace, :name, :alias, :version)
 ON CONFLICT(workspace, name, alias) DO UPDATE SET version = excluded.version"""
_GONE = "DELETE FROM registered_model_aliases WHERE workspace = :workspace AND name = :name AND alias = :alias"
_VERSION = """INSERT INTO model_versions(workspace, name, version, creation_time, last_updated_time, current_stage,
 source, storage_location, run_id, status)
 VALUES(:workspace, :name, :version, 1, 1, 'None', :source, :source, :run, 'READY')"""
_TAG = """INSERT INTO model_version_tags(workspace, name, version, "key", value)
 VALUES(:workspace, :name, :version, :key, :value)"""


@dataclass
class Guarded:
    """A database, and two ways to it that are not ours: MLflow's client at `uri`, and SQL."""

    databases: Databases
    uri: str
    path: Path | None = None
    postgres: Postgres | None = None
    name: str = ""
    user: str = "postgres"
    _ticks: Iterator[int] = field(default_factory=itertools.count)

    @property
    def dialect(self) -> str:
        return "sqlite" if self.path else "postgresql"

    def add(self, *versions: int, workspace: str = "default") -> None:
        """Versions of one model, with a digest and a free tag."""
        where = {"workspace": workspace, "name": NAME}
        with self.databases.writing() as database:
            database.run("INSERT INTO registered_models(workspace, name) VALUES(:workspace, :name)", **where)
            for version in versions:
                source, run = f"models:/m-{version}", f"{version:032x}"
                database.run(_VERSION, **where, version=version, source=source, run=run)
                for key, value in {"towpath.digest": DIGEST, "free": "x"}.items():
                    database.run(_TAG, **where, version=version, key=key, value=value)

    def append(self, event: str = REFUSED, level: str = "", version: int = 0, name: str = NAME, **how: Any) -> Link:
        """An entry, and the change of the alias that it tells of."""
        with self.databases.writing() as database:
            return self.write(database, event, level, version, name, **how)

    def write(
        self,
        database: Database,
        event: str,
        level: str,
        version: int,
        name: str = NAME,
        *,
        change: bool = True,
        workspace: str = "default",
    ) -> Link:
        decision = Decision(name, event, level, version, None, "a", "", "", "", ())
        head = links(database)[-1:]
        moment = START + timedelta(seconds=next(self._ticks))
        link = ledger.next_link(head[0] if head else None, decision, moment, workspace)
        values = {"seq": link.seq, "body": link.body, "prev": link.prev, "hash": link.hash}
        database.run(_APPEND, **values, workspace=workspace, model=name, event=event, level=level, version=version)
        if change and event == RETIRED:
            database.run(_GONE, workspace=workspace, name=name, alias=level)
        elif change and level and event != REFUSED:
            database.run(_SET, workspace=workspace, name=name, alias=level, version=version)
        return link

    def promoted(self, *versions: int, level: str = "production") -> None:
        for version in versions:
            self.append(PROMOTED, level, version)

    def aliases(self) -> dict[str, int]:
        with self.databases.reading() as database:
            return dict(database.rows("SELECT alias, version FROM registered_model_aliases ORDER BY alias"))

    def links(self) -> list[Link]:
        with self.databases.reading() as database:
            return links(database)

    def check(self) -> None:
        with self.databases.writing() as database:
            tables.check(database)

    @contextlib.contextmanager
    def session(self) -> Iterator[Any]:
        """A connection of somebody who may do everything, unless there is a `user`; each statement is committed."""
        if self.path:
            with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as connection:
                yield connection
        else:
            assert self.postgres is not None
            with self.postgres.session(self.name, self.user) as connection:
                yield connection

    def attack(self, *statements: str) -> None:
        """Raises what the database says of the first statement that it refuses."""
        with self.session() as session:
            for statement in statements:
                session.execute(statement)


def alias(alias: str, version: int, workspace: str = "default", how: str = "INSERT") -> str:
    """The statement that makes the alias."""
    values = f"'{workspace}', '{NAME}', '{alias}', {version}"
    return f"{how} INTO registered_model_aliases(workspace, name, alias, version) VALUES({values})"


def tag(key: str, value: str, how: str = "INSERT") -> str:
    """The statement that gives version 2 the tag."""
    values = f"'default', '{NAME}', 2, '{key}', '{value}'"
    return f'{how} INTO model_version_tags(workspace, name, version, "key", value) VALUES({values})'


@contextlib.contextmanager
def refused(words: str) -> Iterator[None]:
    """The database itself says no, in these words."""
    import psycopg

    with pytest.raises((sqlite3.IntegrityError, psycopg.Error)) as caught:
        yield
    assert words in str(caught.value), str(caught.value)


def links(database: Database) -> list[Link]:
    return [Link(*row) for row in database.rows("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq")]


def sqlite_world(home: Path) -> Guarded:
    environ = {"TOWPATH_HOME": str(home)}
    places.ensure_home(environ)
    path = home / "towpath.db"
    return Guarded(SqliteDatabases(path), f"sqlite:///{path}", path=path)


def postgres_world(postgres: Postgres, name: str) -> Guarded:
    """In a database that has MLflow's tables."""
    import sqlalchemy

    from towpath_registry.sqlalchemy_door import EngineDatabases

    uri = postgres.url(name)
    databases = EngineDatabases(sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool))
    with databases.writing() as database:
        assert tables.ensure(database)
    return Guarded(databases, uri, postgres=postgres, name=name)

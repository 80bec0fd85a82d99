"""The door to a database file: SQLite by Python's own library, without MLflow and without SQLAlchemy."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towpath_core.errors import CouldNot, Mismatch, NotFound, TowpathError
from towpath_registry import places


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """The transaction that is open on a connection."""

    connection: sqlite3.Connection

    @property
    def dialect(self) -> str:
        return "sqlite"

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql, values).fetchall()

    def run(self, sql: str, **values: Any) -> None:
        self.connection.execute(sql, values)


class _Idle(threading.local):
    """The connections that a thread has open and does not use, for reading and for writing, each with its file."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[object, sqlite3.Connection]] = {}


class SqliteDatabases:
    """The database in the file `path`, which is not made by asking. Another writer is waited for, `wait` seconds.

    Connections are kept for the next transaction of their thread: to open one, SQLite reads the whole schema.
    """

    def __init__(self, path: Path, wait: float = 30.0) -> None:
        self._path, self._wait = path, wait
        self._idle = _Idle()

    @contextlib.contextmanager
    def reading(self) -> Iterator[SqliteDatabase]:
        with (
            self._translated("reading"),
            self._connection("ro") as connection,
            _transaction(connection, "BEGIN") as database,
        ):
            yield database

    @contextlib.contextmanager
    def writing(self) -> Iterator[SqliteDatabase]:
        with (
            self._translated("writing"),
            self._connection("rw") as connection,
            _transaction(connection, "BEGIN IMMEDIATE") as database,
        ):
            places.check_revision(connection, self._path)
            yield database

    @contextlib.contextmanager
    def _connection(self, mode: str) -> Iterator[sqlite3.Connection]:
        """One that was kept, else a new one. It is kept when all went well."""
        mark = _mark(self._path)
        connection = self._kept(mode, mark) or self._opened(mode)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if mode in self._idle.kept:
            connection.close()
        else:
            self._idle.kept[mode] = (mark, connection)

    def _kept(self, mode: str, mark: object) -> sqlite3.Connection | None:
        """None also where another file has taken the place of the one that is open, or another process has it."""
        of, connection = self._idle.kept.pop(mode, (None, None))
        if connection is None:
            return None
        try:
            if of == mark and (mode == "rw" or _is_readable(connection, self._path)):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def _opened(self, mode: str) -> sqlite3.Connection:
        if mode == "ro":
            connection = places.opened(self._path, self._wait)
            connection.execute("PRAGMA query_only = 1")
        else:
            connection = places.connected(self._path, mode, self._wait)
            connection.execute("PRAGMA foreign_keys = 1")
        return connection

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        if not self._path.exists():
            raise NotFound(
                f"there is no registry yet: no file {self._path}",
                hint="make a first version with towpath run (in a project's folder); TOWPATH_HOME says where to look",
            )
        try:
            yield
        except TowpathError:
            raise
        except sqlite3.Error as error:
            if gone(str(error)):
                raise changed(str(error)) from error
            raise CouldNot(f"{doing} the registry {self._path}: {error}", hint=hint(str(error))) from error


def gone(said: str) -> bool:
    """Whether SQLite misses a table or a column: neither we nor the MLflow that we know ever take one away."""
    return said.startswith(("no such table: ", "no such column: "))


def changed(said: str) -> Mismatch:
    return Mismatch(
        f"the registry's tables were changed by other means than towpath: {said}",
        hint="compare the database with a backup; nothing can be promoted until it is whole",
    )


def hint(said: str) -> str:
    """What to do about SQLite's words."""
    if "locked" in said:
        return "another program holds the database; run it again when that one is done"
    return "make room, then run it again" if "full" in said else "towpath doctor"


def _mark(path: Path) -> object:
    """What tells one file from another, and this process from one that was forked from it."""
    there = path.stat()
    return os.getpid(), there.st_dev, there.st_ino


def _is_readable(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a connection that may only read still can; not where a writer was killed meanwhile. Raises: CouldNot."""
    try:
        places.check_revision(connection, path)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise
        return False
    return True


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[SqliteDatabase]:
    connection.execute(begin)
    try:
        yield SqliteDatabase(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk, for one, has undone it already
            connection.execute("ROLLBACK")
        raise

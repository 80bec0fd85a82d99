"""The door to a server's database, by the SQLAlchemy engine that MLflow made for it: PostgreSQL, or a file of SQLite.

On SQLite a transaction that reads before it writes can find, when it writes, that another one wrote in between; so it
takes the lock for writing with its first statement. On PostgreSQL whoever writes waits for a lock of the ledger's own,
and then sees whatever was committed while it waited, which is what READ COMMITTED means.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from towpath_core.errors import CouldNot, TowpathError
from towpath_registry import postgresql_tables, sqlite_door


@dataclass(frozen=True, slots=True)
class EngineDatabase:
    """The transaction that is open on a connection."""

    connection: Connection

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        found = self.connection.execute(_text(sql), values)
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in found]

    def run(self, sql: str, **values: Any) -> None:
        self.connection.execute(_text(sql), values).close()


class EngineDatabases:
    """The database of an engine. Another writer is waited for, `wait` seconds."""

    def __init__(self, engine: Engine, wait: float = 30.0) -> None:
        if engine.dialect.name not in ("sqlite", "postgresql"):
            raise CouldNot(
                f"the registry's ledger is not kept in {engine.dialect.name}", hint="use PostgreSQL, or SQLite"
            )
        self._engine, self._wait = engine, round(wait * 1000)

    @contextlib.contextmanager
    def reading(self) -> Iterator[EngineDatabase]:
        one_view = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with _translated("reading"), self._engine.connect().execution_options(**self._only(one_view)) as connection:
            if not self._file:
                yield EngineDatabase(connection)
                return
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {self._wait}")
            connection.exec_driver_sql("PRAGMA query_only = 1")
            try:
                connection.exec_driver_sql("BEGIN")
                yield EngineDatabase(connection)
            finally:  # it goes back to the pool, from where others will write with it
                connection.rollback()
                connection.exec_driver_sql("PRAGMA query_only = 0")

    @contextlib.contextmanager
    def writing(self) -> Iterator[EngineDatabase]:
        committed = {"isolation_level": "READ COMMITTED"}
        with _translated("writing"), self._engine.connect().execution_options(**self._only(committed)) as connection:
            if self._file:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {self._wait}")
                connection.exec_driver_sql("PRAGMA foreign_keys = 1")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(_LOCKED, {"wait": f"{self._wait}ms", "lock": postgresql_tables.LOCK})
            yield EngineDatabase(connection)
            connection.commit()

    @property
    def _file(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _only(self, postgresql: dict[str, Any]) -> dict[str, Any]:
        return {} if self._file else postgresql


_LOCKED = text("SELECT set_config('lock_timeout', :wait, true), pg_advisory_xact_lock(:lock)")


@functools.lru_cache(maxsize=256)
def _text(sql: str) -> TextClause:
    return text(sql)


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """What the database says, without the statement and its values."""
    try:
        yield
    except TowpathError:
        raise
    except DBAPIError as error:
        said = str(error.orig).partition("\n")[0] or type(error.orig).__name__
        if sqlite_door.gone(said) or getattr(error.orig, "sqlstate", None) in ("42P01", "42703"):
            raise sqlite_door.changed(said) from error
        raise CouldNot(f"{doing} the registry's database: {said}", hint=_hint(error, said)) from error
    except SQLAlchemyError as error:
        raise CouldNot(f"{doing} the registry's database: {type(error).__name__}", hint="towpath doctor") from error


def _hint(error: DBAPIError, said: str) -> str:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    if state in ("55P03", "40P01"):
        return "another program holds the database; run it again when that one is done"
    if error.connection_invalidated:
        return "see with towpath history whether it was recorded before you run it again"
    return sqlite_door.hint(said)

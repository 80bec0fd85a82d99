"""A table or view of a PostgreSQL database, copied into DuckDB in batches through psycopg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from towpath_checks.tables._connection import RECORDS, ReadByDuckdb, copied, quoted
from towpath_core.errors import CouldNot, Misused, Refused

if TYPE_CHECKING:
    import duckdb

_BATCH = 20_000
_SECONDS = 10
_SAFE = ("host", "port", "sslmode", "sslrootcert", "target_session_attrs")  # an address has no other setting
# PostgreSQL's type: ours. Any other is read as its text.
_TYPES = {
    "boolean": "bool_",
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "real": "float32",
    "double precision": "float64",
    "date": "date32",
}
_NUMERIC = re.compile(r"numeric\(([0-9]+),([0-9]+)\)")


@dataclass(frozen=True, slots=True)
class PostgresqlTable(ReadByDuckdb):
    """Read in one transaction that can change nothing. It has no digest, as any database's table."""

    address: str
    schema_name: str
    table: str
    shown: str

    @classmethod
    def at(cls, address: str) -> PostgresqlTable:
        """From `postgresql://user@host:port/database::schema.table`.

        Raises: Misused for another scheme, a missing table name, and a password, which has no place in an address.
        """
        whole, _, name = address.partition("::")
        schema_name, _, table = name.rpartition(".")
        try:
            parts = urlsplit(whole)
            password, host, settings = parts.password, parts.hostname or "", dict(parse_qsl(parts.query))
        except ValueError:
            raise Misused("the address of the database is none", hint=_FORM) from None
        if parts.scheme not in ("postgresql", "postgres"):
            raise Misused(f"{parts.scheme}:// is no database that can be read", hint=_FORM)
        if password is not None or "password" in settings:
            raise Misused(
                "the address of the database holds a password", hint="put it into PGPASSWORD, or into ~/.pgpass"
            )
        if odd := sorted(set(settings) - set(_SAFE)):
            raise Misused(f"the address of the database sets {', '.join(odd)[:40]}", hint=_FORM)
        if not table:
            raise Misused("the address of the database names no table", hint=_FORM)
        shown = f"postgresql://{host}{parts.path}::{schema_name or 'public'}.{table}"
        return cls(whole, schema_name or "public", table, shown)

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    def digest(self) -> None:
        return None

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        psycopg = _psycopg()
        try:
            with psycopg.connect(self.address, connect_timeout=_SECONDS, application_name="towpath check") as database:
                database.read_only = True
                database.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                self._copy(database, connection)
        except psycopg.Error as error:  # what it says may quote the data, or who may do what
            code = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
            raise CouldNot(
                f"cannot read {self.shown}: {type(error).__name__}{code}",
                hint="try the same address with psql; a password stands in PGPASSWORD or ~/.pgpass",
            ) from None
        return RECORDS

    def diagnosis(self) -> str:
        return f"{self.shown} holds what cannot be read"

    def _copy(self, database: Any, connection: duckdb.DuckDBPyConnection) -> None:
        import duckdb
        import pyarrow as pa

        fields = self._fields(database)
        schema = pa.schema([(name, kind or pa.string()) for name, kind in fields])
        chosen = ", ".join(quoted(name) + ("" if kind is not None else "::text") for name, kind in fields)
        query = f"SELECT {chosen} FROM {quoted(self.schema_name)}.{quoted(self.table)}"  # noqa: S608 (quoted)
        broken: list[Exception] = []
        batches = _kept(_batches(database, query, schema), broken)
        try:
            copied(connection, pa.RecordBatchReader.from_batches(schema, batches))
        except duckdb.Error:
            if not broken:
                raise
            raise broken[0] from None

    def _fields(self, database: Any) -> list[tuple[str, Any]]:
        """Each column's name and Arrow type; None for what is read as text. Raises: Refused."""
        found = database.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [f"{quoted(self.schema_name)}.{quoted(self.table)}"],
        ).fetchall()
        if not found:
            raise Refused(f"there is no table {self.schema_name}.{self.table} in the database")
        return [(name, _arrow_type(kind)) for name, kind in found]


_FORM = "write postgresql://user@host/database::schema.table"


def _arrow_type(kind: str) -> Any:
    """A decimal without precision, and any type that is not known here, is read as its text."""
    import pyarrow as pa

    if kind in _TYPES:
        return getattr(pa, _TYPES[kind])()
    if (found := _NUMERIC.fullmatch(kind)) and int(found[1]) <= 38:
        return pa.decimal128(int(found[1]), int(found[2]))
    if re.fullmatch(r"timestamp(\([0-6]\))? without time zone", kind):
        return pa.timestamp("us")
    if re.fullmatch(r"timestamp(\([0-6]\))? with time zone", kind):
        return pa.timestamp("us", tz="UTC")
    return None


def _kept(batches: Iterator[Any], broken: list[Exception]) -> Iterator[Any]:
    """The batches; what stops them is kept, for DuckDB makes an error of its own of it."""
    try:
        yield from batches
    except Exception as error:
        broken.append(error)
        raise


def _batches(database: Any, query: str, schema: Any) -> Iterator[Any]:
    import pyarrow as pa

    with database.cursor(name="towpath_check") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(_BATCH):
            try:
                yield pa.record_batch(
                    [pa.array(c, type=f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)],
                    schema=schema,
                )
            except (pa.ArrowException, OverflowError, ValueError):
                raise Refused("a value fits no column of its type: an infinite date or decimal, perhaps") from None


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError:
        raise CouldNot("PostgreSQL cannot be read without psycopg", hint="pip install 'towpath[server]'") from None
    return psycopg

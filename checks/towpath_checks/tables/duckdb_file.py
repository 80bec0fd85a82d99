"""A table of a DuckDB file, opened for reading only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from towpath_checks.tables._connection import ReadByDuckdb, literal, quoted
from towpath_core.errors import Misused, NotFound, Refused

if TYPE_CHECKING:
    import duckdb

_BASE = "base"


@dataclass(frozen=True, slots=True)
class DuckdbTable(ReadByDuckdb):
    """It has no digest: what is in a database may change under the same name."""

    path: Path
    schema_name: str
    table: str
    shown: str

    @classmethod
    def at(cls, address: str, shown: str) -> DuckdbTable:
        """From `base.duckdb::table` or `base.duckdb::schema.table`. Raises: NotFound, Misused."""
        file, _, name = address.partition("::")
        path = Path(file)
        schema_name, _, table = name.rpartition(".")
        if not path.is_file():
            raise NotFound(f"there is no file {path.name}", hint="give another path")
        if not table:
            raise Misused(f"{path.name}:: names no table", hint=f"write {path.name}::table")
        return cls(path, schema_name or "main", table, shown or f"{path.name}::{name}")

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path, self.path.with_name(self.path.name + ".wal"))

    def digest(self) -> None:
        return None

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        connection.execute(f"ATTACH {literal(str(self.path.absolute()))} AS {_BASE} (READ_ONLY)")
        known = connection.execute(
            "SELECT count(*) FROM information_schema.tables"
            " WHERE table_catalog = $1 AND table_schema = $2 AND table_name = $3",
            [_BASE, self.schema_name, self.table],
        ).fetchall()
        if known != [(1,)]:
            raise Refused(f"there is no table {self.schema_name}.{self.table} in {self.path.name}")
        return f"{_BASE}.{quoted(self.schema_name)}.{quoted(self.table)}"

    def diagnosis(self) -> str:
        return "no DuckDB file that can be read: it is damaged, in use by another program, or something else"

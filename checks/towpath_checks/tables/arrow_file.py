"""An Arrow IPC file (Feather version 2), copied into DuckDB batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks.tables import _digests
from towpath_checks.tables._connection import RECORDS, ReadByDuckdb, copied
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import duckdb

_BROKEN = "no whole Arrow file: it is truncated, damaged or something else"


@dataclass(frozen=True, slots=True)
class ArrowFile(ReadByDuckdb):
    """Its types are those that DuckDB makes of Arrow's: a time zone becomes UTC, a dictionary an enumeration."""

    path: Path
    shown: str

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    def digest(self) -> str:
        return _digests.of_files((self.path,))

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        import pyarrow as pa

        if not self.path.stat().st_size:
            raise Refused("the file is empty")
        try:
            with pa.memory_map(str(self.path)) as mapped, pa.ipc.open_file(mapped) as reader:
                _copy(connection, reader)
        except (pa.ArrowException, OSError, ValueError):  # what it says may quote the data
            raise Refused(_BROKEN) from None
        return RECORDS

    def diagnosis(self) -> str:
        return _BROKEN


def _copy(connection: duckdb.DuckDBPyConnection, reader: Any) -> None:
    import pyarrow as pa

    index = [name for name in reader.schema.names if name.startswith("__index_level_")]
    chosen = [name for name in reader.schema.names if name not in index]
    batches = (reader.get_batch(place).select(chosen) for place in range(reader.num_record_batches))
    schema = pa.schema([reader.schema.field(name) for name in chosen])
    copied(connection, pa.RecordBatchReader.from_batches(schema, batches))

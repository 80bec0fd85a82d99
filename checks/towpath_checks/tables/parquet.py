"""One Parquet file, several, or a folder of them: read where they lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks.tables import _digests
from towpath_checks.tables._connection import literal, quoted, refuse_twins
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_BROKEN = "no whole Parquet file: it is truncated, damaged or something else"
_VIEW = "parquet"


@dataclass(frozen=True)
class ParquetFiles:
    """Files with the same columns, read one after the other in the order of their names."""

    files: tuple[Path, ...]
    shown: str

    @classmethod
    def at(cls, paths: Sequence[Path], shown: str) -> ParquetFiles:
        """Raise Misused for a folder without Parquet files, or partitioned by folder names."""
        files = tuple(file for path in paths for file in (_inside(path, shown) if path.is_dir() else [path]))
        return cls(files, shown)

    def header(self) -> None:
        return None

    def digest(self) -> str:
        return _digests.of_files(self.files)

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        if empty := [file.name for file in self.files if not file.stat().st_size]:
            raise Refused("the file is empty" if len(self.files) == 1 else f"the file {empty[0]} is empty")
        whole = _reading(self.files)
        refuse_twins(self._arrow_schema.names)  # DuckDB gives the second another name
        self._refuse_different(connection)
        index = self._index(connection)
        if not index:
            return whole
        left_out = ", ".join(map(quoted, index))
        connection.execute(f"CREATE VIEW {_VIEW} AS SELECT * EXCLUDE ({left_out}) FROM {whole}")  # noqa: S608 (quoted)
        return _VIEW

    def schema(self, connection: duckdb.DuckDBPyConnection, item: str) -> Any:
        return self._arrow_schema

    def frame(self, connection: duckdb.DuckDBPyConnection, item: str, columns: Sequence[str]) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        try:
            read = [pd.read_parquet(file, columns=list(columns), partitioning=None) for file in self.files]
        except (pa.ArrowException, OSError, ValueError):  # what it says may quote the data
            raise Refused(_BROKEN) from None
        whole = read[0] if len(read) == 1 else pd.concat(read)
        named = [name for name in whole.index.names if name is not None and name in columns]
        return whole.reset_index(level=named)[list(columns)].reset_index(drop=True)

    def diagnosis(self) -> str:
        return _BROKEN

    @cached_property
    def _arrow_schema(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_schema(self.files[0])
        except (pa.ArrowException, OSError, ValueError):
            raise Refused(_BROKEN) from None

    def _refuse_different(self, connection: duckdb.DuckDBPyConnection) -> None:
        if len(self.files) == 1:
            return
        columns = [
            connection.execute(f"DESCRIBE SELECT * FROM {_reading([file])}").fetchall()  # noqa: S608 (quoted)
            for file in self.files
        ]
        for file, found in zip(self.files, columns, strict=True):
            if found != columns[0]:
                raise Refused(f"{file.name} has other columns, or other types, than {self.files[0].name}")

    def _index(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """The columns that pandas wrote for an index without a name, and takes for one again."""
        query = "SELECT value FROM parquet_kv_metadata($1) WHERE key = 'pandas'::BLOB"
        found = connection.execute(query, [str(self.files[0].absolute())]).fetchall()
        try:
            listed = json.loads(found[0][0])["index_columns"] if found else []
        except (ValueError, KeyError, TypeError):
            return []
        return [name for name in listed if isinstance(name, str) and name.startswith("__index_level_")]


def _reading(files: Sequence[Path]) -> str:
    """What stands after FROM; the name of a folder that a file lies in (`year=2026`) is no column of it."""
    listed = ", ".join(literal(str(file.absolute())) for file in files)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _inside(folder: Path, shown: str) -> list[Path]:
    files = sorted(
        file for file in folder.rglob("*.parquet") if file.is_file() and not file.name.startswith(("_", "."))
    )
    if not files:
        raise Misused(f"{shown} holds no Parquet files", hint="give a folder of files that end in .parquet")
    if any("=" in part for file in files for part in file.relative_to(folder).parts[:-1]):
        raise Misused(
            f"{shown} is partitioned: its folders' names hold values, which are not read",
            hint="write it as one file, or give the files of one partition",
        )
    return files

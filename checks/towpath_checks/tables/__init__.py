"""Tables to check, wherever they lie: read-only, offline, and never whole in memory unless a frame is asked for.

A kind of table is one file here: it says how DuckDB reads it (`attach`), what its bytes are (`digest`), and what is
wrong with one that cannot be read (`diagnosis`).
"""

from __future__ import annotations

from pathlib import Path

from towpath_checks.tables._connection import MEMORY, Source
from towpath_checks.tables._table import Table
from towpath_core.errors import Misused, NotFound

__all__ = ["Source", "Table", "open_table"]

_KINDS = (
    "a file that ends in .parquet, .csv, .csv.gz, .arrow or .feather, a folder of Parquet files, base.duckdb::table"
)


def open_table(address: str | Path, *, shown: str = "", numbers: tuple[str, ...] = (), memory: str = MEMORY) -> Table:
    """The table at `address`, called `shown` in everything that people read (else the file's own name).

    Addresses: a file `x.parquet`, `x.csv`, `x.csv.gz`, `x.arrow`, `x.feather`; several Parquet files with `;` between
    them, or a folder of them; `base.duckdb::table` or `base.duckdb::schema.table`;
    `postgresql://user@host:port/database::schema.table`, whose password stands in PGPASSWORD or .pgpass.
    Every cell of a CSV file is text, an empty one is missing. The columns named in `numbers` are numbers: where they
    hold text, it is cast to float64, and what is no finite number becomes missing (`Table.odd_numbers`). `memory` is
    DuckDB's limit; what does not fit goes to a private folder in TMPDIR, which is gone when the table is closed.

    Nothing is read yet. Raises: NotFound if there is no such file, Misused for another kind of address.
    """
    return Table(_source(str(address), shown), numbers, memory)


def _source(address: str, shown: str) -> Source:
    if not address.strip():
        raise Misused("no table is named", hint=f"give {_KINDS}")
    if "://" in address:
        from towpath_checks.tables.postgresql import PostgresqlTable

        return PostgresqlTable.at(address)
    if "::" in address:
        from towpath_checks.tables.duckdb_file import DuckdbTable

        return DuckdbTable.at(address, shown)
    paths = [Path(part.strip()) for part in address.split(";")] if not Path(address).exists() else [Path(address)]
    for path in paths:
        if not path.exists():
            tracked = path.with_name(path.name + ".dvc").is_file()
            hint = "dvc pull" if tracked else "give another path"
            raise NotFound(f"there is no file {shown or path.name}", hint=hint)
        if not (path.is_file() or path.is_dir()):
            raise Misused(f"{shown or path.name} is a pipe or a device, no file", hint="save what it holds first")
    return _of_files(paths, shown or ", ".join(path.name or path.resolve().name for path in paths))


def _of_files(paths: list[Path], shown: str) -> Source:
    first = paths[0]
    if all(path.suffix == ".parquet" for path in paths) or first.is_dir():
        from towpath_checks.tables.parquet import ParquetFiles

        return ParquetFiles.at(paths, shown)
    if len(paths) == 1 and first.name.endswith((".csv", ".csv.gz")):
        from towpath_checks.tables.csv_file import CsvFile

        return CsvFile(first, shown)
    if len(paths) == 1 and first.suffix in (".arrow", ".feather"):
        from towpath_checks.tables.arrow_file import ArrowFile

        return ArrowFile(first, shown)
    raise Misused(f"{shown} is no table", hint=f"give {_KINDS} or postgresql://host/database::table")

"""One DuckDB for one table: in memory, offline, bounded, with a private folder for what does not fit."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from towpath_core.errors import CouldNot, Refused

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

MEMORY = "1GiB"
RECORDS = "records"  # the name of a table whose rows were copied into DuckDB


class Source(Protocol):
    """One kind of table, and where it lies."""

    @property
    def shown(self) -> str:
        """As people know it, with no path of this machine and no user of a database."""
        ...

    @property
    def files(self) -> Sequence[Path]:
        """What DuckDB may open."""
        ...

    def header(self) -> tuple[str, ...] | None:
        """The columns' names where they can be had before anything else is read. Raises: Refused."""
        ...

    def digest(self) -> str | None:
        """Of its bytes; None for a database, which may change under any name."""
        ...

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Make the rows readable, in their own order; what stands after FROM."""
        ...

    def schema(self, connection: duckdb.DuckDBPyConnection, item: str) -> Any:
        """The Arrow schema that pandas goes by."""
        ...

    def frame(self, connection: duckdb.DuckDBPyConnection, item: str, columns: Sequence[str]) -> pd.DataFrame:
        """These columns of all rows, in their own order."""
        ...

    def diagnosis(self) -> str:
        """What is wrong with a table that DuckDB could not read, with none of its content."""
        ...


def connected(memory: str, files: Sequence[Path], scratch: Path) -> duckdb.DuckDBPyConnection:
    """It opens these files and no other, downloads nothing, and spills to `scratch`."""
    import duckdb

    settings: dict[str, Any] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": memory,
        "temp_directory": str(scratch),
        # DuckDB 2.0.0 answers tests for NaN wrongly from Parquet statistics (duckdb issue 25521): it takes both
        "disabled_optimizers": "statistics_propagation,filter_pushdown",
    }
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET allowed_paths = $1", [[str(path.absolute()) for path in files]])
    connection.execute("SET allowed_directories = $1", [[str(scratch)]])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    return connection


def scratch_folder() -> Path:
    """Raise CouldNot where none can be made."""
    try:
        return Path(tempfile.mkdtemp(prefix="towpath-check-"))
    except OSError as error:
        raise CouldNot(f"cannot make a temporary folder: {error.strerror}", hint="set TMPDIR to another one") from error


def removed(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def translated(source: Source) -> Iterator[None]:
    """DuckDB's errors become ours; what they say may quote the data, so none of it is told.

    Raises: CouldNot where memory or the disk does not suffice, Refused with the cause for a table that is none.
    """
    import duckdb

    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError):
        raise CouldNot(
            f"{source.shown} needs more memory or temporary space than there is",
            hint="set TMPDIR to a folder on a larger disk",
        ) from None
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.DataError):
        raise Refused(source.diagnosis()) from None
    except duckdb.Error as error:
        raise CouldNot(f"DuckDB failed on {source.shown}: {type(error).__name__}") from None


def quoted(name: str) -> str:
    """As an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def copied(connection: duckdb.DuckDBPyConnection, batches: Any) -> None:
    """A pyarrow RecordBatchReader becomes the table RECORDS, in memory or in scratch."""
    connection.register("arriving", batches)
    connection.execute(f"CREATE TABLE {RECORDS} AS SELECT * FROM arriving")  # noqa: S608 (ours)
    connection.unregister("arriving")


def arrow_of(connection: duckdb.DuckDBPyConnection, item: str, columns: Sequence[str]) -> Any:
    """The rows as a pyarrow Table."""
    names = ", ".join(map(quoted, columns))
    return connection.sql(f"SELECT {names} FROM {item}").to_arrow_table()  # noqa: S608 (quoted)


def refuse_twins(names: Sequence[str]) -> None:
    """Names that differ by case only are one name to SQL: it would read another column than was meant."""
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if (twin := seen.setdefault(name.casefold(), place)) != place:  # a header may be data: no name is told
            raise Refused(f"columns {twin} and {place} have the same name, or one that differs by case only")


class ReadByDuckdb:
    """What has the types that DuckDB gives it, for every engine alike."""

    __slots__ = ()

    def header(self) -> tuple[str, ...] | None:
        return None

    def schema(self, connection: duckdb.DuckDBPyConnection, item: str) -> Any:
        return schema_of(connection, item)

    def frame(self, connection: duckdb.DuckDBPyConnection, item: str, columns: Sequence[str]) -> pd.DataFrame:
        frame: pd.DataFrame = arrow_of(connection, item, columns).to_pandas()
        return frame


def schema_of(connection: duckdb.DuckDBPyConnection, item: str) -> Any:
    """The Arrow schema that DuckDB gives what it reads."""
    return connection.sql(f"SELECT * FROM {item} LIMIT 0").to_arrow_table().schema  # noqa: S608 (ours)

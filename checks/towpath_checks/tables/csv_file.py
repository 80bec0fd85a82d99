"""A CSV file in UTF-8 with commas: every cell is text, an empty one is missing."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from towpath_checks.tables import _digests
from towpath_checks.tables._connection import RECORDS, ReadByDuckdb, copied
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import duckdb

_BLOCK = 8 * 2**20  # bytes; no line is longer
_BAD_GZIP = "no whole gzip file: it is truncated, damaged or something else"
_RAGGED = "the lines have different numbers of cells"


@dataclass(frozen=True, slots=True)
class CsvFile(ReadByDuckdb):
    """It is read once, whole, into DuckDB: whatever is wrong with it comes out before anything is asked."""

    path: Path
    shown: str

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def header(self) -> tuple[str, ...]:
        """The first line's cells; one without a name is called as pandas calls it."""
        with self._read() as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as lines:
            try:
                cells = next((row for row in csv.reader(lines) if row), None)
            except csv.Error:
                raise Refused(_RAGGED) from None
        if cells is None:
            raise Refused("the file is empty")
        return tuple(cell or f"Unnamed: {place}" for place, cell in enumerate(cells))

    def digest(self) -> str:
        return _digests.of_files(self.files)

    def attach(self, connection: duckdb.DuckDBPyConnection) -> str:
        import pyarrow as pa

        names = self.header()
        with self._read() as stream:
            counted = _Quotes(stream)
            try:
                copied(connection, _cells(counted, names))
            except pa.ArrowInvalid:  # what it says may quote the data
                raise Refused(self.diagnosis()) from None
        if counted.quotes % 2:  # Arrow takes the end of the file for the end of a cell
            self._refuse_open_quote()
        return RECORDS

    def diagnosis(self) -> str:
        try:
            with self._read() as stream:
                for _ in codecs.iterdecode(iter(lambda: stream.read(_BLOCK), b""), "utf-8"):
                    pass
        except Refused as error:
            return error.message
        return _RAGGED

    def _refuse_open_quote(self) -> None:
        with self._read() as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as lines:
            csv.field_size_limit(_BLOCK)
            try:
                for _ in csv.reader(lines, strict=True):
                    pass
            except csv.Error:
                raise Refused(
                    "a quotation mark is not closed: the file is cut off, or its quotes are not CSV"
                ) from None

    @contextmanager
    def _read(self) -> Iterator[IO[bytes]]:
        """Its bytes, uncompressed. Raises: Refused with the cause named."""
        zipped = self.path.suffix == ".gz"
        with self.path.open("rb") as raw, cast(IO[bytes], gzip.open(raw)) if zipped else raw as stream:
            try:
                yield stream
            except UnicodeDecodeError as error:
                raise Refused(f"not UTF-8 text (byte {error.start})") from None
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise Refused(_BAD_GZIP) from None


class _Quotes(io.RawIOBase):
    """The bytes of another stream, and how many quotation marks went by."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        found = self._stream.read(size)
        self.quotes += found.count(b'"')
        return found


def _cells(stream: io.RawIOBase, names: Sequence[str]) -> Any:
    """A pyarrow RecordBatchReader of texts. Lines without anything are left out, as pandas does."""
    import pyarrow as pa
    import pyarrow.csv as pc

    text = {name: pa.string() for name in ("", *names)}
    form = pc.ConvertOptions(column_types=text, strings_can_be_null=True, null_values=[""])
    lines = pc.ParseOptions(newlines_in_values=True)
    read = pc.open_csv(stream, pc.ReadOptions(block_size=_BLOCK), lines, form)
    if tuple(name or f"Unnamed: {place}" for place, name in enumerate(read.schema.names)) != tuple(names):
        raise Refused(_RAGGED)
    schema = pa.schema([(name, pa.string()) for name in names])
    return pa.RecordBatchReader.from_batches(schema, (batch.rename_columns(list(names)) for batch in read))

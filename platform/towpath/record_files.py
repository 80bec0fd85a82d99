"""Files of records, read and written a piece at a time: CSV (also packed with gzip) and Parquet.

Of CSV every column is text: leading zeros stay. A line that is broken is handed on as such, and takes no other line
with it.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from towpath_core.errors import CouldNot, Misused

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = (".csv", ".csv.gz", ".parquet")
CHUNK = 5000
_LONGEST_LINE = 1 << 20
_MOST_LINES = 100  # of one record: texts may have line breaks in them


@dataclass(slots=True)
class Chunk:
    """Some records. `where` is how a person finds each one; `faults` what is wrong with its line, "" if nothing."""

    columns: dict[str, list[Any]]
    where: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Reader(Protocol):
    """The records of one file. `columns` are all that it has."""

    columns: tuple[str, ...]

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """Raise CouldNot if the file breaks off."""


class _Stream(Protocol):
    def readline(self, size: int, /) -> bytes: ...


class Writer(Protocol):
    def write(self, columns: Mapping[str, Sequence[Any]]) -> None: ...


def kind(path: Path) -> str:
    """The file's kind, by its name. Raises: Misused."""
    for suffix in KINDS:
        if path.name.lower().endswith(suffix):
            return suffix
    raise Misused(f"{path.name} is no kind of file that is known here", hint=f"name it {', '.join(KINDS)}")


@contextlib.contextmanager
def reading(path: Path, delimiter: str = ",") -> Iterator[Reader]:
    """Raise CouldNot if there is no such file, Misused if it is not what its name says."""
    what = kind(path)
    with contextlib.ExitStack() as stack:
        with _translated(path):
            if what == ".parquet":
                reader: Reader = _ParquetReader(path, stack)
            else:
                stream = (
                    stack.enter_context(gzip.open(path)) if what == ".csv.gz" else stack.enter_context(path.open("rb"))
                )
                reader = _CsvReader(path, stream, delimiter)
        yield reader


@contextlib.contextmanager
def writing(path: Path, what: str, columns: Mapping[str, str]) -> Iterator[Writer]:
    """A new file at `path` of the kind `what`; `columns` maps each column to text, whole, number or time."""
    if what == ".parquet":
        with _parquet_writer(path, columns) as writer:
            yield writer
        return
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(path.open("wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0)) if what == ".csv.gz" else None
        text = stack.enter_context(io.TextIOWrapper(packed or raw, encoding="utf-8", newline=""))
        yield _CsvWriter(text, columns)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CouldNot(f"{path} breaks off, or is not packed with gzip") from error
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror or 'it is damaged'}") from error
    except ValueError as error:  # pyarrow's word for what is no Parquet file
        raise Misused(f"{path} is no Parquet file that can be read") from error


# CSV -----------------------------------------------------------------------------------------------------------------


class _CsvReader:
    def __init__(self, path: Path, stream: _Stream, delimiter: str) -> None:
        self._path = path
        self._records = _records(stream, delimiter)
        number, head, fault = next(self._records, (0, [], ""))
        if not number:
            raise Misused(f"{path} is empty")
        if fault:
            raise Misused(f"the first line of {path} is {fault}", hint="save it as CSV in UTF-8, with a line of names")
        self.columns = tuple(name.strip() for name in [head[0].removeprefix("\ufeff"), *head[1:]])
        if len(set(self.columns)) != len(self.columns):
            raise Misused(f"{path} has two columns of one name", hint="give each column a name of its own")

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        with _translated(self._path):
            yield from self._chunks(wanted)

    def _chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        places = [self.columns.index(name) for name in wanted]
        chunk = _empty(wanted)
        for line, fields, fault in self._records:
            broken = fault
            if not broken and len(fields) != len(self.columns):
                broken = f"of {len(fields)} fields, expected {len(self.columns)}"
            for name, place in zip(wanted, places, strict=True):
                chunk.columns[name].append(None if broken else fields[place])
            chunk.where.append(f"line {line}")
            chunk.faults.append(f"the line is {broken}" if broken else "")
            if len(chunk.faults) == CHUNK:
                yield chunk
                chunk = _empty(wanted)
        if chunk.faults:
            yield chunk


def _empty(wanted: Sequence[str]) -> Chunk:
    return Chunk({name: [] for name in wanted})


def _records(stream: _Stream, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Number of the first line, fields and fault of each record; a record goes on while a quote is open."""
    lines = _Lines(stream)
    for number, line in lines:
        text, fault = _decoded(line)
        if fault:
            yield number, [], fault
            continue
        fields, fault = _fields(text, delimiter)
        if fault == _OPEN:
            fields, fault = _continued(lines, text, delimiter)
        yield number, fields, fault


def _continued(lines: _Lines, text: str, delimiter: str) -> tuple[list[str], str]:
    """The rest of a record whose quote is open; where none closes it, the lines behind it are records of their own."""
    taken: list[tuple[int, bytes]] = []
    for number, line in lines:
        taken.append((number, line))
        more, fault = _decoded(line)
        text += more
        fields, broken = _fields(text, delimiter)
        if not fault and not broken:
            return fields, ""
        if fault or broken != _OPEN or len(text) > _LONGEST_LINE or len(taken) == _MOST_LINES:
            break
    lines.hand_back(taken)
    return [], _OPEN


_OPEN = "open: a quote is never closed"


def _fields(text: str, delimiter: str) -> tuple[list[str], str]:
    """One record's fields, and what is wrong with it."""
    try:
        found = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        return [], _OPEN if "unexpected end" in str(error) else f"no CSV: {error}"
    return found, "" if found else "empty"


def _decoded(line: bytes) -> tuple[str, str]:
    if len(line) > _LONGEST_LINE:
        return "", f"longer than {_LONGEST_LINE} bytes"
    try:
        return line.decode(), ""
    except UnicodeDecodeError:
        return "", "not UTF-8 text"


class _Lines:
    """The numbered lines of a file; some can be handed back. Of a line that is too long only the start is kept."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream
        self._number = 0
        self._back: deque[tuple[int, bytes]] = deque()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while True:
            if self._back:
                yield self._back.popleft()
                continue
            line = self._stream.readline(_LONGEST_LINE + 1)
            if not line:
                return
            rest = line
            while len(rest) > _LONGEST_LINE and not rest.endswith(b"\n"):
                rest = self._stream.readline(_LONGEST_LINE + 1)
            self._number += 1
            yield self._number, line

    def hand_back(self, lines: Sequence[tuple[int, bytes]]) -> None:
        self._back.extendleft(reversed(lines))


class _CsvWriter:
    def __init__(self, stream: IO[str], columns: Mapping[str, str]) -> None:
        self._writer = csv.writer(stream, lineterminator="\n")
        self._columns = columns
        self._writer.writerow(columns)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._writer.writerows(zip(*(columns[name] for name in self._columns), strict=True))


# Parquet -------------------------------------------------------------------------------------------------------------


class _ParquetReader:
    def __init__(self, path: Path, stack: contextlib.ExitStack) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._file = stack.enter_context(pq.ParquetFile(path))
        self.columns = tuple(self._file.schema_arrow.names)

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        with _translated(self._path):
            yield from self._chunks(wanted)

    def _chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        row = 0
        for batch in self._file.iter_batches(CHUNK, columns=list(wanted)):
            columns = {name: _values(batch.column(name)) for name in wanted}
            rows = range(row + 1, row + 1 + batch.num_rows)
            yield Chunk(columns, [f"row {number}" for number in rows], [""] * batch.num_rows)
            row += batch.num_rows


def _values(column: pa.Array) -> list[Any]:
    """Python's own values; exact decimals as the numbers that a model takes."""
    import pyarrow as pa

    found: list[Any] = (column.cast(pa.float64()) if pa.types.is_decimal(column.type) else column).to_pylist()
    return found


@contextlib.contextmanager
def _parquet_writer(path: Path, columns: Mapping[str, str]) -> Iterator[Writer]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "whole": pa.int64(), "number": pa.float64(), "time": pa.timestamp("us", "UTC")}
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])

    class ParquetWriter:
        def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
            file.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema))

    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        yield ParquetWriter()

"""Labels brought from one nomenclature version to the next; what a rule cannot decide is put aside for people.

Each record goes to exactly one of two files. Memory does not grow with the file.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from towpath import record_files
from towpath_checks.correspondence import KINDS, RECODED, SPLIT, UNKNOWN, Correspondence
from towpath_checks.dataset import like
from towpath_core.errors import Misused, Refused
from towpath_core.files import written_whole

if TYPE_CHECKING:
    import pyarrow as pa

CURRENT, OTHER = "current", "other version"
REASON, CANDIDATES = "relabel_reason", "relabel_candidates"
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class Order:
    """What to recode: `column` holds the labels; `version_column`, if any, which version each is of.

    With it, a record is recoded only if its version is not yet `to_version`, and gets that version. `table` is the file
    of the correspondence table, if it is one: no output may take its place.
    """

    source: Path
    output: Path
    relabel: Path
    column: str
    version_column: str = ""
    to_version: str = ""
    force: bool = False
    table: Path | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many records of each kind; the codes, with how many records each, that lead to several or are unknown."""

    counts: Mapping[str, int]
    split: Mapping[str, int]
    unknown: Mapping[str, int]
    known: frozenset[str] = field(default_factory=frozenset)

    @property
    def records(self) -> int:
        return sum(self.counts.values())

    @property
    def recoded(self) -> int:
        return sum(self.counts[kind] for kind in RECODED)

    @property
    def written(self) -> int:
        """How many went to the output; the others are to be labelled again."""
        return self.recoded + self.counts[CURRENT]

    @property
    def to_relabel(self) -> int:
        return self.records - self.written

    def unknown_codes(self) -> tuple[str, ...]:
        """A few of those that could be a slip of a code; a text that strayed into the label is not told."""
        return like((code for code, _ in Counter(self.unknown).most_common()), self.known)


class _Writer(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...


def check(order: Order) -> None:
    """Raise Misused for what can be told before a record is read."""
    kind = record_files.kind(order.source)
    for option, path in (("--output", order.output), ("--relabel", order.relabel)):
        if (record_files.kind(path) == ".parquet") != (kind == ".parquet"):
            raise Misused(f"{option}: {path.name} is of another kind than {order.source.name}", hint="use its ending")
        if path.exists() and not order.force:
            raise Misused(f"{path} is there already", hint="choose another name, or replace it with --force")
    if len({path.resolve() for path in (order.source, order.output, order.relabel)}) < 3:
        raise Misused("DATA, --output and --relabel must be three files", hint="choose another name")
    if order.table and order.table.resolve() in (order.output.resolve(), order.relabel.resolve()):
        raise Misused(f"{order.table} is the correspondence table, which is only read", hint="choose another name")


def recode(order: Order, table: Correspondence, say: Callable[[str], None]) -> Summary:
    """Write both files, whole or not at all.

    Raises: Misused and CouldNot for a file that cannot be read; Refused for records that cannot be told apart: a
    missing column, a broken line, codes that are numbers, a version column without a version to compare with.
    """
    check(order)
    to_version = order.to_version or table.to_version
    if table.to_version and to_version != table.to_version:
        raise Refused(f"the table leads to {table.to_version}, not to {to_version}", hint="leave --to-version away")
    if order.version_column and not to_version:
        raise Refused(
            f"{order.version_column} says the version of each label, and nobody the new one",
            hint="give the correspondence table a column to_version, or say --to-version",
        )
    tally = _Tally()
    with contextlib.ExitStack() as stack:
        schema, batches = _opened(order.source, stack)
        schema = _fit(schema, order)
        further = schema.append(_text(REASON)).append(_text(CANDIDATES))
        output = _created(stack, order.output, schema)
        relabel = _created(stack, order.relabel, further)  # in its place first: no record is lost between the two
        for batch in batches:
            done, open_ = _divided(batch.cast(schema), order, table, to_version, tally, further)
            output.write(done)
            relabel.write(open_)
            say(f"  {sum(tally.counts.values()):,} records")
        if not tally.counts:
            raise Refused(f"{order.source.name} has no records")
    counts = {kind: tally.counts[kind] for kind in (CURRENT, *KINDS, OTHER)}
    return Summary(counts, dict(tally.split), dict(tally.unknown), frozenset(table.codes))


@dataclass(frozen=True, slots=True)
class _Tally:
    counts: Counter[str] = field(default_factory=Counter)
    split: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


def _divided(
    batch: pa.RecordBatch, order: Order, table: Correspondence, to_version: str, tally: _Tally, further: pa.Schema
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The records that are done, and those that people label again with the reason why."""
    import pyarrow as pa

    codes = [str(code or "").strip() for code in batch.column(order.column).to_pylist()]
    versions = batch.column(order.version_column).to_pylist() if order.version_column else [None] * len(codes)
    kinds = [_kind(c, v, order, table, to_version) for c, v in zip(codes, versions, strict=True)]
    tally.counts.update(kinds)
    tally.split.update(code for code, kind in zip(codes, kinds, strict=True) if kind == SPLIT)
    tally.unknown.update(code for code, kind in zip(codes, kinds, strict=True) if kind == UNKNOWN)
    made = [table.new(c) if kind in RECODED else c for c, kind in zip(codes, kinds, strict=True)]
    done = [kind == CURRENT or kind in RECODED for kind in kinds]
    recoded = _with(batch, order.column, made)
    if order.version_column:
        new = [to_version if kind in RECODED else v for v, kind in zip(versions, kinds, strict=True)]
        recoded = _with(recoded, order.version_column, new)
    candidates = [" ".join(table.codes[c]) if kind == SPLIT else "" for c, kind in zip(codes, kinds, strict=True)]
    arrays = [*batch.columns, pa.array(kinds, pa.string()), pa.array(candidates, pa.string())]
    whole = pa.RecordBatch.from_arrays(arrays, schema=further)
    return recoded.filter(pa.array(done)), whole.filter(pa.array([not one for one in done]))


def _kind(code: str, version: object, order: Order, table: Correspondence, to_version: str) -> str:
    if order.version_column:
        said = str(version or "").strip()
        if said == to_version:
            return CURRENT
        if not said or said != (table.from_version or said):
            return OTHER
    return table.kind(code)


def _with(batch: pa.RecordBatch, name: str, values: Sequence[Any]) -> pa.RecordBatch:
    import pyarrow as pa

    place = batch.schema.get_field_index(name)
    return batch.set_column(place, batch.schema.field(name), pa.array(values, batch.schema.field(name).type))


def _fit(schema: pa.Schema, order: Order) -> pa.Schema:
    """The columns as they are written. Raises: Refused where codes are missing or no texts."""
    import pyarrow as pa

    for name in filter(None, (order.column, order.version_column)):
        place = schema.get_field_index(name)
        if place < 0:
            hint = "say --column, and --version-column '' if no column says the version"
            raise Refused(f"{order.source.name} has no column {name}", hint=hint)
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise Refused(f"{name} is stored as {kind}, not as text: zeros at the front of a code may be lost")
        schema = schema.set(place, _text(name))
    if taken := [name for name in (REASON, CANDIDATES) if name in schema.names]:
        raise Refused(f"{order.source.name} has a column {taken[0]} of its own", hint="rename it")
    return schema


def _text(name: str) -> pa.Field[Any]:
    import pyarrow as pa

    return pa.field(name, pa.string())


def _opened(path: Path, stack: contextlib.ExitStack) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    reader = stack.enter_context(record_files.reading(path))
    if record_files.kind(path) != ".parquet":
        return pa.schema([_text(name) for name in reader.columns]), _lines(reader)
    file = stack.enter_context(pq.ParquetFile(path))
    return file.schema_arrow.remove_metadata(), _whole(file.iter_batches(_BATCH), path)


def _whole(batches: Iterator[pa.RecordBatch], path: Path) -> Iterator[pa.RecordBatch]:
    """Raise Refused where the file breaks off."""
    import pyarrow as pa

    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        raise Refused(f"{path.name} breaks off, or is damaged") from error


def _lines(reader: record_files.Reader) -> Iterator[pa.RecordBatch]:
    """Raise Refused at the first line that is broken."""
    import pyarrow as pa

    for chunk in reader.chunks(reader.columns):
        for where, fault in zip(chunk.where, chunk.faults, strict=True):
            if fault:
                raise Refused(f"{where}: {fault}")
        arrays = [pa.array(chunk.columns[name], pa.string()) for name in reader.columns]
        yield pa.RecordBatch.from_arrays(arrays, names=list(reader.columns))


def _created(stack: contextlib.ExitStack, path: Path, schema: pa.Schema) -> _Writer:
    """Takes batches of the schema; the file is there when the stack ends well."""
    import pyarrow.parquet as pq

    part = stack.enter_context(written_whole(path))
    kind = record_files.kind(path)
    if kind == ".parquet":
        writer: _Writer = stack.enter_context(pq.ParquetWriter(part, schema, compression="zstd"))
        return writer
    rows = stack.enter_context(record_files.writing(part, kind, dict.fromkeys(schema.names, "text")))
    return _Rows(rows)


@dataclass(frozen=True, slots=True)
class _Rows:
    writer: record_files.Writer

    def write(self, batch: pa.RecordBatch) -> None:
        self.writer.write(batch.to_pydict())

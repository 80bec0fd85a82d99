"""A file of records in, a file of answers out, in memory that does not grow with either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import record_files
from towpath.record_files import Chunk, Reader
from towpath_core.clock import Clock, stamp, utc_now
from towpath_core.errors import Misused, Refused
from towpath_core.files import written_whole

if TYPE_CHECKING:
    from towpath_serve.predictor import Predictor

SHOWN = 20  # rejected records on standard error; all of them are in the output
_PROGRESS = 3.0  # seconds


@dataclass(slots=True)
class Summary:
    """How many records were decided how, and the first that were rejected: where and why, never what."""

    records: int = 0
    auto: int = 0
    review: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Order:
    """What to score: `record_id` is the column whose values are kept beside the answers, if the file has it."""

    source: Path
    target: Path
    record_id: str = "record_id"
    delimiter: str = ","
    force: bool = False
    strict: bool = False


def check(order: Order) -> None:
    """Raise Misused for what can be told before a model is loaded."""
    record_files.kind(order.source)
    record_files.kind(order.target)
    if len(order.delimiter) != 1 or order.delimiter in '"\r\n':
        raise Misused("a delimiter is one character", hint="--delimiter ';'")
    if order.target.exists() and not order.force:
        raise Misused(f"{order.target} is there already", hint="choose another name, or replace it with --force")
    if order.target.exists() and order.source.exists() and order.target.samefile(order.source):
        raise Misused(f"{order.target} is the file to read", hint="choose another name for the answers")


def score(predictor: Predictor, order: Order, *, say: Callable[[str], None], clock: Clock = utc_now) -> Summary:
    """Answer every record of the source, in its order; the target is there when all is done, or not at all.

    Raises: Misused for a file that lacks what the model needs; Refused when no record could be answered, or, if that
    is what the order wants, when one could not.
    """
    summary = Summary()
    progress = _Progress(say, summary)
    what = record_files.kind(order.target)
    with record_files.reading(order.source, order.delimiter) as reader:
        wanted = _wanted(reader, predictor, order)
        kept = order.record_id in wanted
        with written_whole(order.target) as part, record_files.writing(part, what, _columns(predictor, kept)) as writer:
            now = clock()
            for chunk in reader.chunks(wanted):
                ids = chunk.columns[order.record_id] if kept else []
                columns, reasons = _answered(predictor, chunk)
                first = summary.records + 1
                columns["row"] = list(range(first, first + len(reasons)))
                columns["record_id"] = [None if name is None else str(name) for name in ids]
                columns["scored_at"] = [_moment(now, what)] * len(reasons)
                writer.write(columns)
                _count(summary, columns["decision"], _problems(chunk, ids, reasons), say)
                progress.tell()
            _judge(summary, order)
    return summary


def _wanted(reader: Reader, predictor: Predictor, order: Order) -> list[str]:
    """The columns to read. Raises: Misused if one that the model needs is not there."""
    inputs = predictor.manifest.inputs
    if missing := [field.name for field in inputs if field.required and field.name not in reader.columns]:
        raise Misused(
            f"{order.source} has no column {', '.join(missing)}; it has {', '.join(reader.columns[:20])}"[:500],
            hint=_separator(reader.columns, order.delimiter) or "name the columns as the model's inputs are named",
        )
    names = [field.name for field in inputs if field.name in reader.columns]
    return [*names, *([order.record_id] if order.record_id in reader.columns and order.record_id not in names else [])]


def _separator(columns: Sequence[str], delimiter: str) -> str:
    """What the columns seem to be separated by, if it is not `delimiter`."""
    found = next((mark for mark in ";\t|," if mark != delimiter and len(columns) == 1 and mark in columns[0]), "")
    shown = "$'\\t'" if found == "\t" else f"'{found}'"
    return f"the columns seem to be separated otherwise: --delimiter {shown}" if found else ""


def _columns(predictor: Predictor, record_id: bool) -> dict[str, str]:
    """The columns of the answers, and what each holds."""
    top = range(1, min(predictor.manifest.top, len(predictor.classes)) + 1)
    return {
        **({"record_id": "text"} if record_id else {}),
        "row": "whole",
        "label": "text",
        "probability": "number",
        "decision": "text",
        "reason": "text",
        **{f"top_{place}": "text" for place in top},
        **{f"p_{place}": "number" for place in top},
        "model": "text",
        "model_digest": "text",
        "threshold": "number",
        "scored_at": "time",
    }


def _answered(predictor: Predictor, chunk: Chunk) -> tuple[dict[str, list[Any]], list[str]]:
    """The answers' columns, and why each rejected record was rejected."""
    count = len(chunk.faults)
    vetted = predictor.vet(chunk.columns, count, already=chunk.faults, numbers_as_text=True)
    answers = predictor.answers(predictor.probabilities(vetted.inputs))
    good = [place for place, reason in enumerate(vetted.reasons) if not reason]

    def spread(values: Sequence[Any], absent: Any = None) -> list[Any]:
        whole = [absent] * count
        for place, value in zip(good, values, strict=True):
            whole[place] = value
        return whole

    columns = {
        "decision": spread(answers.decisions.tolist(), "rejected"),
        "reason": vetted.reasons,
        "model": [predictor.version] * count,
        "model_digest": [predictor.digest] * count,
        "threshold": [predictor.manifest.threshold.value] * count,
    }
    for place in range(answers.labels.shape[1]):
        columns[f"top_{place + 1}"] = spread(answers.labels[:, place].tolist())
        columns[f"p_{place + 1}"] = spread(answers.probabilities[:, place].tolist())
    columns["label"], columns["probability"] = columns["top_1"], columns["p_1"]
    return columns, vetted.reasons


def _moment(now: datetime, what: str) -> datetime | str:
    return now if what == ".parquet" else stamp(now)


def _problems(chunk: Chunk, ids: Sequence[Any], reasons: Sequence[str]) -> Iterator[str]:
    for place, reason in enumerate(reasons):
        if reason:
            named = f" (record {ids[place]})" if ids and ids[place] else ""
            yield f"{chunk.where[place]}{named}: {reason}"


def _count(summary: Summary, decisions: Sequence[str], problems: Iterator[str], say: Callable[[str], None]) -> None:
    summary.records += len(decisions)
    summary.auto += decisions.count("auto")
    summary.review += decisions.count("review")
    for problem in problems:
        summary.rejected += 1
        if summary.rejected <= SHOWN:
            summary.problems.append(problem)
            say(f"rejected: {problem}")


def _judge(summary: Summary, order: Order) -> None:
    if not summary.records:
        raise Misused(f"{order.source} holds no records")
    if summary.rejected == summary.records:
        raise Refused(f"none of the {summary.records} records could be answered; {summary.problems[0]}")
    if order.strict and summary.rejected:
        raise Refused(
            f"{summary.rejected} of {summary.records} records were rejected, so nothing was written",
            hint="mend them, or leave out --strict: they are then in the output with the decision rejected",
        )


@dataclass(slots=True)
class _Progress:
    say: Callable[[str], None]
    summary: Summary
    start: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        """A line now and then, for a person who waits."""
        now = time.monotonic()
        if now - self.told > _PROGRESS:
            self.told = now
            rate = self.summary.records / (now - self.start)
            self.say(f"{self.summary.records:,} records, {rate:,.0f} per second")


def told(summary: Summary, order: Order, predictor: Predictor) -> tuple[Mapping[str, Any], str]:
    """The result, for a program and for a person."""
    content = {
        "records": summary.records,
        "auto": summary.auto,
        "review": summary.review,
        "rejected": summary.rejected,
        "problems": summary.problems,
        "output": str(order.target),
        "model": predictor.version,
        "digest": predictor.digest,
        "threshold": predictor.manifest.threshold.value,
    }
    text = (
        f"{summary.records} records by {predictor.version}: {summary.auto} auto, {summary.review} review, "
        f"{summary.rejected} rejected → {order.target}"
    )
    return content, text

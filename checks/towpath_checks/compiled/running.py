"""Running what was compiled: one query, then what needs its result, then the records to show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Answer, Json, Refuse, Relation
from towpath_checks.compiled.columns import Column, Family
from towpath_checks.compiled.conditions import compile_condition
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, Scan, nested
from towpath_checks.compiled.table import ABOUT_COLUMNS
from towpath_core.errors import CouldNot

_SHOWN = 5
Compilers = Mapping[str, Callable[[Draft], Finish]]
Compiled = Finish | Refuse


def compiled(asked: Json, columns: Mapping[str, Column], scan: Scan, kinds: Compilers, indexed: bool) -> Compiled:
    """One expectation as what it adds to the scan and what makes a result of it, or why it is refused.

    `indexed`: pandas would make an index of a column, so that it counts one column less.
    """
    kind, kwargs = asked["type"], asked["kwargs"]
    trial = Scan()  # what is refused half-way adds nothing to the one query
    try:
        if kind not in kinds:
            raise Refuse("an expectation that is not Great Expectations' own")
        if indexed and kind in ABOUT_COLUMNS:
            raise Refuse("a file with pandas' index among its columns")
        if asked.get("windows") or "$PARAMETER" in str(kwargs):
            raise Refuse("a parameter of the suite")
        _draft(kind, kwargs, columns, trial, kinds)
    except Refuse as why:
        return why
    return _draft(kind, kwargs, columns, scan, kinds)


def run(
    finishes: Sequence[Compiled], expectations: Sequence[Json], scan: Scan, table: Relation, name: Column | None
) -> list[Answer]:
    """An answer for each expectation, in their order.

    Raises: CouldNot where the table cannot be read, NotComputed where DuckDB breaks off on a value.
    """
    base = _base(table)
    with _translated():
        cursor = table.connection.cursor()
        query = scan.sql(base)
        read = Read(cursor.execute(query).fetchone() or () if query else (), base, table.connection)
        return [_answer(finish, asked, read, name) for finish, asked in zip(finishes, expectations, strict=True)]


def _draft(kind: str, kwargs: Mapping[str, Any], columns: Mapping[str, Column], scan: Scan, kinds: Compilers) -> Finish:
    draft = Draft(kind, kwargs, columns, scan)
    if kind not in ABOUT_COLUMNS:
        draft.where = compile_condition(draft)
    return draft.guarded(kinds[kind](draft))


def _answer(finish: Compiled, asked: Json, read: Read, name: Column | None) -> Answer:
    if isinstance(finish, Refuse):
        return Answer(None, str(finish))
    try:
        outcome = finish(read)
    except Refuse as why:
        return Answer(None, str(why))
    return Answer(_shaped(asked, outcome), rows=_rows(outcome, read, name))


def _rows(outcome: Outcome, read: Read, name: Column | None) -> tuple[object, ...]:
    """The names of the first records that are not as expected, in the order of the file."""
    if name is None:
        return ()
    named = name.sql if name.family in (Family.WHOLE, Family.TEXT) else f"{name.sql}::VARCHAR"
    if outcome.named is not None:
        return tuple(outcome.named(named, _SHOWN))
    if outcome.sought is not None:
        found = read.of(outcome.sought(named), "v", rest=f"ORDER BY nth LIMIT {_SHOWN}")
    elif outcome.unexpected:
        found = read.query(named, outcome.unexpected, f"LIMIT {_SHOWN}")
    else:
        return ()
    return tuple(row[0] for row in found.fetchall())


def _shaped(asked: Json, outcome: Outcome) -> Json:
    return {
        "success": bool(outcome.success),
        "expectation_config": {
            "type": asked["type"],
            "kwargs": dict(asked["kwargs"]),
            "meta": dict(asked.get("meta") or {}),
            "severity": asked.get("severity") or "critical",
        },
        "result": dict(outcome.result),
        "meta": {},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }


def _base(table: Relation) -> str:
    """The table as pandas sees it: what is not a number is missing."""
    real = [literals.name(name) for name, kind in table.columns.items() if kind in ("FLOAT", "DOUBLE")]
    if not real:
        return nested(table.sql, "*")
    replaced = ", ".join(f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END AS {name}" for name in real)
    return nested(table.sql, f"* REPLACE ({replaced})")


class NotComputed(Exception):
    """DuckDB broke off on a value of one of several expectations."""


@contextmanager
def _translated() -> Iterator[None]:
    import duckdb

    try:
        yield
    except (duckdb.OutOfRangeException, duckdb.ConversionException, duckdb.BinderException):
        raise NotComputed from None
    except duckdb.OutOfMemoryException as error:
        hint = "give DuckDB a folder with more space for what does not fit into memory"
        raise CouldNot("the checks ran out of memory and of disk space to spill to", hint=hint) from error
    except duckdb.Error as error:  # its message can hold values: only its kind is told
        raise CouldNot(f"reading the table failed: {type(error).__name__}") from None

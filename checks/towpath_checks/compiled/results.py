"""Results as Great Expectations shapes them, with its own arithmetic (expectation.py, `_format_map_output`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towpath_checks.compiled._nouns import Json
from towpath_checks.compiled.columns import Column
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read


def holds_mostly(considered: int, unexpected: int, mostly: float) -> bool:
    """Great Expectations' `_mostly_success`, literally: the order of operations decides at the edge."""
    return (float(considered) - float(unexpected)) / float(considered) >= mostly


def of_records(elements: int, considered: int, unexpected: int, mostly: float, condition: str = "") -> Outcome:
    """The result of an expectation about single records, `considered` of which are not missing or ignored."""
    share = unexpected / considered * 100 if considered else None
    result: Json = {
        "element_count": elements,
        "unexpected_count": unexpected,
        "unexpected_percent": share if elements else None,
        "partial_unexpected_list": [],
        "missing_count": elements - considered,
        "missing_percent": (elements - considered) / elements * 100 if elements else None,
        "unexpected_percent_total": unexpected / elements * 100 if elements else None,
        "unexpected_percent_nonmissing": share if elements else None,
    }
    success = not elements or not considered or holds_mostly(considered, unexpected, mostly)
    return Outcome(success, result, condition if unexpected else "")


def each(draft: Draft, column: Column, expected: str) -> Finish:
    """Every value of the column that is not missing meets a condition."""
    mostly = draft.mostly
    present = f"{column.sql} IS NOT NULL"
    elements, considered = draft.count(), draft.count(present)
    condition = draft.within(present, f"NOT {expected}")
    unexpected = draft.count(present, f"NOT {expected}")
    return lambda read: of_records(read[elements], read[considered], read[unexpected], mostly, condition)


def each_row(draft: Draft, kept: str, expected: str) -> Finish:
    """Every record that is kept (all, where `kept` is empty) meets a condition."""
    mostly = draft.mostly
    elements, considered = draft.count(), draft.count(kept)
    condition = draft.within(kept, f"NOT {expected}")
    unexpected = draft.count(kept, f"NOT {expected}")
    return lambda read: of_records(read[elements], read[considered], read[unexpected], mostly, condition)


def observed(
    value: Callable[[Read], Any], judge: Callable[[Any], bool], told: Callable[[Any], Any] = lambda got: got
) -> Finish:
    """One observed value, which fails where there is none; `told` makes of it what stands in the result."""

    def finish(read: Read) -> Outcome:
        got = value(read)
        return Outcome(got is not None and judge(got), {"observed_value": None if got is None else told(got)})

    return finish

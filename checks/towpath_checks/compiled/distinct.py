"""The set of a column's distinct values beside an expected set, and its most common values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Json, Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, nested
from towpath_checks.compiled.sets import calendar, listed, value_set

_SHOWN = 20


def in_set(draft: Draft) -> Finish:
    """expect_column_distinct_values_to_be_in_set."""
    return _compared(draft, inside=True, contains=False)


def contains_set(draft: Draft) -> Finish:
    """expect_column_distinct_values_to_contain_set."""
    return _compared(draft, inside=False, contains=True)


def equals_set(draft: Draft) -> Finish:
    """expect_column_distinct_values_to_equal_set."""
    return _compared(draft, inside=True, contains=True)


def most_common(draft: Draft) -> Finish:
    """expect_column_most_common_value_to_be_in_set; ties are all the most common."""
    column, ties_okay = draft.one_of(*NUMBERS, Family.TEXT), draft.flag("ties_okay")
    draft.distinguishable(column)
    inside = literals.is_in("v", listed(draft, column, value_set(draft)))
    present = draft.within(f"{column.sql} IS NOT NULL")

    def finish(read: Read) -> Outcome:
        counted = nested(read.base, f"{column.sql} AS v, count(*) AS n", present, "GROUP BY 1")
        common = nested(counted, "v", rest="QUALIFY n = max(n) OVER ()")
        ties, found = read.one(f"count(*), count(*) FILTER (WHERE {inside})", source=common)
        values = [row[0] for row in read.of(common, "v", rest=f"ORDER BY v LIMIT {_SHOWN}").fetchall()]
        return Outcome(found > 0 if ties_okay else ties == found == 1, {"observed_value": values})

    return finish


def _compared(draft: Draft, inside: bool, contains: bool) -> Finish:
    column, values = draft.column(), value_set(draft)
    if None in values or not values:
        raise Refuse("a value_set of nothing, or with nothing in it")
    known, expected = _known(draft, column, values)
    present = draft.within(f"{column.sql} IS NOT NULL")
    member = literals.is_in("v", known)

    def finish(read: Read) -> Outcome:
        grouped = nested(read.base, f"{column.sql} AS v", present, "GROUP BY 1")
        distinct, found = read.one(f"count(*), count(*) FILTER (WHERE {member})", source=grouped)
        unexpected, missing = distinct - found, (expected if distinct else len(set(values))) - found
        result: Json = {"observed_value": None}
        result |= {"unexpected_count": unexpected} if inside else {}
        result |= {"missing_count": missing} if contains else {}
        bad = draft.within(f"{column.sql} IS NOT NULL", f"NOT {literals.is_in(column.sql, known)}")
        return Outcome(
            not (inside and unexpected) and not (contains and missing), result, bad if inside and unexpected else ""
        )

    return finish


def _known(draft: Draft, column: Column, values: Sequence[Any]) -> tuple[list[str], int]:
    """The values that the column can hold as SQL, and how many different values are expected in all."""
    if column.family not in (Family.DATE, Family.MOMENT):
        if column.family is Family.TRUTH and not all(isinstance(value, bool) for value in values):
            raise Refuse("truth values with a set of something else")
        return listed(draft, column, values), len(set(values))
    draft.finite(column)
    known = calendar(column, values)
    return known, len(known)


KINDS = {
    "expect_column_distinct_values_to_be_in_set": in_set,
    "expect_column_distinct_values_to_contain_set": contains_set,
    "expect_column_distinct_values_to_equal_set": equals_set,
    "expect_column_most_common_value_to_be_in_set": most_common,
}

"""Values in a set, as pandas' `isin` has it: a value of another kind than the column's never matches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.bounds import ticks
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, of
from towpath_checks.compiled.results import each


def value_set(draft: Draft) -> list[Any]:
    """The expectation's `value_set`.

    Raises: Refuse for what is no list of plain values.
    """
    values = draft.kwargs.get("value_set")
    if not isinstance(values, list) or not all(isinstance(one, (str, int, float, type(None))) for one in values):
        raise Refuse("a value_set that is no list of texts and numbers")
    return values


def in_set(draft: Draft) -> Finish:
    """expect_column_values_to_be_in_set."""
    column = draft.column()
    if column.family in (Family.DATE, Family.MOMENT) and all(isinstance(one, str) for one in value_set(draft)):
        return each(draft, column, "false")  # a text is never a date to pandas
    return each(draft, column, members(draft, column, value_set(draft)))


def not_in_set(draft: Draft) -> Finish:
    """expect_column_values_to_not_be_in_set."""
    column = draft.column()
    if column.family is Family.DATE and all(isinstance(one, str) for one in value_set(draft)):
        return each(draft, column, "true")
    if column.family is Family.MOMENT:  # here alone Great Expectations reads the texts as timestamps
        draft.finite(column)
        return each(draft, column, f"(NOT {literals.is_in(column.sql, calendar(column, value_set(draft)))})")
    return each(draft, column, f"(NOT {members(draft, column, value_set(draft))})")


def members(draft: Draft, column: Column, values: Sequence[Any]) -> str:
    """The condition that a value of the column, not missing, is one of the values."""
    return literals.is_in(column.sql, listed(draft, column, values))


def listed(draft: Draft, column: Column, values: Sequence[Any]) -> list[str]:
    """The values that the column can hold, as SQL. A missing value among them matches nothing that is there."""
    of(column, *NUMBERS, Family.TEXT, Family.TRUTH, Family.DECIMAL)
    given = [value for value in values if value is not None]
    if column.family is Family.TEXT:
        return _texts(column, given)
    if column.family is Family.TRUTH:
        if not all(isinstance(value, bool) for value in given):
            raise Refuse("truth values with a set of something else")
        return [str(value).lower() for value in given]
    if not all(literals.is_number(value) for value in given):
        raise Refuse("numbers with a set of something else")
    if column.family is Family.DECIMAL:
        return _decimals(column, given)
    return _numbers(draft, column, given)


def calendar(column: Column, values: Sequence[Any]) -> list[str]:
    """Texts as the column's own kind, each once; dateutil, which Great Expectations asks, reads these forms alike.

    Raises: Refuse for another form, and for timestamps with a zone.
    """
    if column.zone:
        raise Refuse("timestamps with a zone in a set")
    read = sorted({_day_or_moment(column, value) for value in values})
    if column.family is Family.DATE:
        return [f"DATE '{one}'" for one in read]
    maker = "make_timestamp_ns" if column.unit == "ns" else "make_timestamp"
    return [f"{maker}({ticks(one, column)})" for one in read]


def _day_or_moment(column: Column, value: object) -> Any:
    kind = date if column.family is Family.DATE else datetime
    if not isinstance(value, str) or len(value) not in ({10} if kind is date else {10, 19}):
        raise Refuse("dates with a set of something else")
    try:
        return kind.fromisoformat(value)
    except ValueError:
        raise Refuse("dates with a set of something else") from None


def _texts(column: Column, given: Sequence[Any]) -> list[str]:
    strange = [value for value in given if not isinstance(value, str)]
    if strange and (column.category or not all(literals.is_number(value) and abs(value) < 2**62 for value in strange)):
        raise Refuse("texts with a set of something else")
    return [literals.text(value) for value in given if isinstance(value, str)]


def _numbers(draft: Draft, column: Column, given: Sequence[Any]) -> list[str]:
    if column.family is Family.REAL:
        return [literals.real(value) for value in given]
    if column.dtype == "int64" and all(isinstance(value, int) for value in given):
        draft.distinguishable(column)
    else:
        draft.small(column)
    return [literals.whole(value) if isinstance(value, int) else literals.real(value) for value in given]


def _decimals(column: Column, given: Sequence[Any]) -> list[str]:
    """Those that are exactly a decimal of the column's places; Python finds a double equal to no other decimal."""
    if column.scale > 18 or any(abs(value) >= 10**18 for value in given):
        raise Refuse("decimals of more than 18 digits")
    unit = Decimal(1).scaleb(-column.scale)
    exact = ((Decimal(value), Decimal(value).quantize(unit)) for value in given)
    return [literals.decimal(rounded, column.scale) for value, rounded in exact if value == rounded]


KINDS = {
    "expect_column_values_to_be_in_set": in_set,
    "expect_column_values_to_not_be_in_set": not_in_set,
}

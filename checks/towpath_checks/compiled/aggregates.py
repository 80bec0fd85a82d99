"""One number (or date) for a whole column, and whether it lies between two bounds.

pandas adds in another order than DuckDB, so a sum, a mean and a standard deviation of real numbers are refused where a
bound is so near that rounding might decide; those of whole numbers are exact. Of decimals Great Expectations itself has
none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.bounds import Range, dates, is_missing, moments, numbers, shown
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, of
from towpath_checks.compiled.order import order_statistics
from towpath_checks.compiled.results import observed

_ROUNDING = 1e-9
_ROUNDING_OF_32_BITS = 1e-4


def largest(draft: Draft) -> Finish:
    """expect_column_max_to_be_between."""
    return _extreme(draft, "max")


def smallest(draft: Draft) -> Finish:
    """expect_column_min_to_be_between."""
    return _extreme(draft, "min")


def total(draft: Draft) -> Finish:
    """expect_column_sum_to_be_between; the sum of nothing is 0."""
    column, span, present = _number(draft)
    if column.family is Family.WHOLE:
        count, every = draft.count(present), draft.count()
        added, sizes = _exact_sum(draft, column, present)

        def exactly(read: Read) -> Outcome:
            value = _sum(read[added], read[sizes])
            got: float = value if read[count] == read[every] else float(value)
            return Outcome(span.holds(got), {"observed_value": got})

        return exactly
    added, sizes = (draft.value(f"sum({one})", present) for one in (_double(column), f"abs({_double(column)})"))
    return _rounded(span, lambda read: read[added] or 0.0, lambda read: (read[sizes] or 0.0) * _tolerance(column))


def mean(draft: Draft) -> Finish:
    """expect_column_mean_to_be_between."""
    column, span, present = _number(draft)
    count = draft.count(present)
    if column.family is Family.WHOLE:
        added, sizes = _exact_sum(draft, column, present)
        return observed(lambda read: _mean(_sum(read[added], read[sizes]), read[count]), span.holds)
    average, sizes = (draft.value(f"avg({one})", present) for one in (_double(column), f"abs({_double(column)})"))
    return _rounded(span, lambda read: read[average], lambda read: (read[sizes] or 0.0) * _tolerance(column))


def stdev(draft: Draft) -> Finish:
    """expect_column_stdev_to_be_between; of the sample (n - 1), so there is none of fewer than two values."""
    column, span, present = _number(draft)
    deviation = draft.value(f"stddev_samp({_double(column)})", present)
    size = draft.value(f"avg(abs({_double(column)}))", present)
    return _rounded(
        span,
        lambda read: read[deviation],
        lambda read: max(read[size] or 0.0, abs(read[deviation] or 0.0)) * _tolerance(column),
    )


def median(draft: Draft) -> Finish:
    """expect_column_median_to_be_between; the mean of the two middle values."""
    column, span, present = _number(draft, Family.DECIMAL)
    count, where = draft.count(present), draft.within(present)

    def middle(read: Read) -> float | None:
        n = read[count]
        if not n:
            return None
        low, high = order_statistics(read, column, where, n, [(n - 1) // 2, n // 2])
        value = low if n % 2 else (float(low) + float(high)) / 2
        return float(struct.unpack("f", struct.pack("f", value))[0]) if column.single else float(value)

    if column.single:
        return _rounded(span, middle, lambda read: 1e-6)
    return observed(middle, span.holds)


def _extreme(draft: Draft, which: str) -> Finish:
    column = draft.column()
    of(column, *NUMBERS, Family.DATE, Family.MOMENT, Family.DECIMAL)
    present = f"{column.sql} IS NOT NULL"
    draft.finite(column)
    if column.family is Family.MOMENT:
        return _extreme_moment(draft, column, which)
    value = draft.value(f"{which}({column.sql})", present)
    if column.family is Family.DATE:
        return _extreme_date(draft, value)
    draft.small(column)
    span = numbers(draft)
    if column.single:
        return _rounded(span, lambda read: read[value], lambda read: 1e-6 * abs(read[value]))
    count, every = draft.count(present), draft.count()

    def number(read: Read) -> Any:
        """A double where pandas made one of a whole number, because one is missing."""
        got = read[value]
        return float(got) if isinstance(got, int) and read[count] < read[every] else got

    # Python compares a decimal with a double exactly; as JSON it is a double
    return observed(number, span.holds, float) if column.family is Family.DECIMAL else observed(number, span.holds)


def _extreme_date(draft: Draft, value: int) -> Finish:
    span = dates(draft)

    def day(read: Read) -> date | None:
        got = read[value]
        if got is not None and not isinstance(got, date):
            raise Refuse("a date that Python does not hold")
        return got

    return observed(day, span.holds, date.isoformat)


def _extreme_moment(draft: Draft, column: Column, which: str) -> Finish:
    span, value = moments(draft, column), draft.value(f"{which}({column.ticks})", f"{column.sql} IS NOT NULL")
    return observed(lambda read: read[value], span.holds, lambda got: shown(got, column))


def _rounded(span: Range, value: Callable[[Read], float | None], tolerance: Callable[[Read], float]) -> Finish:
    def finish(read: Read) -> Outcome:
        got = value(read)
        if got is None or is_missing(got):
            return Outcome(False, {"observed_value": None})
        if span.near(got, tolerance(read)):
            raise Refuse("a value within rounding of its bound")
        return Outcome(span.holds(got), {"observed_value": got})

    return finish


def _number(draft: Draft, *more: Family) -> tuple[Column, Range, str]:
    column = draft.one_of(*NUMBERS, *more)
    span = numbers(draft)
    draft.small(column)
    draft.finite(column)
    return column, span, f"{column.sql} IS NOT NULL"


def _exact_sum(draft: Draft, column: Column, present: str) -> tuple[int, int]:
    wide = f"{column.sql}::BIGINT" if column.dtype != "uint64" else column.sql
    return draft.value(f"sum({wide})", present), draft.value(f"sum(abs({_double(column)}))", present)


def _sum(added: int | None, sizes: float | None) -> int:
    if (sizes or 0) >= literals.EXACT:
        raise Refuse("a sum beyond 2**53")
    return int(added or 0)


def _mean(added: int, count: int) -> float | None:
    return added / count if count else None


def _double(column: Column) -> str:
    return f"{column.sql}::DOUBLE"


def _tolerance(column: Column) -> float:
    return _ROUNDING_OF_32_BITS if column.single else _ROUNDING


KINDS = {
    "expect_column_max_to_be_between": largest,
    "expect_column_min_to_be_between": smallest,
    "expect_column_sum_to_be_between": total,
    "expect_column_mean_to_be_between": mean,
    "expect_column_stdev_to_be_between": stdev,
    "expect_column_median_to_be_between": median,
}

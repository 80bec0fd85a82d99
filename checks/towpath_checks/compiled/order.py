"""What depends on the order of the values, or of the records: quantiles, and columns that rise or fall."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, nested, of
from towpath_checks.compiled.results import of_records

_IN_MEMORY = 20_000_000  # values that one column may hold at once; beyond, they are sorted on disk


def order_statistics(read: Read, column: Column, where: str, n: int, ranks: Sequence[int]) -> list[Any]:
    """The values of these ranks (0 is the smallest) among n values, exactly."""
    wanted = sorted(set(ranks))
    if n <= _IN_MEMORY:
        exact = ", ".join(f"quantile_disc({column.sql}, {(rank + 0.5) / n!r})" for rank in wanted)
        found = dict(zip(wanted, read.one(exact, where), strict=True))
    else:
        ranked = nested(read.base, f"{column.sql} AS v, row_number() OVER (ORDER BY {column.sql}) - 1 AS n", where)
        found = dict(read.of(ranked, "n, v", literals.is_in("n", map(str, wanted))).fetchall())
    return [found[rank] for rank in ranks]


def quantiles(draft: Draft) -> Finish:
    """expect_column_quantile_values_to_be_between, with pandas' "nearest" and Great Expectations' tolerance (1e-4)."""
    column, (asked, ranges) = draft.one_of(*NUMBERS), _quantile_ranges(draft)
    draft.small(column)
    draft.finite(column)
    present = f"{column.sql} IS NOT NULL"
    count, where, every = draft.count(present), draft.within(present), draft.count()

    def finish(read: Read) -> Outcome:
        n = read[count]
        if not n:
            raise Refuse("quantiles of nothing")
        values = order_statistics(read, column, where, n, [_nearest(quantile, n) for quantile in asked])
        if n < read[every] or column.family is Family.REAL:
            values = [float(value) for value in values]
        told = [_inside(value, *span) for value, span in zip(values, ranges, strict=True)]
        result = {"observed_value": {"quantiles": asked, "values": values}, "details": {"success_details": told}}
        return Outcome(all(told), result)

    return finish


def increasing(draft: Draft) -> Finish:
    """expect_column_values_to_be_increasing: each value beside the last one that is not missing."""
    return _steps(draft, ">")


def decreasing(draft: Draft) -> Finish:
    """expect_column_values_to_be_decreasing."""
    return _steps(draft, "<")


def _steps(draft: Draft, operator: str) -> Finish:
    column, mostly = draft.column(), draft.mostly
    of(column, *NUMBERS, Family.MOMENT)
    if column.dtype.startswith("uint"):
        raise Refuse("differences of numbers without a sign")
    draft.small(column)
    if column.family is Family.MOMENT:
        draft.finite(column)
    present = f"{column.sql} IS NOT NULL"
    elements, considered, where = draft.count(), draft.count(present), draft.within(present)
    step = f"x {operator if draft.flag('strictly') else operator + '='} before"
    if column.family is Family.REAL:
        step += " OR (isinf(x) AND x = before)"  # their difference is no number, which pandas lets pass
    unexpected = f"NOT (before IS NULL OR {step})"

    def finish(read: Read) -> Outcome:
        source = partial(_beside, read.base, column, where)
        count = read.one("count(*)", unexpected, source("NULL"))[0]
        outcome = of_records(read[elements], read[considered], count, mostly)
        sought = (lambda name: nested(source(name), "v, nth", unexpected)) if count else None
        return Outcome(outcome.success, outcome.result, sought=sought)

    return finish


def _beside(base: str, column: Column, where: str, name: str) -> str:
    """Every value beside the one before it, in the order of the file."""
    columns = f"{column.sql} AS x, lag({column.sql}) OVER () AS before, {name} AS v, row_number() OVER () AS nth"
    return nested(base, columns, where)


def _quantile_ranges(draft: Draft) -> tuple[list[float], list[tuple[float, float]]]:
    if draft.kwargs.get("allow_relative_error"):
        raise Refuse("quantiles with allow_relative_error")
    said = draft.kwargs.get("quantile_ranges")
    asked, ranges = (said.get("quantiles"), said.get("value_ranges")) if isinstance(said, dict) else (None, None)
    if not isinstance(asked, list) or not isinstance(ranges, list) or not asked or len(asked) != len(ranges):
        raise Refuse("quantile_ranges that are none")
    if not all(literals.is_number(quantile) and 0 <= quantile <= 1 for quantile in asked):
        raise Refuse("a quantile that is no share")
    return asked, [_span(one) for one in ranges]


def _span(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(literals.is_number(bound) for bound in value):
        raise Refuse("an open range of a quantile")
    return value[0], value[1]


def _nearest(quantile: float, n: int) -> int:
    """NumPy's rank for method "nearest": half to even."""
    at = (n - 1) * quantile
    below = math.floor(at)
    rest = at - below
    return below + (1 if rest > 0.5 or (rest == 0.5 and below % 2 == 1) else 0)


def _inside(value: float, low: float, high: float) -> bool:
    close = any(abs(value - bound) <= 1e-8 + 1e-4 * abs(bound) for bound in (low, high))
    return close or low <= value <= high


KINDS = {
    "expect_column_quantile_values_to_be_between": quantiles,
    "expect_column_values_to_be_increasing": increasing,
    "expect_column_values_to_be_decreasing": decreasing,
}

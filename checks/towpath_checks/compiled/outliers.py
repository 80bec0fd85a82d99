"""Values far from the rest: by z-scores, by Tukey's fences (Tukey 1977, Exploratory Data Analysis), by deviations."""

from __future__ import annotations

import math
from collections.abc import Callable

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read
from towpath_checks.compiled.order import order_statistics
from towpath_checks.compiled.results import of_records

_NEAR = 1e-9


def z_scores(draft: Draft) -> Finish:
    """expect_column_value_z_scores_to_be_less_than; where nothing varies, nothing is far."""
    threshold = _positive(draft, "threshold")
    double = draft.flag("double_sided")

    def far(column: Column, mean: float, deviation: float) -> tuple[str, str]:
        score = f"(({column.sql}::DOUBLE - {literals.real(mean)}) / {literals.real(deviation)})"
        score = f"abs{score}" if double else score
        limit = literals.real(abs(threshold) if double else threshold)
        return f"NOT {score} < {limit}", f"abs({score} - {limit}) < {_NEAR}::DOUBLE"

    return _by_deviation(draft, far)


def not_outliers(draft: Draft) -> Finish:
    """expect_column_values_to_not_be_outliers: outside the fences (iqr), or as many deviations from the mean (std)."""
    multiplier, method = _positive(draft, "multiplier", 1.5), draft.kwargs.get("method", "iqr")
    if multiplier <= 0 or method not in ("iqr", "std"):
        raise Refuse("outliers by another method")
    if method == "iqr":
        return _by_fences(draft, multiplier)

    def far(column: Column, mean: float, deviation: float) -> tuple[str, str]:
        distance = f"abs({column.sql}::DOUBLE - {literals.real(mean)})"
        limit = literals.real(multiplier * deviation)
        return f"NOT {distance} < {limit}", f"abs({distance} - {limit}) <= {_NEAR}::DOUBLE * ({distance} + {limit})"

    return _by_deviation(draft, far)


Far = Callable[[Column, float, float], tuple[str, str]]


def _by_deviation(draft: Draft, far: Far) -> Finish:
    column, mostly = _column(draft), draft.mostly
    present = f"{column.sql} IS NOT NULL"
    elements, considered = draft.count(), draft.count(present)
    asked = [draft.value(f"{one}({column.sql}::DOUBLE)", present) for one in ("avg", "stddev_samp", "min", "max")]

    def finish(read: Read) -> Outcome:
        mean, deviation, low, high = (read[handle] for handle in asked)
        if read[considered] < 2:
            return of_records(read[elements], read[considered], 0, mostly)
        if low == high and (column.family is Family.REAL or draft.kind.endswith("not_be_outliers")):
            raise Refuse("deviations in a constant column")  # rounding decides whether they are zero
        if low == high:
            return of_records(read[elements], read[considered], 0, mostly)
        if not math.isfinite(mean) or deviation <= _NEAR * max(abs(low), abs(high)):
            raise Refuse("deviations within rounding of zero")
        unexpected, near = far(column, mean, deviation)
        where = draft.within(present, unexpected)
        count, doubtful = read.one(
            f"count(*) FILTER (WHERE {unexpected}), count(*) FILTER (WHERE {near})", draft.within(present)
        )
        if doubtful:
            raise Refuse("a value within rounding of the threshold")
        return of_records(read[elements], read[considered], count, mostly, where)

    return finish


def _by_fences(draft: Draft, multiplier: float) -> Finish:
    column, mostly = _column(draft), draft.mostly
    present = f"{column.sql} IS NOT NULL"
    elements, considered, within = draft.count(), draft.count(present), draft.within(present)

    def finish(read: Read) -> Outcome:
        n = read[considered]
        if not n:
            return of_records(read[elements], 0, 0, mostly)
        ranks = [math.floor((n - 1) * share) + more for share in (0.25, 0.75) for more in (0, 1)]
        values = order_statistics(read, column, within, n, [min(rank, n - 1) for rank in ranks])
        first = _between(values[0], values[1], (n - 1) * 0.25 % 1)
        third = _between(values[2], values[3], (n - 1) * 0.75 % 1)
        reach = multiplier * (third - first)
        low, high = literals.real(first - reach), literals.real(third + reach)
        unexpected = f"NOT ({column.sql}::DOUBLE >= {low} AND {column.sql}::DOUBLE <= {high})"
        where = draft.within(present, unexpected)
        return of_records(read[elements], n, read.one("count(*)", where)[0], mostly, where)

    return finish


def _between(low: float, high: float, share: float) -> float:
    """NumPy's linear interpolation, in its order of operations (numpy/lib/_function_base_impl.py, `_lerp`)."""
    low, high = float(low), float(high)
    return high - (high - low) * (1 - share) if share >= 0.5 else low + (high - low) * share


def _column(draft: Draft) -> Column:
    column = draft.one_of(*NUMBERS)
    draft.small(column)
    draft.finite(column)
    if column.single:
        raise Refuse("deviations in 32 bits")
    return column


def _positive(draft: Draft, key: str, default: float | None = None) -> float:
    value = draft.kwargs.get(key, default)
    if not isinstance(value, (int, float)) or not literals.is_number(value):
        raise Refuse(f"a {key} that is no number")
    return float(value)


KINDS = {
    "expect_column_value_z_scores_to_be_less_than": z_scores,
    "expect_column_values_to_not_be_outliers": not_outliers,
}

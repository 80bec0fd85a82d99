"""Bounds as Great Expectations reads them (pydantic: a float, else a date, else a timestamp), and what lies between."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, of
from towpath_checks.compiled.results import each

Bound = float | date | datetime
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, slots=True)
class Range:
    """A lower and an upper bound, either of which may be absent, and whether the bound itself is outside."""

    low: Any
    high: Any
    strict_low: bool
    strict_high: bool

    def holds(self, value: Any) -> bool:
        """Whether the value lies between."""
        above = self.low is None or (value > self.low if self.strict_low else value >= self.low)
        below = self.high is None or (value < self.high if self.strict_high else value <= self.high)
        return bool(above and below)

    def near(self, value: float, tolerance: float) -> bool:
        """Whether a bound is so near that rounding might decide."""
        return any(bound is not None and abs(value - bound) <= tolerance for bound in (self.low, self.high))

    def sql(self, expression: str, low: str, high: str) -> str:
        """The same as a condition, the bounds being SQL."""
        above = f"{expression} {'>' if self.strict_low else '>='} {low}" if self.low is not None else ""
        below = f"{expression} {'<' if self.strict_high else '<='} {high}" if self.high is not None else ""
        return f"({literals.all_of((above, below))})"


def read_range(draft: Draft) -> Range:
    """`min_value`, `max_value`, `strict_min`, `strict_max` of an expectation."""
    low, high = _bound(draft.kwargs.get("min_value")), _bound(draft.kwargs.get("max_value"))
    return Range(low, high, draft.flag("strict_min"), draft.flag("strict_max"))


def numbers(draft: Draft) -> Range:
    """The range, its bounds being numbers.

    Raises: Refuse for a date or a timestamp.
    """
    span = read_range(draft)
    if any(isinstance(bound, date) for bound in (span.low, span.high)):
        raise Refuse("a date as the bound of a number")
    return span


def dates(draft: Draft) -> Range:
    """The range, its bounds being dates."""
    span = read_range(draft)
    if any(bound is not None and type(bound) is not date for bound in (span.low, span.high)):
        raise Refuse("dates with a bound that is no date")
    return span


def moments(draft: Draft, column: Column) -> Range:
    """The range in the column's ticks, its bounds being timestamps with a zone just where the column has one."""
    span = read_range(draft)
    low, high = (None if bound is None else _ticks(bound, column) for bound in (span.low, span.high))
    return Range(low, high, span.strict_low, span.strict_high)


def values_between(draft: Draft) -> Finish:
    """expect_column_values_to_be_between."""
    column = draft.column()
    of(column, *NUMBERS, Family.DATE, Family.MOMENT, Family.DECIMAL, Family.TRUTH)
    expected = {Family.DATE: _between_dates, Family.MOMENT: _between_moments, Family.DECIMAL: _between_decimals}.get(
        column.family, _between_numbers
    )(draft, column)
    return each(draft, column, expected)


def _between_numbers(draft: Draft, column: Column) -> str:
    span = _ordered(numbers(draft))
    draft.small(column)
    number = f"{column.sql}::TINYINT::DOUBLE" if column.family is Family.TRUTH else f"{column.sql}::DOUBLE"
    return span.sql(number, _real(span.low), _real(span.high))


def _between_dates(draft: Draft, column: Column) -> str:
    span = _ordered(dates(draft))
    draft.finite(column)
    return span.sql(column.sql, f"DATE '{span.low}'", f"DATE '{span.high}'")


def _between_moments(draft: Draft, column: Column) -> str:
    span = _ordered(moments(draft, column))
    draft.finite(column)
    return span.sql(column.ticks, str(span.low), str(span.high))


def _between_decimals(draft: Draft, column: Column) -> str:
    """A decimal is compared with a double exactly, so the bound is moved to the next decimal of the column's places."""
    span = _ordered(numbers(draft))
    parts = []
    if span.low is not None:
        parts.append(_decimal_bound(column, span.low, ">" if span.strict_low else ">="))
    if span.high is not None:
        parts.append(_decimal_bound(column, span.high, "<" if span.strict_high else "<="))
    return f"({literals.all_of(parts)})"


def _decimal_bound(column: Column, bound: float, operator: str) -> str:
    if abs(bound) >= 10**18 or column.scale > 18:
        raise Refuse("decimals of more than 18 digits")
    exact, unit = Decimal(bound), Decimal(1).scaleb(-column.scale)
    moved = exact.quantize(unit, ROUND_CEILING if operator in (">=", "<") else ROUND_FLOOR)
    return f"{column.sql} {operator} {literals.decimal(moved, column.scale)}"


def _ordered(span: Range) -> Range:
    if span.low is None and span.high is None:
        raise Refuse("no bound")
    if span.low is not None and span.high is not None and (type(span.low), type(span.high)) in _MIXED:
        raise Refuse("bounds of two kinds")
    if span.low is not None and span.high is not None and span.low > span.high:
        raise Refuse("a lower bound above the upper one")
    return span


_MIXED = frozenset({(float, date), (date, float), (float, datetime), (datetime, float), (date, datetime)})


def _real(bound: float | None) -> str:
    return "" if bound is None else literals.real(bound)


def _bound(value: object) -> Bound | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and literals.is_number(value):
        return float(value)
    if isinstance(value, str) and (_DATE.fullmatch(value) or _MOMENT.fullmatch(value)):
        return _parsed(date if _DATE.fullmatch(value) else datetime, value)
    raise Refuse("a bound that is neither a number nor a date as YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS")


def _parsed(kind: type[date], value: str) -> date:
    try:
        return kind.fromisoformat(value)
    except ValueError:
        raise Refuse("a bound that is no date") from None


def _ticks(bound: Bound, column: Column) -> int:
    if not isinstance(bound, datetime) or (bound.tzinfo is None) != (column.zone == ""):
        raise Refuse("timestamps with a bound that is no timestamp, or with a zone on one side only")
    return ticks(bound, column)


def ticks(moment: datetime, column: Column) -> int:
    """A timestamp in the column's ticks."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    microseconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return microseconds * 1000 if column.unit == "ns" else microseconds


def shown(value: int, column: Column) -> str:
    """A timestamp in the column's ticks as ISO 8601 says it."""
    seconds, rest = divmod(value, 10**9 if column.unit == "ns" else 10**6)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f".{rest:0{9 if column.unit == 'ns' else 6}d}" if rest else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + ("+00:00" if column.zone else "")


def is_missing(value: object) -> bool:
    """Whether an aggregate gave nothing that can be compared."""
    return value is None or (isinstance(value, float) and math.isnan(value))


KINDS = {"expect_column_values_to_be_between": values_between}

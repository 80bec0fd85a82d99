"""Names and values as SQL: nothing from a suite reaches a statement but through these."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

from towpath_checks.compiled._nouns import Refuse

EXACT = 2**53  # beyond, whole numbers are no longer all of them doubles (IEEE 754)


def name(column: str) -> str:
    """A column's name, quoted."""
    return '"' + column.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text, quoted.

    Raises: Refuse for a null character and for half a surrogate pair, which DuckDB cannot hold.
    """
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refuse("a text with a null character or half a surrogate pair")
    return "'" + value.replace("'", "''") + "'"


def is_number(value: object) -> bool:
    """Whether it is a finite number; a truth value is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def real(value: object) -> str:
    """A finite number as a double.

    Raises: Refuse for anything else.
    """
    if not isinstance(value, (int, float)) or not is_number(value) or abs(value) > 1e300:
        raise Refuse("a bound or a value that is not a finite number")
    return f"{float(value)!r}::DOUBLE"


def whole(value: int) -> str:
    """A whole number of 64 bits.

    Raises: Refuse for a larger one.
    """
    if not -(2**63) <= value < 2**63:
        raise Refuse("a whole number of more than 64 bits")
    return f"({value})::HUGEINT" if abs(value) >= 2**62 else str(value)


def decimal(value: Decimal, scale: int) -> str:
    """A decimal of that many places, exactly."""
    return f"{text(f'{value:f}')}::DECIMAL(38,{scale})"


def all_of(conditions: Iterable[str]) -> str:
    """The conditions that are not empty, joined by AND."""
    return " AND ".join(f"({condition})" for condition in conditions if condition)


def is_in(expression: str, values: Iterable[str]) -> str:
    """Whether the expression is one of the values; never, where there are none."""
    listed = ", ".join(values)
    return f"({expression} IN ({listed}))" if listed else "false"

"""Which records the model may see. The others are rejected one by one, with a reason that never quotes a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from towpath_core.manifest import Field

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Vetted:
    """The model's input, made of the good records only; `reasons` has an entry per record, empty for a good one."""

    inputs: pd.DataFrame
    reasons: list[str]

    @property
    def good(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.array([not reason for reason in self.reasons], dtype=bool)


def vet(
    columns: Columns,
    fields: Sequence[Field],
    count: int,
    *,
    already: Sequence[str] = (),
    numbers_as_text: bool = False,
) -> Vetted:
    """A field without a column is missing everywhere.

    `already` is what is known to be wrong with each record as a whole. With `numbers_as_text` numbers are still to be
    parsed, as in a CSV file.
    """
    import pandas as pd

    reasons = list(already) or [""] * count
    judged = {field.name: _judge(field, columns.get(field.name, [None] * count), numbers_as_text) for field in fields}
    for name, found in judged.items():
        for position, (_, fault) in enumerate(found):
            if fault and not (already and already[position]):
                reasons[position] += f"{'; ' if reasons[position] else ''}{name}: {fault}"
    keep = [position for position, reason in enumerate(reasons) if not reason]
    kinds = {field.name: float if field.type == "number" else object for field in fields}
    arrays = {name: _array([found[i][0] for i in keep], kinds[name]) for name, found in judged.items()}
    return Vetted(pd.DataFrame(arrays, copy=False), reasons)


def columns_of(records: Sequence[Any], fields: Sequence[Field]) -> tuple[dict[str, list[Any]], list[str]]:
    """JSON records turned on their side, and for each record what is wrong with it as a whole ("" if nothing)."""
    names = [field.name for field in fields]
    known = set(names)
    whole = ["" if isinstance(record, Mapping) else "not an object" for record in records]
    for position, record in enumerate(records):
        if not whole[position] and not record.keys() <= known:
            whole[position] = f"has fields that the model does not know; it knows {', '.join(names)}"
    sound = [record if isinstance(record, Mapping) else {} for record in records]
    return {name: [record.get(name) for record in sound] for name in names}, whole


def _judge(field: Field, values: Sequence[Any], numbers_as_text: bool) -> list[tuple[Any, str]]:
    check = _TextCheck(field) if field.type != "number" else _NumberCheck(field, numbers_as_text)
    return [check(value) for value in values]


def _array(values: list[Any], kind: type) -> np.ndarray[Any, Any]:
    made: np.ndarray[Any, Any] = np.empty(len(values), dtype=kind)
    made[:] = values
    return made


class _TextCheck:
    """Texts and codes. A missing optional text is the empty text, a missing optional code is NaN."""

    def __init__(self, field: Field) -> None:
        self._required, self._longest = field.required, field.max_length
        self._absent: Any = "" if field.type == "string" else math.nan

    def __call__(self, value: Any) -> tuple[Any, str]:
        if type(value) is not str:
            if _absent(value):
                return self._absent, "missing" if self._required else ""
            return value, "expected a text"
        if len(value) > self._longest:
            return value, f"longer than {self._longest} characters"
        if self._required and not value.strip():
            return value, "empty"
        return value, ""


class _NumberCheck:
    """Finite numbers; a missing optional one is NaN."""

    def __init__(self, field: Field, as_text: bool) -> None:
        self._required = field.required
        self._parse: Callable[[Any], tuple[Any, str]] = _parsed if as_text else _given

    def __call__(self, value: Any) -> tuple[Any, str]:
        value, fault = self._parse(value)
        if fault == "missing" and not self._required:
            return math.nan, ""
        return value, fault


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _given(value: Any) -> tuple[Any, str]:
    if _absent(value):
        return math.nan, "missing"
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan, "expected a number"
    return _finite(value)


def _parsed(value: Any) -> tuple[Any, str]:
    if not isinstance(value, str):
        return _given(value)
    text = value.strip()
    if not text:
        return math.nan, "missing"
    if not text.isascii() or "_" in text:  # float() would take other scripts' digits and 1_000
        return math.nan, "not a number"
    try:
        number = float(text)
    except ValueError:
        return math.nan, "not a number"
    return (math.nan, "not a number") if math.isnan(number) else _finite(number)


def _finite(value: Any) -> tuple[float, str]:
    try:
        number = float(value)
    except OverflowError:
        return math.nan, "not a finite number"
    return (number, "") if math.isfinite(number) else (math.nan, "not a finite number")

"""What names a person or an enterprise by its form: is it there, of which kind, how often?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.findings import some
from towpath_checks.identifier_forms import FORMS, SUSPECT, Form

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Found:
    """Of one column: how many values hold an identifier of this kind, and how many are written like one."""

    kind: str
    count: int
    candidates: int
    by_chance: float

    @property
    def explained_by_chance(self) -> bool:
        """Serial numbers meet a check digit now and then: fewer than twice as many as expected of chance are that."""
        return self.count <= 2 * self.candidates * self.by_chance


def kind_of(text: str) -> str:
    """The kind of identifier that is in the text, empty for none."""
    return next((form.kind for form in FORMS if _hit(form, text)), "")


def found(column: pd.Series[Any]) -> list[Found]:
    """Of each kind that a column holds, how many values, each counted once; numbers are looked at as text."""
    texts = _suspects(_texts(column).value_counts())
    answers = []
    for form in FORMS:
        candidates = [(text, n) for text, n in texts if _candidates(form, text)]
        held = {text: n for text, n in candidates if _hit(form, text)}
        if held:
            answers.append(Found(form.kind, sum(held.values()), sum(n for _, n in candidates), form.by_chance))
            texts = [(text, n) for text, n in texts if text not in held]
    return answers


def shown(ids: Iterable[object], rows: Sequence[int], declared: bool = False) -> tuple[str, ...]:
    """A few record ids; row numbers (the first is 1) where an id itself could name a person, or is declared to."""
    texts = [str(name) for name in ids]
    if declared or any(kind_of(text) for text in texts):
        return some(f"row {row}" for row in rows)
    return some(texts)


def _texts(column: pd.Series[Any]) -> pd.Series[str]:
    """As text; whole numbers without a point, other numbers not at all."""
    kept = column.dropna()
    if kept.dtype.kind == "f":
        kept = kept[(kept % 1 == 0) & (kept.abs() < 2**53)].astype("int64")
    elif kept.dtype.kind in "bmMc":
        kept = kept.head(0)
    return kept.astype(str)


def _suspects(counts: pd.Series[int]) -> list[tuple[str, int]]:
    """The texts in which an identifier could be, with how often each stands: in most columns there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array(counts.index.astype(str), pa.string())
    chosen = counts[pc.match_substring_regex(texts, SUSPECT).to_numpy(zero_copy_only=False)]
    return [(str(text), int(n)) for text, n in chosen.items()]


def _candidates(form: Form, text: str) -> list[str]:
    return [m.group() for m in form.pattern.finditer(text) if form.plausible(_plain(m.group()))]


def _hit(form: Form, text: str) -> bool:
    return any(form.checked(_plain(candidate)) for candidate in _candidates(form, text))


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z+]", "", text).upper()

"""The records that rules judge, and what their columns mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.findings import some
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Records, one row each; records with equal `keys` (n,) are the same for the model; `codes` are the valid labels.

    `required` are inputs that no record may lack, `texts` those of the inputs that are free text. `training` (n,) marks
    the records that a model may be trained on; None: none is meant to be. `splits` has a row (record id, part) for each
    record that was put into a part; None: there is no split yet.
    """

    frame: pd.DataFrame
    record_id: str
    inputs: tuple[str, ...]
    target: str
    keys: pd.Series[str]
    codes: frozenset[str]
    required: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    training: pd.Series[bool] | None = None
    splits: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Raise Refused for no records, and for a column or codes that are not there."""
        if not len(self.frame):
            raise Refused("there are no records")
        if missing := [n for n in (self.record_id, *self.inputs, self.target) if n not in self.frame.columns]:
            raise Refused(f"the records have no column {', '.join(missing)}")
        if len(self.keys) != len(self.frame):
            raise Refused(f"{len(self.keys)} keys for {len(self.frame)} records")
        if not self.codes:
            raise Refused("the nomenclature has no codes")

    @property
    def labels(self) -> pd.Series[Any]:
        return self.frame[self.target]

    def ids(self, which: pd.Series[bool]) -> tuple[str, ...]:
        """A few record ids."""
        return some(self.frame.loc[which.to_numpy(), self.record_id].head(10))

    def shown_codes(self, labels: Iterable[object]) -> tuple[str, ...]:
        """A few of the labels: the valid, and what could be a slip of a valid one, never a text that strayed in."""
        longest, characters = max(map(len, self.codes)), {_kind(c) for code in self.codes for c in code}
        texts = (str(label) for label in labels)
        return some(t for t in texts if 0 < len(t) <= longest and {_kind(c) for c in t} <= characters)


def _kind(character: str) -> str:
    """Digits are alike; capital and small letters each are; anything else is itself."""
    if character.isdigit():
        return "0"
    return ("A" if character.isupper() else "a") if character.isalpha() else character

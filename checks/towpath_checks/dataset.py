"""The records that rules judge, and what their columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from towpath_checks import identifiers
from towpath_checks.findings import Finding, some
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

    from towpath_checks.correspondence import Correspondence

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Columns:
    """What more of the columns mean, by the names of towpath.yaml, data; an empty name or list: nobody has said."""

    group: str = ""
    period: str = ""
    block: str = ""
    domains: tuple[str, ...] = ()
    label_source: str = ""
    label_date: str = ""
    label_version: str = ""
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Previous:
    """The profile (towpath_checks.previous) of the version of the data before these, and what it is called."""

    shown: str
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Records, one row each; records with equal `keys` (n,) are the same for the model; `codes` are the valid labels.

    `required` are inputs that no record may lack, `texts` those of the inputs that are free text, `categories` those
    that are codes. `training` (n,) marks the records that a model may be trained on; None: none is meant to be.
    `splits` has a row (record id, part) for each record that was put into a part; None: there is no split yet.
    `version` is that of the nomenclature, `correspondence` leads to it from the one before. `today` is the day at which
    freshness is judged. `features` (n rows) are numbers and short categories for a profile, never texts.
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
    categories: tuple[str, ...] = ()
    columns: Columns = Columns()
    version: str = ""
    correspondence: Correspondence | None = None
    today: date | None = None
    features: pd.DataFrame | None = None
    previous: Previous | None = None

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

    def column(self, key: str) -> pd.Series[Any]:
        """The column that `key` of towpath.yaml, data names. Raises: Refused where the records have none such."""
        return self.named(getattr(self.columns, key), key)

    def named(self, name: str, key: str) -> pd.Series[Any]:
        """Raise Refused where the records have no column `name`, which `key` of towpath.yaml, data, names."""
        if name not in self.frame.columns:
            raise Refused(f"the records have no column {name}, which towpath.yaml, data.{key} names")
        return self.frame[name]

    def texts_of(self, key: str) -> pd.Series[str]:
        """The column that `key` names as text, shape (n,), its index from 0; a missing value is an empty text."""
        return plain(self.column(key))

    def ids(self, which: pd.Series[bool]) -> tuple[str, ...]:
        """A few record ids; row numbers where an id could itself name a person."""
        from numpy import flatnonzero

        rows = flatnonzero(which.to_numpy())[:10]
        ids = self.frame[self.record_id].iloc[rows]
        return identifiers.shown(ids, [int(row) + 1 for row in rows], self.record_id in self.columns.identifiers)

    def shown_codes(self, labels: Iterable[object]) -> tuple[str, ...]:
        """A few of the labels: the valid, and what could be a slip of a valid one, never a text that strayed in."""
        return like(labels, self.codes)


def like(values: Iterable[object], known: Iterable[str]) -> tuple[str, ...]:
    """A few of the values: those that are no longer than the known ones, and of the same kinds of characters."""
    seen = list(known)
    longest, characters = max(map(len, seen), default=0), {_kind(c) for text in seen for c in text}
    texts = (str(value) for value in values)
    return some(t for t in texts if 0 < len(t) <= longest and {_kind(c) for c in t} <= characters)


def plain(column: pd.Series[Any]) -> pd.Series[str]:
    """As text without blanks around it, its index from 0; a missing value is an empty text, 111.0 is 111."""
    import pandas as pd

    codes, values = pd.factorize(column)  # -1 stands for a missing one
    texts = [str(int(v)) if isinstance(v, float) and v.is_integer() else str(v).strip() for v in values]
    return pd.Series(pd.array([*texts, ""], dtype="str").take(codes))


def unsaid(gate: str, key: str, expected: str, subject: str = "the records") -> Finding:
    """Not assessed: nobody has said which column is meant."""
    names = "no columns" if key in ("domains", "identifiers") else "no column"
    return Finding(gate, subject, None, f"not assessed: towpath.yaml, data.{key} names {names}", expected, "warning")


def _kind(character: str) -> str:
    """Digits are alike; capital and small letters each are; anything else is itself."""
    if character.isdigit():
        return "0"
    return ("A" if character.isupper() else "a") if character.isalpha() else character

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from towpath_checks.dataset import PARTS, Dataset
from towpath_checks.findings import Finding, Severity, of_records
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Leakage:
    """No record of one part of the split is, for the model, the same as a record of another part.

    For a text, the same means: equal in small letters, without punctuation.
    """

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        subject, expected = "records of one part that stand in another too", "none"
        if data.splits is None:
            return Finding("leakage", subject, None, "not assessed until the split exists", expected, self.severity)
        part = parts_of(data)
        placed = part.notna()
        keys, parts = data.keys.reset_index(drop=True)[placed], part[placed]
        shared = keys.isin(in_two(keys, parts))
        beyond = shared & (parts != PARTS[0])
        leaking = placed & beyond.reindex(part.index, fill_value=False)
        return Finding(
            "leakage",
            subject,
            not shared.any(),
            f"{of_records(int(beyond.sum()), int((parts != PARTS[0]).sum()))} of {' and '.join(PARTS[1:])}",
            expected,
            self.severity,
            int(beyond.sum()),
            int((parts != PARTS[0]).sum()),
            data.ids(leaking),
        )


def parts_of(data: Dataset) -> pd.Series[str]:
    """The part of each record, (n,), missing where it has none. Raises: Refused for a split of other records."""
    assert data.splits is not None
    ids = data.frame[data.record_id].reset_index(drop=True)
    table = data.splits.set_index(data.record_id)["part"]
    if ids.duplicated().any() or table.index.duplicated().any():
        raise Refused("a record id stands twice")
    if not table.index.isin(ids).all():
        raise Refused("the split names records that are not here")
    if set(table.dropna()) != set(PARTS):
        raise Refused(f"the split has {table.nunique()} parts, expected {', '.join(PARTS)}, each with records")
    return ids.map(table)


def in_two(keys: pd.Series[str], parts: pd.Series[str]) -> pd.Series[str]:
    """The keys that stand in more than one part."""
    pairs = keys.to_frame("key").assign(part=parts).drop_duplicates()
    return pairs.loc[pairs["key"].duplicated(), "key"]

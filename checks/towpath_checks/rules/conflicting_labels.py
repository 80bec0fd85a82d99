from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity, of_records


@dataclass(frozen=True, slots=True)
class ConflictingLabels:
    """Records that are the same for the model have the same label; `tolerated_share` of all records may not.

    For a text, the same means: equal in small letters, without punctuation.
    """

    tolerated_share: float = 0.0
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        import pandas as pd

        keys = data.keys.reset_index(drop=True)
        pairs = pd.DataFrame({"key": keys, "label": data.labels.reset_index(drop=True)})[keys != ""].drop_duplicates()
        conflicting = keys.isin(pairs.loc[pairs["key"].duplicated(), "key"])
        count, total = int(conflicting.sum()), len(keys)
        tolerated = f"at most {100 * self.tolerated_share:g} % of the records" if self.tolerated_share else "none"
        return Finding(
            "conflicting_labels",
            "records that are the same and have different labels",
            bool(count <= self.tolerated_share * total),
            of_records(count, total),
            tolerated,
            self.severity,
            count,
            total,
            data.ids(conflicting),
        )

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from towpath_checks.correspondence import KINDS, RECODED, SPLIT, UNKNOWN
from towpath_checks.dataset import Dataset, plain
from towpath_checks.findings import Finding, Severity, of_records

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class NomenclatureRevision:
    """No label is of an earlier version of the nomenclature; those that are, are counted by how they can be recoded.

    The table is nomenclature.correspondence of towpath.yaml, the version of a label the column of data.label_version.
    `towpath recode` recodes 1:1 and n:1, and puts the others aside for people.
    """

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        subject, expected = "labels of an earlier nomenclature", "none"
        table = data.correspondence
        if table is None:
            got = "not assessed: towpath.yaml, nomenclature.correspondence names no table"
            return Finding("nomenclature_revision", subject, None, got, expected, "warning")
        labels = plain(data.labels)
        old = (labels != "") & self._old(data, labels)
        kinds = labels[old].map({code: table.kind(code) for code in set(labels[old])})
        counts = kinds.value_counts()
        told = [f"{int(counts[kind]):,} {kind}" for kind in KINDS if kind in counts]
        got = of_records(int(old.sum()), len(labels)) + (f": {', '.join(told)}" if told else "")
        unclear = set(table.codes) & data.codes if not data.columns.label_version else set()
        unclear = {code for code in unclear if table.codes[code] != (code,)}
        ambiguous = int(labels.isin(unclear).sum())
        if ambiguous:
            got += f"; {ambiguous:,} have a code of both versions, and data.label_version names no column"
        passed = None if ambiguous and not old.any() else not old.any()
        to_recode = int(kinds.isin(RECODED).sum())
        got += f"; towpath recode does {to_recode:,} of them" if to_recode else ""
        unknown = sorted(set(labels[old][kinds.isin([UNKNOWN])])) or sorted(set(labels[old][kinds == SPLIT]))
        return Finding(
            "nomenclature_revision", subject, passed, got, expected, "warning" if passed is None else self.severity,
            int(old.sum()), len(labels), data.shown_codes(unknown),
        )  # fmt: skip

    @staticmethod
    def _old(data: Dataset, labels: pd.Series[str]) -> pd.Series[bool]:
        """By the version of each label; where nobody says it, by codes that only the earlier version has."""
        if data.columns.label_version:
            return data.texts_of("label_version") != data.version
        return ~labels.isin(list(data.codes))

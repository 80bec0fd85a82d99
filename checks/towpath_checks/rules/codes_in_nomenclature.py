from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import Dataset, plain
from towpath_checks.findings import Finding, Severity, of_records
from towpath_checks.rules.leading_zeros import without_zeros


@dataclass(frozen=True, slots=True)
class CodesInNomenclature:
    """Every label is a code of the nomenclature; a missing label is none."""

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        labels = plain(data.labels)
        wrong = ~labels.isin(list(data.codes))
        codes = labels[wrong & (labels != "")].value_counts().index
        missing = int((labels == "").sum())
        parts = [of_records(int(wrong.sum()), len(labels)) + (f" with {len(codes)} other labels" if len(codes) else "")]
        parts += [f"{missing:,} of them missing"] if missing else []
        parts += ["leading zeros are eaten"] if without_zeros(codes, data.codes) else []
        return Finding(
            "codes_in_nomenclature",
            "the label",
            not wrong.any(),
            ", ".join(parts),
            f"one of the {len(data.codes):,} codes of the nomenclature",
            self.severity,
            int(wrong.sum()),
            len(labels),
            data.shown_codes(codes) or data.ids(wrong),
        )

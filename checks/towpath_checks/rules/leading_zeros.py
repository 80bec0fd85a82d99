from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from towpath_checks.dataset import Dataset, plain
from towpath_checks.findings import Finding, Severity, of_records


@dataclass(frozen=True, slots=True)
class LeadingZeros:
    """Codes are text: no column of codes is stored as numbers, no label would be a code with zeros before it.

    Columns of codes are the record id, the label, its version, the inputs of type category, group and domains.
    """

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        more = (data.columns.group, data.columns.label_version, *data.columns.domains)
        names = dict.fromkeys((data.record_id, data.target, *data.categories, *filter(None, more)))
        numbers = [n for n in names if n in data.frame.columns and data.frame[n].dtype.kind in "iufb"]
        labels = plain(data.labels)
        eaten = labels.isin(without_zeros(set(labels), data.codes))
        told = [f"{', '.join(numbers)} stored as numbers"] if numbers else []
        if eaten.any():
            told.append(f"{of_records(int(eaten.sum()), len(eaten))} have a label whose leading zeros are eaten")
        return Finding(
            "leading_zeros",
            "columns of codes",
            not told,
            "; ".join(told) or f"{len(names)} columns of text",
            "text, with the zeros that a code begins with",
            self.severity,
            int(eaten.sum()),
            len(eaten),
            data.shown_codes(sorted(set(labels[eaten]))),
        )


def without_zeros(labels: Iterable[str], codes: frozenset[str]) -> list[str]:
    """Those of the labels that are no code, and would be one with zeros put before them."""
    widths = {len(code) for code in codes}
    strays = (label for label in labels if label.isdigit() and label not in codes)
    return [label for label in strays if any(label.zfill(width) in codes for width in widths)]

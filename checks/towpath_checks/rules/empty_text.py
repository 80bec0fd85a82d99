from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity, of_records
from towpath_checks.texts import normalised

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class EmptyText:
    """Every record has something in each required input; a text has at least one letter or digit."""

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        expected = "something in each required input, in a text at least one letter or digit"
        if not data.required:
            got = "not assessed: no input is required"
            return Finding("empty_text", "the inputs", None, got, expected, "warning")
        empty = {name: _empty(data, name) for name in data.required}
        found = [name for name, which in empty.items() if which.any()]
        anywhere = next(iter(empty.values())).copy()
        for which in empty.values():
            anywhere |= which
        count = int(anywhere.sum())
        return Finding(
            "empty_text",
            ", ".join(found) if found else "the required inputs",
            not found,
            f"{of_records(count, len(anywhere))} with nothing in it",
            expected,
            self.severity,
            count,
            len(anywhere),
            data.ids(anywhere),
        )


def _empty(data: Dataset, name: str) -> pd.Series[bool]:
    column = data.frame[name]
    if name in data.texts:
        return normalised(column.astype(object)) == ""
    blank = column.isna()
    return blank | (column.astype(str).str.strip() == "") if column.dtype.kind not in "biuf" else blank

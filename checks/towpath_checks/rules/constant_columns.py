from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity

if TYPE_CHECKING:
    import pandas as pd

_FIRST = 1000


@dataclass(frozen=True, slots=True)
class ConstantColumns:
    """Each input and the label hold two different values or more; a column that is empty or constant tells nothing.

    Columns that towpath.yaml, data gives a meaning beside those may be constant, but not empty.
    """

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        columns = (*data.inputs, data.target)
        values = {name: _values(data.frame[name]) for name in columns}
        meant = [name for name in _meant(data) if name not in columns]
        empty = [name for name in columns if values[name] == 0]
        empty += [name for name in meant if name in data.frame.columns and data.frame[name].isna().all()]
        constant = [name for name in columns if values[name] == 1]
        parts = [f"{', '.join(found)} {what}" for found, what in ((empty, "empty"), (constant, "constant")) if found]
        return Finding(
            "constant_columns",
            "the inputs and the label",
            not parts,
            "; ".join(parts) or f"{len(columns)} columns that vary",
            "two different values or more in each",
            self.severity,
            len(empty) + len(constant),
            len(columns) + len(meant),
        )


def _meant(data: Dataset) -> list[str]:
    said = data.columns
    names = (data.record_id, said.group, said.period, said.block, *said.domains)
    return list(
        dict.fromkeys(name for name in (*names, said.label_source, said.label_date, said.label_version) if name)
    )


def _values(column: pd.Series[Any]) -> int:
    """How many different values: 0, 1, or 2 for more."""
    for some in (column.head(_FIRST), column):  # most columns vary from the start
        found = min(2, len({str(value).strip() for value in some.dropna().unique()} - {""}))
        if found == 2:
            break
    return found

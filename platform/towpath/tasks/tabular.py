"""Columns to class: a record of numbers and categories is given one of a few labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.project import Project

_CELL_BINS = 8


@dataclass(frozen=True, slots=True)
class Tabular:
    name: str = "tabular"

    def keys(self, project: Project, records: pd.DataFrame) -> pd.Series[str]:
        """The record's own id: two people with equal answers are two people."""
        return records[project.settings.data.record_id].astype(str)

    def baseline(self, project: Project, train: pd.DataFrame, records: pd.DataFrame) -> np.ndarray[Any, Any]:
        """The most frequent label of the record's cell: the first two inputs crossed, numbers in eight groups.

        This is what a table of rates by age and education gives; an empty cell gets the most frequent label of all.
        """
        import numpy as np
        import pandas as pd

        target = project.settings.data.target
        cells, asked = (pd.DataFrame(index=frame.index) for frame in (train, records))
        for field in project.settings.data.inputs[:2]:
            seen, new = train[field.name], records[field.name]
            if field.type == "number":
                edges = np.unique(np.nanquantile(seen.to_numpy(dtype=float), np.linspace(0, 1, _CELL_BINS + 1)[1:-1]))
                cells[field.name] = np.searchsorted(edges, seen.to_numpy(dtype=float))
                asked[field.name] = np.searchsorted(edges, new.to_numpy(dtype=float))
            else:
                cells[field.name], asked[field.name] = seen.astype(str), new.astype(str)
        most = train[target].mode().iloc[0]
        table = train[target].groupby([cells[name] for name in cells]).agg(lambda labels: labels.mode().iloc[0])
        keys = list(asked.itertuples(index=False, name=None))
        found = table.to_dict()
        return np.array([found.get(key if len(asked.columns) > 1 else key[0], most) for key in keys], dtype=str)

    def features(
        self, project: Project, records: pd.DataFrame, reference: dict[str, Any] | None = None
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The inputs themselves."""
        frame = records[project.input_names()].copy()
        for field in project.settings.data.inputs:
            if field.type != "number":
                frame[field.name] = frame[field.name].astype(str).where(frame[field.name].notna())
        return frame, reference or {}


task = Tabular()

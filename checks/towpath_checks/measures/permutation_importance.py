"""How much worse the answers become when one column no longer belongs to its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import FEW, Counts, Floats, Labels, Measure, check_share
from towpath_checks.measures._explaining import (
    ROWS,
    Metric,
    Predict,
    asked,
    drawn,
    drawn_note,
    jackknife,
    same_length,
)
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

GROUPS = 30
_LEAST = 10 * FEW  # records, for ten groups


@dataclass(frozen=True, slots=True)
class Importance:
    """One column: how far the metric falls without it. Within noise: the interval holds 0; None: not assessed."""

    column: str
    fall: Measure
    within_noise: bool | None


def permutation_importance(
    predict: Predict,
    frame: pd.DataFrame,
    truth: npt.ArrayLike,
    metric: Metric,
    *,
    columns: Sequence[str] | None = None,
    rows: int = ROWS,
    repeats: int = 5,
    seed: int = 0,
    confidence: float = 0.95,
) -> list[Importance]:
    """The fall of `metric` when a column's values are moved to other records, for each column, the largest first.

    Needs records that training has not seen: frame with n rows, truth (n,) text. Samples at most `rows` records, and
    asks the model 1 + columns × repeats times for that many; nothing else bounds its time.

    Value: the mean over repeats of metric − metric with the column moved (Breiman 2001, section 10; the "model
    reliance" of Fisher, Rudin and Dominici 2019, section 3, as a difference). The records are put into up to 30 random
    groups and the column is rotated within each, so nobody gets its own value back, and groups are independent.
    Interval: delete-a-group jackknife (Kott 2001), Student's t. It covers the sampling of records and the moving, not
    what another training would give: see `importance_stability`. Columns that say the same cover for one another: both
    look unimportant. Under 100 records: not assessed.

    Raises: Refused where the model gives no probabilities or the metric no number; Misused for an unknown column.
    """
    labels = same_length(frame, truth)
    names = list(frame.columns) if columns is None else list(columns)
    if unknown := [name for name in names if name not in frame.columns]:
        raise Misused(f"the records have no column {', '.join(unknown)}")
    if repeats < 1:
        raise Misused(f"{repeats} repeats, expected at least 1")
    check_share(confidence, "the confidence")
    chosen = drawn(len(frame), rows, seed)
    if len(chosen) < _LEAST:
        note = f"{len(chosen)} records, expected at least {_LEAST}"
        return [Importance(name, Measure(_named(name), None, None, None, len(chosen), note), None) for name in names]
    sample = _Sample(frame.iloc[chosen].reset_index(drop=True), labels[chosen], metric, _groups(len(chosen), seed))
    before = sample.scores(asked(predict, sample.frame))
    note = drawn_note(len(frame), rows, seed)
    found = []
    for place, name in enumerate(names):
        random = np.random.default_rng([seed, place])
        moved = (sample.scores(asked(predict, sample.moved(name, random))) for _ in range(repeats))
        falls = np.mean([before - scores for scores in moved], axis=0)
        low, high = jackknife(float(falls[0]), falls[1:], confidence)
        measure = Measure(_named(name), float(falls[0]), low, high, len(chosen), note)
        found.append(Importance(name, measure, low <= 0 <= high))
    return sorted(found, key=lambda one: -(one.fall.value or 0.0))


@dataclass(frozen=True, slots=True)
class _Sample:
    frame: pd.DataFrame
    truth: Labels
    metric: Metric
    groups: list[Counts]

    def scores(self, probabilities: Floats) -> Floats:
        """The metric of all records, and of all but each group; (1 + groups,)."""
        kept = np.ones(len(self.truth), dtype=bool)
        values = [self.metric(self.truth, probabilities)]
        for group in self.groups:
            kept[group] = False
            values.append(self.metric(self.truth[kept], probabilities[kept]))
            kept[group] = True
        if not np.isfinite(values).all():
            raise Refused("the metric gives no finite number for these records")
        return np.array(values, dtype=np.float64)

    def moved(self, column: str, random: np.random.Generator) -> pd.DataFrame:
        """The records, each with the column's value of another record of its group."""
        source = np.empty(len(self.frame), dtype=np.int64)
        for group in self.groups:
            order = random.permutation(group)
            source[order] = np.roll(order, random.integers(1, len(order)))
        return self.frame.assign(**{column: self.frame[column].array.take(source)})


def _groups(n: int, seed: int) -> list[Counts]:
    order = np.random.default_rng([seed, n, 1]).permutation(n)
    return np.array_split(order, min(GROUPS, n // FEW))


def _named(column: str) -> str:
    return f"permutation_importance_{column}"

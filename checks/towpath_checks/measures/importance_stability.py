"""Whether another seed would rank the columns the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Floats, Measure, check_share
from towpath_checks.measures._explaining import jackknife
from towpath_checks.measures.permutation_importance import Importance
from towpath_core.errors import Refused

_LEAST = 3  # seeds for an interval, and columns for a ranking that says something


def importance_stability(importances: npt.ArrayLike, *, confidence: float = 0.95) -> Measure:
    """How alike the rankings are: the mean of Spearman's ρ over all pairs of seeds; 1 is the same ranking each time.

    importances (seeds, columns), finite: the same columns in the same order for each seed, each from a training of its
    own (stability of the explanation), or from one model with records drawn anew (stability of the measuring alone; the
    caller says which). Equal importances share their mean rank (Spearman 1904; the mean over pairs is Kendall and
    Babington Smith 1939). Interval: delete-one jackknife over seeds on the scale artanh ρ (Arvesen 1969 for such means
    over pairs, Fisher 1921 for the scale), Student's t. Not assessed under 3 seeds or 3 columns, or where a seed finds
    all columns alike. No time to speak of; samples nothing.
    """
    check_share(confidence, "the confidence")
    table = np.asarray(importances)
    if table.ndim != 2 or table.dtype.kind not in "fiu" or not np.isfinite(table).all():
        raise Refused(f"importances hold {table.dtype} of shape {table.shape}, expected finite numbers by seed, column")
    seeds, columns = table.shape
    if min(seeds, columns) < _LEAST:
        note = f"{seeds} seeds and {columns} columns, expected at least {_LEAST} of each"
        return Measure("importance_stability", None, None, None, seeds, note)
    if (table.max(axis=1) == table.min(axis=1)).any():
        note = "a seed finds all columns equally important: there is no ranking"
        return Measure("importance_stability", None, None, None, seeds, note)
    rho = _correlations(table.astype(np.float64))
    value = _mean_of_pairs(rho)
    if value > 1 - 1e-12:
        return Measure("importance_stability", 1.0, None, None, seeds, "no interval: all seeds rank alike")
    kept = [np.delete(np.arange(seeds), left) for left in range(seeds)]
    without = np.array([_mean_of_pairs(rho[np.ix_(keep, keep)]) for keep in kept])
    low, high = np.tanh(jackknife(float(_scale(value)), _scale(without), confidence))
    note = f"{seeds} seeds, {columns} columns"
    return Measure("importance_stability", value, float(low), float(high), seeds, note)


def stability_of(runs: Sequence[Sequence[Importance]], *, confidence: float = 0.95) -> Measure:
    """As `importance_stability`, of what `permutation_importance` gave for each seed.

    Raises: Refused where the runs are not of the same columns. Not assessed where an importance is not.
    """
    columns = sorted(one.column for one in runs[0]) if runs else []
    if any(sorted(one.column for one in run) != columns for run in runs):
        raise Refused("the importances of different seeds are not of the same columns")
    values = [[_by_column(run)[name] for name in columns] for run in runs]
    if any(value is None for row in values for value in row):
        return Measure("importance_stability", None, None, None, len(runs), "an importance is not assessed")
    return importance_stability(
        np.array(values, dtype=np.float64).reshape(len(runs), len(columns)), confidence=confidence
    )


def _by_column(run: Sequence[Importance]) -> dict[str, float | None]:
    return {one.column: one.fall.value for one in run}


def _correlations(table: Floats) -> Floats:
    """Spearman's ρ of each pair of rows."""
    from scipy.stats import rankdata

    return np.atleast_2d(np.corrcoef(rankdata(table, axis=1)))


def _mean_of_pairs(rho: Floats) -> float:
    n = len(rho)
    return float((rho.sum() - np.trace(rho)) / (n * (n - 1)))


def _scale(rho: npt.ArrayLike) -> Floats:
    scaled: Floats = np.arctanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return scaled

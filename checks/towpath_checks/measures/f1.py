"""F1 over the classes, each class alike (macro) or by its size (weighted)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Counts, Floats, Measure
from towpath_checks.measures._confusion import Confusion


def macro_f1(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The mean over classes of 2 TP / (2 TP + FP + FN), over the classes seen in truth or predicted, both (n,) text.

    The definition is scikit-learn's `f1_score(average="macro", zero_division=0)`. Interval: bootstrap over records with
    Efron's bias correction, as draws miss rare classes; a class that a draw misses does not count in it.
    """
    return Confusion.of(truth, predicted, level).measure("macro_f1", _macro, seed, draws, confidence)


def weighted_f1(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """As `macro_f1`, each class weighted by its number of true records (scikit-learn's `average="weighted"`)."""
    return Confusion.of(truth, predicted, level).measure("weighted_f1", _weighted, seed, draws, confidence)


def _macro(hits: Counts, true: Counts, said: Counts) -> Floats:
    f1 = _per_class(hits, true, said)
    return np.asarray(f1.sum(axis=1) / (true + said > 0).sum(axis=1), dtype=np.float64)


def _weighted(hits: Counts, true: Counts, said: Counts) -> Floats:
    f1 = _per_class(hits, true, said)
    return np.asarray((f1 * true).sum(axis=1) / true.sum(axis=1), dtype=np.float64)


def _per_class(hits: Counts, true: Counts, said: Counts) -> Floats:
    both = true + said
    f1: Floats = np.divide(2 * hits, both, out=np.zeros(both.shape), where=both > 0)
    return f1

"""Agreement beyond chance: Cohen's kappa and Matthews' correlation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Counts, Floats, Measure
from towpath_checks.measures._confusion import Confusion


def cohen_kappa(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """(p_o − p_e) / (1 − p_e): agreement less what the two margins give by chance (Cohen 1960), both (n,) text.

    Also for two coders of the same records. Interval: bootstrap over records, bias-corrected (Efron 1981). It depends
    on the mixture of classes: compare it on the same records only.
    """
    return Confusion.of(truth, predicted, level).measure("kappa", _kappa, seed, draws, confidence)


def matthews_correlation(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The correlation of the two sets of class indicators (Gorodkin 2004, R_K; Matthews 1975 for two), both (n,) text.

    Interval: as for `cohen_kappa`. Not assessable where the truth, or the answers, are all of one class.
    """
    return Confusion.of(truth, predicted, level).measure("mcc", _correlation, seed, draws, confidence)


def _kappa(hits: Counts, true: Counts, said: Counts) -> Floats:
    n = true.sum(axis=1).astype(np.float64)
    chance = (true * said).sum(axis=1) / n**2
    return _ratio(hits.sum(axis=1) / n - chance, 1 - chance)


def _correlation(hits: Counts, true: Counts, said: Counts) -> Floats:
    n = true.sum(axis=1).astype(np.float64)
    together = hits.sum(axis=1) * n - (true * said).sum(axis=1)
    return _ratio(together, np.sqrt((n**2 - (true**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1))))


def _ratio(above: Floats, below: Floats) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0)
    return ratio

"""The share of records with the right label, or the right first digits."""

from __future__ import annotations

import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Measure, check_share, named_at, paired, share_with_bootstrap


def accuracy(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The mean of [truth = predicted], both (n,) text, cut to their first `level` characters (0: whole).

    The interval is the bootstrap percentile interval over records (Efron and Tibshirani 1993, chapter 13), or, where
    fewer than ten are right or wrong, the exact one (Clopper and Pearson 1934).
    """
    right, said = paired(truth, predicted, level=level)
    name = named_at("accuracy", level)
    return share_with_bootstrap(name, right == said, seed, draws, check_share(confidence, "the confidence"))

"""Is the candidate better than the baseline on the same records?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Measure, check_share, named_at, paired, percentiles


def accuracy_difference(
    truth: npt.ArrayLike,
    candidate: npt.ArrayLike,
    baseline: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """Accuracy of the candidate minus accuracy of the baseline, all three (n,) text of the same records.

    Interval: paired bootstrap percentile over records (Efron and Tibshirani 1993). A record adds 1, 0 or −1, so a draw
    is a multinomial of the three counts. The candidate is better where `low` is above 0.
    """
    gained, lost, n = _discordant(truth, candidate, baseline, level)
    shares = np.array([gained, lost, n - gained - lost]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=draws)
    low, high = percentiles((drawn[:, 0] - drawn[:, 1]) / n, check_share(confidence, "the confidence"))
    note = f"candidate alone right {gained}, baseline alone right {lost}"
    return Measure(named_at("accuracy_difference", level), (gained - lost) / n, low, high, n, note)


def mcnemar_p(truth: npt.ArrayLike, candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, level: int = 0) -> Measure:
    """The exact two-sided p of McNemar 1947: of the records that one alone has right, each is the candidate's by ½.

    All three (n,) text of the same records. p = min(1, 2 · P(X ≤ min(b, c))), X ~ binomial(b + c, ½).
    """
    from scipy.special import bdtr

    gained, lost, n = _discordant(truth, candidate, baseline, level)
    apart = gained + lost
    p = min(1.0, 2 * float(bdtr(min(gained, lost), apart, 0.5))) if apart else 1.0
    return Measure(named_at("mcnemar_p", level), p, None, None, n, f"a p-value has no interval; {apart} records differ")


def _discordant(
    truth: npt.ArrayLike, candidate: npt.ArrayLike, baseline: npt.ArrayLike, level: int
) -> tuple[int, int, int]:
    """How many records the candidate alone and the baseline alone have right, and how many records there are."""
    right, new, old = paired(truth, candidate, baseline, level=level)
    return int(((new == right) & (old != right)).sum()), int(((old == right) & (new != right)).sum()), len(right)

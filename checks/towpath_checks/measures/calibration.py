"""Whether a probability of 0.8 is right in eight of ten cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    DRAWS,
    Floats,
    Measure,
    check_share,
    distributions,
    flags,
    percentiles,
    places,
    scores,
    text_labels,
)
from towpath_checks.measures._intervals import wilson
from towpath_core.errors import Refused

BINS = 15
_CHUNK = 4_000_000  # records drawn at once: bounds the memory


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The records with a top probability above `low` up to `high`: how sure the model was, how often it was right.

    `accuracy_low` and `accuracy_high` are the ends of the accuracy's interval, Wilson 1927.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None
    accuracy_low: float | None = None
    accuracy_high: float | None = None


def reliability(
    top: npt.ArrayLike, right: npt.ArrayLike, bins: int = BINS, *, confidence: float = 0.95
) -> list[ReliabilityBin]:
    """`bins` of equal width over (0, 1], the empty ones too; top (n,) probability of the answer, right (n,) bool."""
    check_share(confidence, "the confidence")
    n, sure, accuracy = _bins(top, right, bins)
    edges = np.linspace(0, 1, bins + 1)
    return [
        ReliabilityBin(float(low), float(high), int(k), float(c), float(a), *wilson(float(a * k), int(k), confidence))
        if k
        else ReliabilityBin(float(low), float(high), 0, None, None)
        for low, high, k, c, a in zip(edges[:-1], edges[1:], n, sure, accuracy, strict=True)
    ]


def expected_calibration_error(top: npt.ArrayLike, right: npt.ArrayLike, bins: int = BINS) -> Measure:
    """ECE = Σ over bins of (n_b / n) · |accuracy_b − mean top probability_b| (Guo et al. 2017, equation 3).

    top (n,) in [0, 1], right (n,) bool, bins of equal width. It is biased upwards by about the noise of the bins.
    """
    n, confidence, accuracy = _bins(top, right, bins)
    total = int(n.sum())
    value = float((n / total * np.abs(accuracy - confidence)).sum())
    return Measure("ece", value, None, None, total, "no interval: resampling adds the very noise that the ECE measures")


def brier(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The mean over records of Σ over classes of (p − [class is true])², from 0 to 2 (Brier 1950).

    truth (n,) text, probabilities (n, classes). A true class that the model does not know counts as one of probability
    0. Interval: bootstrap percentile over records.
    """
    check_share(confidence, "the confidence")
    right = text_labels(truth)
    table, names = distributions(probabilities, classes, len(right))
    place, known = places(right, names)
    own = np.where(known, table[np.arange(len(right)), place], 0.0)
    losses = (table**2).sum(axis=1) - 2 * own + 1
    means = _resampled_means(losses, np.random.default_rng(seed), draws)
    return Measure("brier", float(losses.mean()), *percentiles(means, confidence), len(right))


def _resampled_means(values: Floats, random: np.random.Generator, draws: int) -> Floats:
    n = len(values)
    if n * draws > 100 * _CHUNK:  # from there on the mean of a resample is normal to five digits
        normal: Floats = random.normal(values.mean(), values.std() / np.sqrt(n), draws)
        return normal
    step = max(1, _CHUNK // n)
    sizes = [min(step, draws - start) for start in range(0, draws, step)]
    return np.concatenate([values[random.integers(0, n, (size, n))].mean(axis=1) for size in sizes])


def _bins(top: npt.ArrayLike, right: npt.ArrayLike, bins: int) -> tuple[Floats, Floats, Floats]:
    """Number, mean top probability and share of right ones of each bin, each (bins,); 0 where a bin is empty."""
    hit = flags(right, "right answers")
    values = scores(top, len(hit))
    if not ((values >= 0) & (values <= 1)).all():
        raise Refused("a top probability lies outside 0 to 1")
    place = np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), values, side="left") - 1, 0, bins - 1)
    n = np.bincount(place, minlength=bins).astype(np.float64)
    some = np.maximum(n, 1)
    return n, np.bincount(place, values, bins) / some, np.bincount(place, hit, bins) / some

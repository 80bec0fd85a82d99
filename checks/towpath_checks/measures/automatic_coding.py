"""What is coded without a person: how much of it, how well, and from which score on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    Floats,
    Measure,
    check_share,
    coded_automatically,
    exact_share,
    flags,
    scores,
)
from towpath_core.errors import Refused


@dataclass(frozen=True, slots=True)
class Curve:
    """Rate and accuracy of the automatically coded at each threshold that matters, lowest first; all (m,)."""

    threshold: Floats
    rate: Floats
    accuracy: Floats


def automatic_coding_curve(score: npt.ArrayLike, right: npt.ArrayLike) -> Curve:
    """For each distinct score t: the share of records with score ≥ t, and the share of right ones among them.

    score (n,) finite, right (n,) bool. This is the risk-coverage curve (El-Yaniv and Wiener 2010) in the field's terms.
    """
    threshold, hits, coded, n = _steps(score, right)
    return Curve(threshold, coded / n, hits / coded)


def automatic_coding_rate(score: npt.ArrayLike, threshold: float | None, *, confidence: float = 0.95) -> Measure:
    """The share of records with score ≥ threshold; score (n,). Without a threshold nothing is coded automatically.

    Interval: Clopper and Pearson 1934, two-sided.
    """
    check_share(confidence, "the confidence")
    values = scores(score, len(np.asarray(score)))
    if not len(values):
        raise Refused("there are no scores: nothing to measure")
    if threshold is None:
        return Measure("automatic_coding_rate", 0.0, None, None, len(values), "no threshold: all go to a person")
    coded = int(coded_automatically(values, threshold).sum())
    return exact_share("automatic_coding_rate", coded, len(values), confidence)


def automatic_coding_accuracy(
    score: npt.ArrayLike, right: npt.ArrayLike, threshold: float | None, *, confidence: float = 0.95
) -> Measure:
    """The share of right ones among the records with score ≥ threshold; score (n,), right (n,) bool.

    Interval: Clopper and Pearson 1934, two-sided, given how many were coded. Not assessed where none was.
    """
    check_share(confidence, "the confidence")
    hit = flags(right, "right answers")
    values = scores(score, len(hit))
    coded = coded_automatically(values, threshold)
    if not coded.any():
        return Measure("automatic_coding_accuracy", None, None, None, 0, "nothing is coded automatically")
    return exact_share("automatic_coding_accuracy", int(hit[coded].sum()), int(coded.sum()), confidence)


def choose_threshold(
    score: npt.ArrayLike, right: npt.ArrayLike, target: float, confidence: float = 0.95
) -> float | None:
    """The smallest t such that records with score ≥ t are right often enough to promise `target`; None: no such t.

    Promise: the one-sided lower Clopper-Pearson bound of their accuracy, at `confidence`, reaches the target. score and
    right, (n,) and bool, are of a validation part that neither training nor the final measure has seen. The bound is
    one threshold's; that the smallest of many is taken costs some of the confidence (docs/handbook/checks.md).
    """
    from scipy.special import betaincinv

    check_share(target, "the target")
    check_share(confidence, "the confidence")
    threshold, hits, coded, _ = _steps(score, right)
    bound = np.where(hits > 0, betaincinv(np.maximum(hits, 1), coded - hits + 1, 1 - confidence), 0.0)
    kept = np.flatnonzero(bound >= target)
    return float(threshold[kept[0]]) if len(kept) else None


def _steps(score: npt.ArrayLike, right: npt.ArrayLike) -> tuple[Floats, Floats, Floats, int]:
    """For each distinct score, lowest first: itself, and how many right ones and records have it or more."""
    hit = flags(right, "right answers")
    values = scores(score, len(hit))
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
    above = np.cumsum(hit[order][::-1])[::-1]
    n = len(values)
    return ordered[first], above[first].astype(np.float64), (n - first).astype(np.float64), n

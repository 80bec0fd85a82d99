"""How right the whole process is: what is coded automatically, and what people code."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    DRAWS,
    Floats,
    Measure,
    check_share,
    coded_automatically,
    flags,
    percentiles,
    scores,
)
from towpath_core.errors import Misused

_ALWAYS_RIGHT = "takes the reviewers as always right"
_DECLARED = "the reviewers' accuracy is declared, taken as exact"


def process_accuracy(
    score: npt.ArrayLike,
    right: npt.ArrayLike,
    threshold: float | None,
    reviewer_accuracy: float,
    *,
    reviewer_records: int | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """c · a + (1 − c) · h: c coded automatically, a of them right, h (`reviewer_accuracy`) of the reviewed right.

    Needs, of the test part, score (n,) finite and right (n,) bool, and the threshold that was chosen elsewhere; None:
    all go to people. h is of double coding: `reviewer_records` says on how many records it was measured; None: it is
    declared, taken as exact, and the note says so. People do err: 7 to 18 % of two coders disagree on an occupation.

    Interval: percentiles of draws from Jeffreys' posterior of the three cells (automatic and right, automatic and
    wrong, reviewed; Dirichlet with ½ each), and of h where it was measured; Brown, Cai and DasGupta 2001 show for two
    cells that it covers well.
    """
    check_share(confidence, "the confidence")
    hit, h = flags(right, "right answers"), _reviewers(reviewer_accuracy, reviewer_records)
    values = scores(score, len(hit))
    n, note = len(hit), _ALWAYS_RIGHT if h == 1 else _DECLARED if reviewer_records is None else ""
    coded = coded_automatically(values, threshold)
    hits, automatic = int(hit[coded].sum()), int(coded.sum())
    value = (hits + h * (n - automatic)) / n
    if threshold is None and reviewer_records is None:
        return Measure("process_accuracy", value, None, None, n, f"no threshold: all go to people; {note}")
    random = np.random.default_rng(seed)
    cells = random.dirichlet([hits + 0.5, automatic - hits + 0.5, n - automatic + 0.5], draws)
    if threshold is None:
        cells = np.broadcast_to([0.0, 0.0, 1.0], (draws, 3))
    people = _drawn(h, reviewer_records, random, draws)
    low, high = percentiles(cells[:, 0] + cells[:, 2] * people, confidence)
    return Measure("process_accuracy", value, min(low, value), max(high, value), n, note)


def _drawn(h: float, records: int | None, random: np.random.Generator, draws: int) -> Floats:
    if records is None:
        return np.full(draws, h)
    hits = h * records
    drawn: Floats = random.beta(hits + 0.5, records - hits + 0.5, draws)
    return drawn


def _reviewers(accuracy: float, records: int | None) -> float:
    if not 0 <= accuracy <= 1:
        raise Misused(f"the reviewers' accuracy is {accuracy}, expected a share from 0 to 1")
    if records is not None and records < 1:
        raise Misused(f"the reviewers' accuracy was measured on {records} records, expected at least 1")
    return float(accuracy)

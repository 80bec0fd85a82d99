"""Precision, recall and F1 of each class, with the number of records that each stands on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import FEW, Measure, check_share, numbered, paired
from towpath_checks.measures._intervals import assessable_share


@dataclass(frozen=True, slots=True)
class OfClass:
    """One class: records that are of it, records that are said to be, and the three measures."""

    code: str
    true: int
    predicted: int
    precision: Measure
    recall: Measure
    f1: Measure


def per_class(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    minimum: int = FEW,
    confidence: float = 0.95,
) -> list[OfClass]:
    """One row for each class seen in truth or predicted, both (n,) text, in the order of the codes.

    Precision: right ones of those said to be of the class. Recall: right ones of those that are. Interval: Wilson 1927.
    F1 = 2 TP / (2 TP + FP + FN) = 2 J / (1 + J), where J = TP / (TP + FP + FN) is a share of the records that are, or
    are said to be, of the class; F1 grows with J, so the ends of J's Wilson interval give those of F1's. A measure of
    fewer than `minimum` records is not assessable: its value is None, its n stands.
    """
    check_share(confidence, "the confidence")
    right, said = paired(truth, predicted, level=level)
    names, own, given = numbered(right, said)
    true, predicted_ = (np.bincount(column, minlength=len(names)).tolist() for column in (own, given))
    hits = np.bincount(own[own == given], minlength=len(names)).tolist()
    return [
        OfClass(
            str(code),
            t,
            p,
            assessable_share("precision", h, p, confidence, minimum),
            assessable_share("recall", h, t, confidence, minimum),
            _f1(assessable_share("f1", h, t + p - h, confidence, minimum)),
        )
        for code, t, p, h in zip(names, true, predicted_, hits, strict=True)
    ]


def _f1(jaccard: Measure) -> Measure:
    ends = (None if end is None else 2 * end / (1 + end) for end in (jaccard.value, jaccard.low, jaccard.high))
    value, low, high = ends
    return replace(jaccard, value=value, low=low, high=high)

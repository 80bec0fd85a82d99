"""Which classes are taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Measure, check_share, paired
from towpath_checks.measures._intervals import assessable_share

SMALL = 5


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Records of the class `truth` that were given the class `predicted`: how many, and what share of `truth`."""

    truth: str
    predicted: str
    records: int
    share: Measure


def confusions(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    limit: int = 20,
    minimum: int = SMALL,
    confidence: float = 0.95,
) -> list[ConfusedPair]:
    """The `limit` most frequent pairs of wrong answers, both (n,) text; pairs of fewer than `minimum` are not told.

    Interval of the share: Wilson 1927. The pairs were picked because they are frequent, so that on other records they
    are likely to be somewhat less so.
    """
    check_share(confidence, "the confidence")
    right, said = paired(truth, predicted, level=level)
    wrong = right != said
    names, size = np.unique(right, return_counts=True)
    true = dict(zip(names.tolist(), size.tolist(), strict=True))
    pairs, n = np.unique(np.column_stack([right[wrong], said[wrong]]), axis=0, return_counts=True)
    most = sorted(zip(n.tolist(), pairs.tolist(), strict=True), key=lambda row: (-row[0], row[1]))
    return [
        ConfusedPair(own, given, k, assessable_share("confused", k, true[own], confidence, minimum))
        for k, (own, given) in most[:limit]
        if k >= minimum
    ]

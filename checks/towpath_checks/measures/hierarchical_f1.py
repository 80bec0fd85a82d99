"""F1 that forgives a near miss: a code with the right first digits is partly right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Measure, at_level, check_share, paired, percentiles
from towpath_core.errors import Misused


def hierarchical_f1(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    levels: Sequence[int],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """2 hP hR / (hP + hR) over each label together with its ancestors (Kiritchenko et al. 2006), both (n,) text.

    Ancestors are the prefixes of the lengths `levels`, the finest last; hP is the share of the predicted ones that are
    true ones, hR the reverse, each over all records. A label that is shorter than a level has no code there. Interval:
    bootstrap percentile over records; those with equal counts of ancestors are drawn together, by a multinomial.
    """
    check_share(confidence, "the confidence")
    if not levels or any(level < 1 for level in levels):
        raise Misused("expected levels of the nomenclature, such as 1, 2, 4")
    right, said = paired(truth, predicted)
    own, given, both = (np.zeros(len(right), dtype=np.int64) for _ in range(3))
    for level in levels:
        has, gets = np.char.str_len(right) >= level, np.char.str_len(said) >= level
        own, given = own + has, given + gets
        both = both + (has & gets & (at_level(right, level) == at_level(said, level)))
    kinds, n = np.unique(np.column_stack([own, given, both]), axis=0, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(right), n / len(right), size=draws) @ kinds
    total = n @ kinds
    if not total[0] + total[1]:
        return Measure("hierarchical_f1", None, None, None, len(right), "no label is as long as the first level")
    value = float(2 * total[2] / (total[0] + total[1]))  # 2 hP hR / (hP + hR), as hP = both / given, hR = both / own
    low, high = percentiles(2 * drawn[:, 2] / np.maximum(drawn[:, 0] + drawn[:, 1], 1), confidence)
    return Measure("hierarchical_f1", value, low, high, len(right))

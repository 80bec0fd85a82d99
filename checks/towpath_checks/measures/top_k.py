"""The share of records whose right label stands in the list that a coder is shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    DRAWS,
    Measure,
    at_level,
    check_share,
    distributions,
    named_at,
    places,
    share_with_bootstrap,
    summed,
    text_labels,
)
from towpath_core.errors import Misused


def top_k_accuracy(
    truth: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    k: int = 5,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The mean of [truth among the k most probable], truth (n,) text, probabilities (n, classes), of equals the first.

    At a `level` the probabilities of each prefix are summed first. A label that the model does not know is never
    among them. Interval: as for the accuracy.
    """
    if k < 1:
        raise Misused(f"the list has {k} labels, expected at least 1")
    right = at_level(text_labels(truth), level)
    table, names = summed(*distributions(probabilities, classes, len(right)), level)
    place, known = places(right, names)
    own = table[np.arange(len(right)), place][:, None]
    ahead = (table > own).sum(axis=1) + ((table == own) & (np.arange(len(names)) < place[:, None])).sum(axis=1)
    name = named_at(f"top_{k}_accuracy", level)
    return share_with_bootstrap(name, known & (ahead < k), seed, draws, check_share(confidence, "the confidence"))

"""What each column adds to the answer to one record, for any model, by sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from towpath_checks.measures._common import Floats, Measure, check_share
from towpath_checks.measures._explaining import Predict, asked
from towpath_checks.measures._intervals import student_quantile
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ShapleyValues:
    """One record and one class: probability − mean over the other records = Σ values, up to what sampling leaves.

    It tells what stands in the record. It is for who may see the record, and belongs into no report or log.
    """

    place: int
    probability: float
    values: tuple[Measure, ...]


def shapley_values(
    predict: Predict,
    record: pd.DataFrame,
    others: pd.DataFrame,
    *,
    place: int | None = None,
    orders: int = 200,
    seed: int = 0,
    confidence: float = 0.95,
) -> ShapleyValues:
    """What each column adds to the probability of a class, the strongest first, for a model of any kind.

    Needs a frame of one record, and `others`, records of the same columns that stand for all (training or test part);
    `place` is the class's column of the probabilities (default: the model's answer). Value: the mean change of the
    probability when the record's value takes the place of another record's, over `orders` random orders of the columns,
    each with a record drawn from the others (Štrumbelj and Kononenko 2014, algorithm 1; every other order is the one
    before turned round, Mitchell et al. 2022). Interval: Student's t over the pairs of orders. The model answers
    orders × (columns + 1) records, in one call. Where columns hang together it is asked about records that there are
    not. For a linear model `contributions` is exact.

    Raises: Refused for another number of records than one, or none to compare with; Misused for fewer than 4 orders.
    """
    import pandas as pd

    check_share(confidence, "the confidence")
    if orders < 4 or orders % 2:
        raise Misused(f"{orders} orders, expected 4 or more, an even number")
    if len(record) != 1 or not len(others):
        raise Refused(f"{len(record)} records are to be explained by {len(others)}, expected one by one or more")
    columns = list(record.columns)
    random = np.random.default_rng(seed)
    ranks = _ranks(len(columns), orders, random)
    drawn = np.repeat(random.integers(0, len(others), orders // 2), 2)
    # (orders, steps, columns): at step s the first s columns of an order are the record's own
    own = ranks[:, None, :] < np.arange(len(columns) + 1)[None, :, None]
    rows = np.repeat(drawn, len(columns) + 1)
    both = pd.concat([others[columns], record], ignore_index=True)
    mixed = pd.DataFrame(
        {
            name: both[name].array.take(np.where(own[:, :, i].ravel(), len(others), rows))
            for i, name in enumerate(columns)
        }
    )
    answer = asked(predict, record)[0]
    at = int(answer.argmax()) if place is None else place
    path = asked(predict, mixed)[:, at].reshape(orders, len(columns) + 1)
    changes = np.take_along_axis(np.diff(path, axis=1), ranks, axis=1)
    pairs: Floats = changes.reshape(orders // 2, 2, len(columns)).mean(axis=1)
    reach = student_quantile(confidence, len(pairs) - 1) * pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    note = f"{orders} orders drawn with seed {seed}"
    found = [
        Measure(f"shapley_{name}", float(mean), float(mean - by), float(mean + by), orders, note)
        for name, mean, by in zip(columns, pairs.mean(axis=0), reach, strict=True)
    ]
    return ShapleyValues(at, float(answer[at]), tuple(sorted(found, key=lambda one: -abs(one.value or 0.0))))


def _ranks(columns: int, orders: int, random: np.random.Generator) -> np.ndarray:
    """The place of each column in each order, (orders, columns); each second order is the one before turned round."""
    one = np.argsort(random.random((orders // 2, columns)), axis=1)
    return np.stack([one, columns - 1 - one], axis=1).reshape(orders, columns)

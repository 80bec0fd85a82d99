"""What every explanation stands on: how a model is asked, the metric in use, and which records are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Counts, Floats, Labels, at_level, distributions, text_labels
from towpath_checks.measures._intervals import student_quantile
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

# A frame with n records to their probabilities, shape (n, classes).
Predict = Callable[["pd.DataFrame"], Any]
# True labels, shape (n,), and probabilities, shape (n, classes), to one number; more is better.
Metric = Callable[[Labels, Floats], float]

ROWS = 2000
COMMON = 5  # what fewer records have in common may be traced to one of them: it is not shown


def share_right(classes: npt.ArrayLike, level: int = 0) -> Metric:
    """The accuracy as a metric: the share of records whose most probable class is right, cut to `level` characters.

    `classes`, shape (classes,), name the columns of the probabilities; of equals the first counts.
    """
    names = text_labels(classes, "classes")

    def metric(truth: Labels, probabilities: Floats) -> float:
        said = at_level(names[probabilities.argmax(axis=1)], level)
        return float((said == at_level(truth, level)).mean())

    return metric


def asked(predict: Predict, frame: pd.DataFrame) -> Floats:
    """The model's probabilities, (n, classes). Raises: Refused where they are no distribution for each record."""
    table = np.asarray(predict(frame))
    if table.ndim != 2:
        raise Refused(f"probabilities have the shape {table.shape}, expected {len(frame)} rows, one column a class")
    return distributions(table, [str(place) for place in range(table.shape[1])], len(frame))[0]


def drawn(n: int, rows: int, seed: int) -> Counts:
    """The places of at most `rows` of n records, in file order: all, or a simple random sample without replacement."""
    if rows < 1:
        raise Misused(f"{rows} rows are to be drawn, expected at least 1")
    if n <= rows:
        return np.arange(n)
    return np.sort(np.random.default_rng([seed, n]).choice(n, rows, replace=False)).astype(np.int64)


def drawn_note(n: int, rows: int, seed: int) -> str:
    """How many of how many records were looked at; empty where all were."""
    return f"{rows:,} of {n:,} records, drawn with seed {seed}" if n > rows else ""


def check_common(minimum: int, what: str) -> None:
    """Raises: Misused where what so few records have in common would be shown that it may be somebody's own."""
    if minimum < 3:
        raise Misused(f"{what} of {minimum} records would be shown, expected at least 3: fewer may be somebody's own")


def same_length(frame: pd.DataFrame, truth: npt.ArrayLike) -> Labels:
    """The labels as text, (n,). Raises: Refused unless there is one for each record of the frame."""
    labels = text_labels(truth)
    if len(labels) != len(frame):
        raise Refused(f"there are {len(labels)} labels for {len(frame)} records")
    return labels


def jackknife(value: float, without: Floats, confidence: float) -> tuple[float, float]:
    """Two-sided interval of `value` from what it is without each of g groups, (g,): delete-a-group jackknife.

    Kott 2001: variance (g − 1) / g · Σ (without − their mean)², Student's t with g − 1 degrees of freedom.
    """
    g = len(without)
    error = float(np.sqrt((g - 1) / g * ((without - without.mean()) ** 2).sum()))
    reach = student_quantile(confidence, g - 1) * error
    return value - reach, value + reach

"""Which words or values speak for a class, in a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Counts, Flags, Floats, Labels, Measure
from towpath_checks.measures._explaining import COMMON, ROWS, check_common, drawn, same_length
from towpath_checks.measures._linear import Linear, linear

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 20
_NOTE = "no interval: a weight is what this model holds, no estimate about records"


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """A class with n records, and what speaks most for it and against it, the strongest first.

    Each is the feature's name, its weight, and in how many records it stands: for `speaks_for` of the class's own, for
    `against` of all. `withheld` features weigh more than the least of the `speaks_for`, and stand in too few records.
    """

    label: str
    n: int
    speaks_for: tuple[Measure, ...]
    against: tuple[Measure, ...]
    withheld: int


def class_weights(
    model: Any,
    frame: pd.DataFrame,
    truth: npt.ArrayLike,
    *,
    classes: Sequence[str] | None = None,
    prefix: str = "",
    top: int = 10,
    minimum: int = COMMON,
    rows: int = 20 * ROWS,
    seed: int = 0,
) -> list[ClassWeights]:
    """The `top` features for and against each class, by their weight in the margin; by default of the 20 largest.

    Needs a linear scikit-learn model and the records that it was trained on: frame with n rows, truth (n,) text. A
    weight is a change of the class's log-odds for one unit of the feature, up to a constant that all classes share
    (multinomial logit: Hastie, Tibshirani and Friedman 2009, section 4.4). Only features whose name starts with
    `prefix` count ("text__words__", left out of the names), and only those that stand, with a value other than 0, in
    `minimum` records or more: of the class for what speaks for it, of all for what speaks against it. A rarer word may
    be somebody's own.

    Counts over at most `rows` of the records; time: one pass of the features over those, and a sort for each class.
    Raises: Refused for a model that is not linear; Misused for a minimum under 3.
    """
    check_common(minimum, "features")
    labels = same_length(frame, truth)
    chosen = drawn(len(frame), rows, seed)
    read = linear(model, frame.iloc[chosen])
    named = np.char.startswith(read.names, prefix)
    stands = read.features(frame.iloc[chosen]) != 0
    owners = labels[chosen]
    overall = np.asarray(stands.sum(axis=0)).ravel().astype(np.int64)
    wanted = _largest(owners, read) if classes is None else list(classes)
    shorn = replace(read, names=np.array([name.removeprefix(prefix) for name in read.names.tolist()]))
    return [_of(shorn, label, stands[owners == label], overall, named, (top, minimum)) for label in wanted]


def _of(read: Linear, label: str, own: Any, overall: Counts, named: Flags, limits: tuple[int, int]) -> ClassWeights:
    top, minimum = limits
    weights = read.weights(read.place(label))
    within = np.asarray(own.sum(axis=0)).ravel().astype(np.int64)
    positive, negative = named & (weights > 0), named & (weights < 0)
    speaks_for = _strongest(positive & (within >= minimum), -weights, top)
    against = _strongest(negative & (overall >= minimum), weights, top)
    least = weights[speaks_for[-1]] if len(speaks_for) == top else 0.0
    withheld = int((positive & (within < minimum) & (weights > least)).sum())
    return ClassWeights(
        label,
        int(own.shape[0]),
        tuple(_measure(read, weights, within, place) for place in speaks_for),
        tuple(_measure(read, weights, overall, place) for place in against),
        withheld,
    )


def _strongest(shown: Flags, order: Floats, top: int) -> Counts:
    places = np.flatnonzero(shown)
    return places[np.argsort(order[places], kind="stable")][:top]


def _measure(read: Linear, weights: Floats, counts: Counts, place: int) -> Measure:
    return Measure(str(read.names[place]), float(weights[place]), None, None, int(counts[place]), _NOTE)


def _largest(labels: Labels, read: Linear) -> list[str]:
    names, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [name for name in names[order].tolist() if name in read.classes][:LARGEST]

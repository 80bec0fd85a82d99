"""Why a record got its answer: what each of its values adds to the margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.measures._linear import Linear, linear
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Contribution:
    """A feature of the record: its value, its weight for the class, and their product."""

    feature: str
    value: float
    weight: float
    product: float


@dataclass(frozen=True, slots=True)
class Explained:
    """One record and one class: margin = intercept + Σ products of the `terms` + `rest`, exactly.

    It tells what stands in the record. It is for who may see the record, and belongs into no report or log.
    """

    label: str
    margin: float
    intercept: float
    terms: tuple[Contribution, ...]
    rest: float


def contributions(
    model: Any, frame: pd.DataFrame, *, labels: Sequence[str] | None = None, top: int = 10
) -> list[Explained]:
    """What speaks for and against the class of each record, the `top` strongest of either sign first; exact.

    Needs a linear scikit-learn model and n records, with `labels` (n,) to be explained (default: the model's answers).
    Contribution: weight × value; with the intercept they sum to the margin, the class's log-odds up to a constant that
    all classes share (additive attribution, exact for linear models: Lundberg and Lee 2017, corollary 1, with 0 as what
    a feature is compared with). No interval: nothing is estimated. Samples nothing; milliseconds a record.

    Raises: Refused for a model that is not linear: `shapley_values` explains those, by sampling.
    """
    read = linear(model, frame)
    features = read.features(frame)
    said = [str(label) for label in (model.predict(frame) if labels is None else labels)]
    if len(said) != len(frame):
        raise Refused(f"there are {len(said)} labels for {len(frame)} records")
    weights = {label: read.weights(read.place(label)) for label in set(said)}
    return [_explained(read, label, weights[label], features[place], top) for place, label in enumerate(said)]


def _explained(read: Linear, label: str, weights: Any, row: Any, top: int) -> Explained:
    intercept = read.intercept(read.place(label))
    terms = [
        Contribution(str(read.names[place]), float(value), float(weights[place]), float(value * weights[place]))
        for place, value in zip(row.indices.tolist(), row.data.tolist(), strict=True)
        if value != 0
    ]
    terms.sort(key=lambda term: (-abs(term.product), term.feature))
    rest = math.fsum(term.product for term in terms[top:])
    margin = math.fsum([intercept, *(term.product for term in terms)])
    return Explained(label, margin, intercept, tuple(terms[:top]), rest)

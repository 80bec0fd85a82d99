"""A linear classifier of scikit-learn, read: its features, their weights for each class, and the intercepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from towpath_checks.measures._common import Floats, Labels, text_labels
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

_LOOKED_AT = 20  # records on which the reading is held against the model itself
_CLOSE = (1e-4, 1e-4)  # relative, absolute: models that compute in float32 round that far


@dataclass(frozen=True, slots=True)
class Linear:
    """The margin of a class is features · weights + intercept; names (features,), classes (classes,)."""

    model: Any
    names: Labels
    classes: Labels
    # (classes, features), or of two classes the second's only: the first's are the same with the sign turned
    coefficients: Floats
    intercepts: Floats

    def features(self, frame: pd.DataFrame) -> Any:
        """What the weights are multiplied with, (n, features), as a sparse matrix by rows, in float64."""
        return features_of(self.model, frame)

    def weights(self, place: int) -> Floats:
        """Of one class, (features,), in float64."""
        sign, row = self._row(place)
        weights: Floats = sign * self.coefficients[row].astype(np.float64)
        return weights

    def intercept(self, place: int) -> float:
        sign, row = self._row(place)
        return float(sign * self.intercepts[row])

    def place(self, label: str) -> int:
        """Raises: Refused for a class that the model does not know."""
        if label not in self.classes:
            raise Refused(f"the model knows no class {label}")
        return int(np.flatnonzero(self.classes == label)[0])

    def _row(self, place: int) -> tuple[int, int]:
        if len(self.coefficients) == 1:
            return (1 if place else -1), 0
        return 1, place


def features_of(model: Any, frame: pd.DataFrame) -> Any:
    """What the model's last step sees of the records: (n, features), a sparse matrix by rows, in float64.

    model: a fitted scikit-learn pipeline, or a classifier that takes the frame's columns as they are.
    """
    from scipy import sparse

    found = model[:-1].transform(frame) if _steps(model) > 1 else frame
    found = found if sparse.issparse(found) else np.asarray(found)
    if found.ndim != 2 or len(frame) != found.shape[0] or found.dtype.kind not in "fiub":
        raise Refused(f"what the {type(model).__name__} makes of the records is no table of numbers")
    return sparse.csr_matrix(found, dtype=np.float64)


def linear(model: Any, frame: pd.DataFrame) -> Linear:
    """Read a fitted scikit-learn classifier, a pipeline or a single one, that has `coef_`, `intercept_`, `classes_`.

    The first 20 records of the frame are answered with what was read and with the model's own `decision_function`.
    Raises: Refused for a model without weights, or whose margins are not weight × value.
    """
    last = model[-1] if _steps(model) else model
    wanted = ("coef_", "intercept_", "classes_")
    if any(not hasattr(last, name) for name in wanted) or not hasattr(model, "decision_function"):
        raise Refused(f"a {type(last).__name__} has no weights: it is not a linear classifier")
    classes = text_labels(last.classes_, "classes")
    weights, intercepts = np.asarray(last.coef_), np.atleast_1d(last.intercept_)
    names = model[:-1].get_feature_names_out() if _steps(model) > 1 else frame.columns.to_numpy()
    rows = len(classes) if len(classes) > 2 else 1
    if weights.shape != (rows, len(names)) or intercepts.shape != (rows,):
        raise Refused(f"the weights of the {type(last).__name__} have the shape {weights.shape}, expected one a class")
    found = Linear(model, np.asarray(names).astype(np.str_), classes, weights, intercepts)
    few = frame.iloc[:_LOOKED_AT]
    if not np.allclose(_margins(found, few), np.asarray(model.decision_function(few)).reshape(len(few), rows), *_CLOSE):
        raise Refused(f"the margins of the {type(last).__name__} are not its weights times the values")
    return found


def _margins(read: Linear, frame: pd.DataFrame) -> Any:
    """Of the features that these records have, so that the other weights are not copied."""
    features = read.features(frame)
    places = np.unique(features.indices)
    return features[:, places] @ read.coefficients[:, places].T.astype(np.float64) + read.intercepts


def _steps(model: Any) -> int:
    return len(model.steps) if hasattr(model, "steps") else 0

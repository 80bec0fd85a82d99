"""From an inspected archive to a fitted estimator, and the checks that only a built one allows.

skops itself is not asked: it would read the archive a second time, by rules of its own.
"""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from towpath_core.errors import Refused
from towpath_core.estimators import Array, Dtype, Estimator, ObjectArray, Span, Type
from towpath_core.skops_files import Archive


def build(archive: Archive) -> Any:
    """The classifier. Raises: Refused if it does not hold what its type needs to answer safely."""
    builder = _Builder(archive)
    try:
        model = builder.value(archive.model)
        for part in builder.estimators.values():
            _check_shadows(part)
            if _fitted(part):
                _CHECKS.get(type(part).__name__, _nothing)(part)
            _calm(part)
        _check_classifier(model)
    except Refused:
        raise
    except Exception as error:  # whatever trips here is a reason to refuse, and says nothing about a record
        raise Refused(f"the model does not build: {type(error).__name__}") from error
    return model


@dataclass(slots=True)
class _Builder:
    archive: Archive
    estimators: dict[int, Any] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)

    def value(self, value: Any) -> Any:
        match value:
            case Estimator():
                return self._estimator(value)
            case Array(member=name):
                if name not in self.arrays:
                    # [()]: an array without dimensions becomes the number that it holds
                    self.arrays[name] = np.load(io.BytesIO(self.archive.member(name)), allow_pickle=False)[()]
                return self.arrays[name]
            case ObjectArray(items=items):
                row = np.empty(len(items), dtype=object)
                row[:] = [self.value(item) for item in items] if items else []
                return row
            case Type(module=module, name=name):
                return getattr(importlib.import_module(module), name)
            case Dtype(text=text):
                return np.dtype(text)
            case Span(start=start, stop=stop, step=step):
                return slice(start, stop, step)
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self.value(item) for key, item in value.items()}
            case list():
                return [self.value(item) for item in value]
            case tuple():
                return tuple(self.value(item) for item in value)
        return value

    def _estimator(self, value: Estimator) -> Any:
        if id(value) not in self.estimators:
            class_ = getattr(importlib.import_module(value.type.module), value.type.name)
            made = class_.__new__(class_)
            self.estimators[id(value)] = made
            attributes = {name: self.value(item) for name, item in value.attributes.items()}
            attributes.pop("_sklearn_version", None)
            made.__dict__.update(attributes)
        return self.estimators[id(value)]


def _check_shadows(part: Any) -> None:
    """An attribute of the instance would be called in place of the method of that name."""
    if hidden := sorted(name for name in vars(part) if hasattr(type(part), name)):
        raise Refused(f"{type(part).__name__}.{hidden[0]} hides what the type itself brings")


def _fitted(part: Any) -> bool:
    """A meta-estimator keeps the unfitted originals of what it fitted."""
    return any(name.endswith("_") for name in vars(part))


def _calm(part: Any) -> None:
    for name in ("n_jobs", "verbose"):
        if hasattr(part, name):
            setattr(part, name, None if name == "n_jobs" else False)


def _need(holds: bool, part: Any, what: str) -> None:
    if not holds:
        raise Refused(f"the model's {type(part).__name__} {what}")


def _check_classifier(model: Any) -> None:
    _need(hasattr(model, "predict_proba"), model, "gives no probabilities")
    classes = model.classes_
    _need(classes.ndim == 1 and classes.dtype.kind == "U" and len(classes) > 1, model, "has no classes that are texts")
    _need(bool((classes[1:] > classes[:-1]).all()), model, "has classes that are not in order, each once")


def _check_logistic(part: Any) -> None:
    rows = len(part.classes_) if len(part.classes_) > 2 else 1
    _need(part.coef_.shape == (rows, part.n_features_in_), part, "has coefficients that do not fit its classes")
    _need(part.intercept_.shape == (rows,), part, "has intercepts that do not fit its classes")
    finite = np.isfinite(part.coef_).all() and np.isfinite(part.intercept_).all()
    _need(bool(finite), part, "has coefficients that are not finite")


def _check_tfidf(part: Any) -> None:
    """The numbers of the words index a sparse matrix, which does not look whether they fit."""
    numbers = sorted(int(number) for number in part.vocabulary_.values())
    _need(numbers == list(range(len(numbers))), part, "has words that are not numbered from 0 on")
    _need(bool(numbers), part, "knows no words")
    if part.use_idf:
        weights = vars(part)["_tfidf"].idf_
        _need(weights.shape == (len(numbers),), part, "has weights that do not fit its words")
        _need(bool(np.isfinite(weights).all()), part, "has weights that are not finite")


def _check_one_hot(part: Any) -> None:
    """As above: the mapping of rare categories ends as indices of a sparse matrix."""
    _need(len(part.categories_) == part.n_features_in_, part, "has categories that do not fit its columns")
    mappings = getattr(part, "_default_to_infrequent_mappings", [None] * len(part.categories_))
    _need(len(mappings) == len(part.categories_), part, "has mappings that do not fit its columns")
    for mapping, categories in zip(mappings, part.categories_, strict=True):
        if mapping is not None:
            fits = mapping.shape == (len(categories),) and bool(((mapping >= 0) & (mapping < len(categories))).all())
            _need(fits, part, "maps a category to one that does not exist")


def _check_scaler(part: Any) -> None:
    for name in ("mean_", "scale_"):
        numbers = getattr(part, name)
        if numbers is not None:
            _need(numbers.shape == (part.n_features_in_,), part, f"has a {name} that does not fit its columns")
            _need(bool(np.isfinite(numbers).all()), part, f"has a {name} that is not finite")
    _need(part.scale_ is None or bool((part.scale_ != 0).all()), part, "divides by 0")


def _check_bins(part: Any) -> None:
    fits = len(part.bin_edges_) == len(part.n_bins_) == part.n_features_in_
    _need(fits, part, "has bins that do not fit its columns")
    for edges, count in zip(part.bin_edges_, part.n_bins_, strict=True):
        _need(len(edges) == count + 1, part, "has bins that do not fit their edges")
        _need(bool((edges[1:] > edges[:-1]).all()), part, "has edges that are not in order")


def _nothing(part: Any) -> None:
    """The other types hold nothing that an index or a number could go wrong with."""


_CHECKS = {
    "LogisticRegression": _check_logistic,
    "TfidfVectorizer": _check_tfidf,
    "OneHotEncoder": _check_one_hot,
    "StandardScaler": _check_scaler,
    "KBinsDiscretizer": _check_bins,
}

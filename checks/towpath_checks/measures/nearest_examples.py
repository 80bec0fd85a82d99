"""Which training examples a record resembles most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._explaining import drawn, same_length
from towpath_checks.measures._linear import features_of
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

Features = Callable[["pd.DataFrame"], Any]
TRAINING_ROWS = 100_000
_CHUNK = 20_000_000  # similarities at once: bounds the memory at 160 MB


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training example: its id, its label, how alike it is (1: the same direction). `text` only where asked for."""

    record_id: str
    label: str
    similarity: float
    text: str = ""


def nearest_examples(
    features: Features,
    train: pd.DataFrame,
    labels: npt.ArrayLike,
    ids: npt.ArrayLike,
    asked: pd.DataFrame,
    *,
    k: int = 5,
    texts: npt.ArrayLike | None = None,
    rows: int = TRAINING_ROWS,
    seed: int = 0,
) -> list[tuple[Neighbour, ...]]:
    """The `k` training examples most alike to each record asked about, the most alike first, of equals the earlier.

    Needs `features`, which makes (n, features) numbers, sparse or not, of a frame (`model_features` takes a
    scikit-learn model's own); labels and ids, (n,) text, of the n training records. Similarity: the cosine of the angle
    between the two (Salton and McGill 1983, chapter 4); what has nothing in common with the record is left out, so
    there may be fewer than `k`. No interval: nothing is estimated.

    Looks at `rows` of the training records at most, drawn with the seed; memory is bounded, time is that of one sparse
    product: about a second for 1,000 records against 20,000. The `texts`, (n,), of the training records come along only
    where they are given: they are respondents' own words, and belong into no report or log. Where the ids are direct
    identifiers, give row numbers.

    Raises: Refused for features that are not finite, or lengths that differ; Misused for a k under 1.
    """
    if k < 1:
        raise Misused(f"{k} examples are asked for, expected at least 1")
    known = [same_length(train, labels), same_length(train, ids)]
    known.append(same_length(train, texts) if texts is not None else np.full(len(train), "", dtype=np.str_))
    chosen = drawn(len(train), rows, seed)
    label, name, text = (column[chosen] for column in known)
    one, other = _unit(features(train.iloc[chosen]), len(chosen)), _unit(features(asked), len(asked))
    if one.shape[1] != other.shape[1]:
        raise Refused(f"the features have {one.shape[1]} and {other.shape[1]} columns, expected the same")
    return [
        tuple(Neighbour(str(name[i]), str(label[i]), float(like), str(text[i])) for i, like in nearest)
        for nearest in _nearest(one, other, k)
    ]


def model_features(model: Any) -> Features:
    """What a fitted scikit-learn pipeline's last step sees of the records."""
    return lambda frame: features_of(model, frame)


def _unit(values: Any, n: int) -> Any:
    """Rows of length 1, or 0 where there is nothing, as a sparse matrix."""
    from scipy import sparse

    table = sparse.csr_matrix(values, dtype=np.float64)
    if table.shape[0] != n or not np.isfinite(table.data).all():
        raise Refused(f"features of {table.shape[0]} records, expected finite numbers for each of {n}")
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    return sparse.diags(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)) @ table


def _nearest(train: Any, asked: Any, k: int) -> Iterator[list[tuple[int, float]]]:
    """Place and similarity of the k nearest of each record asked about."""
    step = max(1, _CHUNK // train.shape[0])
    for start in range(0, asked.shape[0], step):
        for row in (asked[start : start + step] @ train.T).toarray():
            # 1e-12 apart is the same: the order of a sum must not decide
            like = np.minimum(np.round(row, 12), 1.0)
            least = np.partition(like, -k)[-k] if len(like) > k else 0.0
            places = np.flatnonzero(like >= max(least, 1e-12))
            order = places[np.argsort(-like[places], kind="stable")][:k]
            yield [(int(place), float(like[place])) for place in order]

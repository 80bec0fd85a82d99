"""What every measure stands on: the result, the refusals, prefixes of codes, and two intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from towpath_core.errors import Misused, Refused

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.str_]

DRAWS = 1000
FEW = 10


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure about `n` records. `value` None: not assessed. No `low` and `high`: no interval. `note` says why."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""


def text_labels(values: npt.ArrayLike, what: str = "labels") -> Labels:
    """As an array of text, shape (n,). Raises: Refused where there are none, or one of them is missing."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise Refused(f"the {what} have the shape {array.shape}, expected one label a record")
    if not len(array):
        raise Refused(f"there are no {what}: nothing to measure")
    if array.dtype.kind != "U":
        odd = sum(not isinstance(value, str) for value in array.tolist())
        if odd:
            raise Refused(f"{odd} of {len(array)} {what} are missing or no text")
    return array.astype(np.str_)


def paired(*columns: npt.ArrayLike, level: int = 0) -> tuple[Labels, ...]:
    """Each as `text_labels` gives it, cut to `level`. Raises: Refused where they are not of one length."""
    arrays = tuple(text_labels(column) for column in columns)
    lengths = {len(array) for array in arrays}
    if len(lengths) > 1:
        raise Refused(f"labels of different lengths: {', '.join(map(str, sorted(lengths)))}")
    return tuple(at_level(array, level) for array in arrays)


def numbered(one: Labels, other: Labels) -> tuple[Labels, Counts, Counts]:
    """The classes seen in either, in order, and both as places among them."""
    names, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    return names, places[: len(one)], places[len(one) :]


def places(labels: Labels, names: Labels) -> tuple[Counts, Flags]:
    """Where in `names` each label stands, and whether it stands there at all; both (n,)."""
    order = np.argsort(names, kind="stable")
    place = order[np.minimum(np.searchsorted(names, labels, sorter=order), len(names) - 1)]
    return place, names[place] == labels


def flags(values: npt.ArrayLike, what: str) -> Flags:
    """True and False only, shape (n,). Raises: Refused otherwise."""
    array = np.asarray(values)
    if array.ndim != 1 or not len(array) or array.dtype.kind != "b":
        raise Refused(f"{what} hold {array.dtype} of shape {array.shape}, expected true or false for each record")
    return cast(Flags, array)


def scores(values: npt.ArrayLike, n: int) -> Floats:
    """Finite numbers, shape (n,). Raises: Refused otherwise."""
    array = np.asarray(values)
    if array.shape != (n,) or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise Refused(f"scores hold {array.dtype} of shape {array.shape}, expected {n} finite numbers")
    return array.astype(np.float64)


def coded_automatically(values: Floats, threshold: float | None) -> Flags:
    """Which scores reach the threshold; without one none does. Raises: Refused for a threshold that is no number."""
    if threshold is not None and not np.isfinite(threshold):
        raise Refused(f"the threshold is {threshold}, expected a number")
    return values >= (np.inf if threshold is None else threshold)


def distributions(values: npt.ArrayLike, classes: npt.ArrayLike, n: int) -> tuple[Floats, Labels]:
    """Probabilities, shape (n, classes), each row a distribution, and their classes. Raises: Refused otherwise."""
    names = text_labels(classes, "classes")
    array = np.asarray(values)
    if len(set(names.tolist())) < len(names):
        raise Refused("a class is named twice")
    if array.shape != (n, len(names)) or array.dtype.kind != "f":
        raise Refused(f"probabilities hold {array.dtype} of shape {array.shape}, expected {n} rows of {len(names)}")
    array = array.astype(np.float64, copy=False)
    whole = np.isfinite(array).all() and (array >= 0).all() and (np.abs(array.sum(axis=1) - 1) <= 1e-5).all()
    if not whole:
        raise Refused("probabilities are no distribution: expected finite rows, 0 or more, that sum to 1")
    return array, names


def at_level(labels: Labels, level: int) -> Labels:
    """The first `level` characters of each; 0: the whole label."""
    if level < 0:
        raise Misused(f"a level is a number of digits, not {level}")
    return labels.astype(f"<U{level}") if level else labels


def named_at(name: str, level: int) -> str:
    """What a measure is called at that level."""
    return f"{name}_level_{level}" if level else name


def summed(probabilities: Floats, classes: Labels, level: int) -> tuple[Floats, Labels]:
    """Probabilities of the prefixes of length `level`, (n, prefixes), and the prefixes in order; 0: as they are."""
    if level == 0:
        return probabilities, classes
    prefixes = at_level(classes, level)
    order = np.argsort(prefixes, kind="stable")
    names, starts = np.unique(prefixes[order], return_index=True)
    return np.add.reduceat(probabilities[:, order], starts, axis=1), names


def answers(probabilities: npt.ArrayLike, classes: npt.ArrayLike, level: int = 0) -> tuple[Labels, Floats]:
    """The most probable label of each record at `level`, shape (n,), and its probability, shape (n,).

    Of equals the first class counts. Raises: Refused for what is no distribution.
    """
    table, names = distributions(probabilities, classes, len(np.asarray(probabilities)))
    table, names = summed(table, names, level)
    best = table.argmax(axis=1)
    return names[best], np.minimum(table[np.arange(len(table)), best], 1.0)


def percentiles(draws: Floats, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def bias_corrected(draws: Floats, value: float, confidence: float) -> tuple[float, float]:
    """Efron's BC percentiles (1981): shifted by how far the draws' median lies from `value`, in normal quantiles."""
    from scipy.special import ndtr, ndtri

    below = float(((draws < value).sum() + (draws == value).sum() / 2) / len(draws))
    shift = 2 * ndtri(np.clip(below, 0.5 / len(draws), 1 - 0.5 / len(draws)))
    low, high = np.quantile(draws, ndtr(shift + ndtri([(1 - confidence) / 2, (1 + confidence) / 2])))
    return min(float(low), value), max(float(high), value)


def share_with_bootstrap(name: str, right: Flags, seed: int, draws: int, confidence: float) -> Measure:
    """The share of True with its bootstrap percentile interval; where fewer than FEW are True, or False, the exact one.

    The number of True among n records drawn with replacement is binomial(n, share), so it is drawn from there. Among
    few it is drawn too narrow, and of records that all agree it has no width at all.
    """
    n, hits = len(right), int(right.sum())
    if min(hits, n - hits) < FEW:
        note = f"fewer than {FEW} are {'right' if hits < n - hits else 'wrong'}: the exact interval"
        return Measure(name, hits / n, *clopper_pearson(hits, n, confidence), n, note)
    drawn = np.random.default_rng(seed).binomial(n, hits / n, size=draws) / n
    return Measure(name, hits / n, *percentiles(drawn, confidence), n)


def clopper_pearson(hits: int, n: int, confidence: float) -> tuple[float, float]:
    """The exact two-sided interval of a share (Clopper and Pearson 1934), from quantiles of the beta distribution."""
    from scipy.special import betaincinv

    alpha = (1 - confidence) / 2
    low = float(betaincinv(hits, n - hits + 1, alpha)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - alpha)) if hits < n else 1.0
    return low, high


def exact_share(name: str, hits: int, n: int, confidence: float) -> Measure:
    return Measure(name, hits / n, *clopper_pearson(hits, n, confidence), n)


def check_share(value: float, what: str) -> float:
    if not 0 < value < 1:
        raise Misused(f"{what} is {value}, expected more than 0 and less than 1")
    return value

"""What a published total owes to wrong answers, and what it is without them, from a probability audit sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    Counts,
    Flags,
    Floats,
    Labels,
    Measure,
    check_share,
    flags,
    paired,
    places,
    text_labels,
)
from towpath_checks.measures._intervals import ratio, wilson
from towpath_core.errors import Refused

MERGED = "(classes of few audited records)"
EXPECTED = 5
_FEW = "not assessable: too few of the audited records were given this class"


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """One class: how many were counted by the answers, how many there are, and how far the count is out.

    `bias` is `naive` minus `total`; `users` is the share right among those said to be of the class, `producers` the
    share found of those that are.
    """

    code: str
    naive: float
    total: Measure
    standard_error: float
    bias: Measure
    users: Measure
    producers: Measure


@dataclass(frozen=True, slots=True)
class CorrectedTotals:
    """All classes in the order of their codes, of `records` (or an area) in all, from `audited` records.

    `merged` are the classes that were taken together, as each had too few audited records.
    """

    classes: tuple[ClassTotal, ...]
    records: float
    audited: int
    merged: tuple[str, ...] = ()

    def of(self, code: str) -> ClassTotal:
        """Raise Refused for a class that neither the answers nor the audit know."""
        found = next((row for row in self.classes if row.code == code), None)
        if found is None:
            raise Refused(f"neither the answers nor the audited records have the class {code}")
        return found


def corrected_totals(
    sizes: Mapping[str, float],
    predicted: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    inclusion: npt.ArrayLike | None = None,
    finite: bool = True,
    confidence: float = 0.95,
) -> CorrectedTotals:
    """The calibration estimator of class totals, Ŷ_k = Σ_h N_h · p_hk, with its standard error.

    Needs `sizes`, N_h: how many records (or hectares) the model put into each class h of the whole that is published,
    counted there and not estimated from the sample (its error would be missing from the standard error);
    and of a probability sample of these, for each record: `predicted` (m,), the model's class, and `reference` (m,),
    the class that people gave who did not see the model's. The sample must be of the same period as the whole: a
    mixture of classes that has shifted since makes it wrong (Meertens et al. 2021). p_hk is the share of k among the
    audited records of h.

    `inclusion` (m,): the probability with which each was drawn; every record of the whole had one above 0. With it,
    where a class has fewer than two audited records, all of which fewer than EXPECTED were to be expected are taken
    together as one stratum (collapsed strata, Cochran 1977, section 5A.12). None: within a class all had the same,
    n_h / N_h, and a class of fewer than two is refused.
    `finite`: the whole is a number of records, of which the audited are known for sure; False: an area.

    Kloos et al. 2020 (calibration estimator) and Olofsson et al. 2014, equations 9 to 11 (error-adjusted area) are this
    one formula; SE² = Σ_h N_h² · (1 − f_h) · p_hk (1 − p_hk) / (n_h − 1). With unequal inclusion, p_hk is Hájek's ratio
    with its linearised variance (Särndal, Swensson and Wretman 1992, section 5.7). Interval: ± z · SE is too narrow for
    a rare class (it covered 86 to 91 % in simulation) and none at all where no error was seen, so the ends come from
    Wilson's of the strata, put together by MOVER (Zou and Donner 2008). `users` and `producers`: Olofsson et al. 2014,
    equations 2 and 3, the interval of the second by MOVER for a ratio (Donner and Zou 2012).

    Raises: Refused where a class of `sizes`, or those taken together, have fewer than two audited records (and are not
    audited whole), or the sample has an answer that `sizes` does not: merge classes, or audit more.
    """
    check_share(confidence, "the confidence")
    audit = _Audit.of(sizes, predicted, reference, inclusion, finite)
    counted = {str(name): float(size) for name, size in sizes.items() if size > 0}
    merged = tuple(sorted(set(counted) - set(audit.strata)))
    return CorrectedTotals(
        tuple(audit.row(code, counted.get(code, 0.0), confidence) for code in sorted({*counted, *audit.classes})),
        audit.whole,
        audit.n,
        merged,
    )


def audited_accuracy(
    sizes: Mapping[str, float],
    stratum: npt.ArrayLike,
    right: npt.ArrayLike,
    *,
    inclusion: npt.ArrayLike | None = None,
    finite: bool = True,
    confidence: float = 0.95,
) -> Measure:
    """The share of right answers in the whole, from the audit sample: the same estimator with two classes.

    stratum (m,) text, the class (or any other stratum) of `sizes` that each was drawn from; right (m,) bool. Without
    the weights, classes that were drawn more often would count more than they are worth. Source, sizes, inclusion,
    interval and Raises: as for `corrected_totals`.
    """
    words = np.where(flags(right, "right answers"), "right", "wrong")
    audit = _Audit.of(sizes, stratum, words, inclusion, finite)
    everywhere = np.ones(len(audit.strata), dtype=bool)
    share = audit.estimate("right", everywhere, confidence).share_of(audit.whole)
    return Measure("audited_accuracy", *share, audit.n)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A total with its standard error and the ends of its interval, from `hits` audited records."""

    value: float
    error: float
    low: float
    high: float
    hits: int

    @property
    def ends(self) -> tuple[float, float, float]:
        return self.value, self.low, self.high

    def share_of(self, whole: float) -> tuple[float, float, float]:
        return self.value / whole, self.low / whole, min(self.high / whole, 1.0)


@dataclass(frozen=True, slots=True)
class _Audit:
    """The sample by stratum, (strata,), and its cells (stratum, class) that are not empty, (cells,).

    `effective` is how many records of a plain sample a stratum's are worth; infinite where all of it was audited.
    """

    strata: list[str]
    sizes: Floats
    audited: Counts
    effective: Floats
    classes: list[str]
    stratum: Counts
    code: Counts
    hits: Counts
    share: Floats
    variance: Floats

    @property
    def n(self) -> int:
        return int(self.audited.sum())

    @property
    def whole(self) -> float:
        return float(self.sizes.sum())

    @classmethod
    def of(
        cls,
        sizes: Mapping[str, float],
        predicted: npt.ArrayLike,
        reference: npt.ArrayLike,
        inclusion: npt.ArrayLike | None,
        finite: bool,
    ) -> _Audit:
        drawn, found = paired(predicted, reference)
        stratum_sizes(sizes)
        given = None if inclusion is None else _probabilities(inclusion, len(drawn))
        if given is not None:
            sizes, drawn = _together(sizes, drawn, given)
        strata, whole = stratum_sizes(sizes)
        place = _placed(drawn, strata)
        n = np.bincount(place, minlength=len(strata))
        _enough(strata, whole, n, finite)
        alike = n / whole if finite else np.ones(len(strata))
        chances = alike[place] if given is None else given
        names, code = np.unique(found, return_inverse=True)
        weight = 1 / chances
        left = weight**2 * ((1 - chances) if finite else 1.0)
        cells, back, hits = np.unique(place * len(names) + code, return_inverse=True, return_counts=True)
        h, k = np.divmod(cells, len(names))
        total, unknown = np.bincount(place, weight, len(strata)), np.bincount(place, left, len(strata))
        share = np.minimum(np.bincount(back, weight) / total[h], 1.0)
        spread = np.bincount(back, left) * (1 - 2 * share) + unknown[h] * share**2
        variance = np.maximum(spread * n[h] / np.maximum(n[h] - 1, 1) / total[h] ** 2, 0.0)
        worth = np.divide(total**2, unknown, out=np.full(len(total), np.inf), where=unknown > 0)
        return cls(strata, whole, n, worth, names.tolist(), h, k, hits, share, variance)

    def row(self, code: str, naive: float, confidence: float) -> ClassTotal:
        own = np.array([name == code for name in self.strata])
        total = self.estimate(code, own | True, confidence)
        note = f"{total.hits} audited records are of this class"
        return ClassTotal(
            code,
            naive,
            Measure("corrected_total", *total.ends, self.n, note),
            total.error,
            Measure("bias_of_total", naive - total.value, naive - total.high, naive - total.low, self.n, note),
            self._users(code, own, naive, confidence),
            self._producers(code, own, naive, confidence),
        )

    def estimate(self, code: str, among: Flags, confidence: float) -> _Estimate:
        """How many of `among` (strata,) are of the class; the distances of the strata's own ends add as squares.

        Strata where none was found are taken together, as they stand for one small share, not for many.
        """
        k = self.classes.index(code) if code in self.classes else -1
        cells = np.flatnonzero((self.code == k) & among[self.stratum])
        size, share = self.sizes[self.stratum[cells]], self.share[cells]
        ends = np.array([self._ends(cell, confidence) for cell in cells.tolist()]).reshape(len(cells), 2)
        none = among.copy()
        none[self.stratum[cells]] = False
        value = float((size * share).sum())
        down = float(((size * (share - ends[:, 0])) ** 2).sum())
        up = float(((size * (ends[:, 1] - share)) ** 2).sum()) + self._unseen(none, confidence) ** 2
        error = sqrt(float((size**2 * self.variance[cells]).sum()))
        most = float(self.sizes[among].sum())
        return _Estimate(
            value, error, max(0.0, value - sqrt(down)), min(most, value + sqrt(up)), int(self.hits[cells].sum())
        )

    def _ends(self, cell: int, confidence: float) -> tuple[float, float]:
        share, variance = float(self.share[cell]), float(self.variance[cell])
        worth = float(self.effective[self.stratum[cell]])
        if np.isinf(worth):
            return share, share
        n = share * (1 - share) / variance if 0 < share < 1 and variance > 0 else worth
        return wilson(share * n, n, confidence)

    def _unseen(self, strata: Flags, confidence: float) -> float:
        """How many of a class there may be in `strata`, in none of which one was found."""
        size = self.sizes[strata]
        spread = float((size**2 / self.effective[strata]).sum())
        whole = float(size.sum())
        return whole * wilson(0, whole**2 / spread, confidence)[1] if spread else 0.0

    def _users(self, code: str, own: Flags, naive: float, confidence: float) -> Measure:
        if not own.any():
            return Measure("users_accuracy", None, None, None, 0, _FEW if naive else "no record was given this class")
        right = self.estimate(code, own, confidence)
        size, n = float(self.sizes[own].sum()), int(self.audited[own].sum())
        return Measure("users_accuracy", *right.share_of(size), n)

    def _producers(self, code: str, own: Flags, naive: float, confidence: float) -> Measure:
        found, missed = (self.estimate(code, among, confidence) for among in (own, ~own))
        n = found.hits + missed.hits
        if not n or (naive and not own.any()):
            why = _FEW if n else "no audited record is of this class"
            return Measure("producers_accuracy", None, None, None, n, why)
        low, high = (1.0 if end == inf else end / (1 + end) for end in ratio(found.ends, missed.ends))
        return Measure("producers_accuracy", found.value / (found.value + missed.value), low, high, n)


def stratum_sizes(sizes: Mapping[str, float]) -> tuple[list[str], Floats]:
    """The strata in order and their sizes; those of size 0 are none."""
    strata = sorted(sizes)
    whole = np.array([sizes[name] for name in strata], dtype=np.float64)
    if not strata or not np.isfinite(whole).all() or (whole < 0).any() or not whole.sum() > 0:
        raise Refused("the sizes of the classes are not finite numbers of 0 or more, with something to count")
    text_labels(np.array(strata, dtype=object), "classes")
    kept = whole > 0
    return [name for name, keep in zip(strata, kept, strict=True) if keep], whole[kept]


def _together(sizes: Mapping[str, float], drawn: Labels, chances: Floats) -> tuple[Mapping[str, float], Labels]:
    """Both with MERGED in place of the classes of which fewer than EXPECTED audited records were to be expected.

    What was found does not decide, as far as it can: classes picked because few were found would bias the rest.
    """
    names, place, n = np.unique(drawn, return_inverse=True, return_counts=True)
    rate = n / np.bincount(place, 1 / chances)
    audited = {str(name): (int(k), float(r)) for name, k, r in zip(names, n, rate, strict=True)}

    def scarce(name: str, size: float) -> bool:
        found, share = audited.get(name, (0, 0.0))
        return (found < 2 or share * size < EXPECTED) and found < size

    few = [name for name, size in sizes.items() if size > 0 and scarce(name, size)]
    if not few or not any(audited.get(name, (0, 0.0))[0] < 2 for name in few):
        return sizes, drawn
    placed = drawn.astype(np.dtypes.StrDType(max(drawn.itemsize // 4, len(MERGED))))
    placed[np.isin(drawn, few)] = MERGED
    merged = {name: size for name, size in sizes.items() if name not in few}
    return {**merged, MERGED: sum(sizes[name] for name in few)}, placed


def _placed(drawn: Labels, strata: list[str]) -> Counts:
    place, known = places(drawn, np.array(strata))
    if strays := sorted(set(drawn[~known].tolist())):
        raise Refused(f"audited records have classes that no record was given: {some_names(strays)}")
    return place


def _enough(strata: list[str], whole: Floats, n: Counts, finite: bool) -> None:
    too_few = (n < 2) & ~(finite & (n == whole))
    if too_few.any():
        names = some_names([name for name, few in zip(strata, too_few, strict=True) if few])
        raise Refused(
            f"{int(too_few.sum())} of {len(strata)} classes have fewer than 2 audited records: {names}",
            hint="audit more of them, or merge classes, in the sizes and in the sample alike",
        )
    if finite and (n > whole).any():
        names = some_names([name for name, over in zip(strata, n > whole, strict=True) if over])
        raise Refused(f"more records were audited than there are: {names}")


def _probabilities(inclusion: npt.ArrayLike, n: int) -> Floats:
    chances = np.asarray(inclusion)
    right = chances.shape == (n,) and chances.dtype.kind in "fiu"
    if not right or not (np.isfinite(chances).all() and (chances > 0).all() and (chances <= 1).all()):
        raise Refused("inclusion probabilities are not more than 0 and at most 1 for each audited record")
    return chances.astype(np.float64)


def some_names(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")

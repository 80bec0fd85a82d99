"""Is the result as good for each group of records? How far apart are the best and the worst?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Measure, check_share, flags, text_labels
from towpath_checks.measures._intervals import assessable_share, difference
from towpath_core.errors import Refused

MISSING = "(missing)"
MINIMUM = 30


@dataclass(frozen=True, slots=True)
class Subgroups:
    """One domain: its groups in order of their names, each with its share; the gap; whether chance alone explains it.

    `worst` is the assessable group with the lowest share, None where no group is assessable.
    """

    domain: str
    groups: tuple[tuple[str, Measure], ...]
    worst: str | None
    gap: Measure
    p: Measure

    @property
    def not_assessable(self) -> tuple[str, ...]:
        return tuple(name for name, measure in self.groups if measure.value is None)


def subgroups(
    right: npt.ArrayLike,
    group: npt.ArrayLike,
    *,
    domain: str,
    name: str = "accuracy",
    minimum: int = MINIMUM,
    confidence: float = 0.95,
) -> Subgroups:
    """The share of True in each group of a declared domain (mode, region, size, language).

    Needs right (n,) bool, such as truth = predicted, or score ≥ threshold for the automatic coding rate by group, and
    group (n,) text, "" where it is missing (`frame[column].fillna("").astype(str)`). Groups of fewer than `minimum`
    records are not assessable; they have no part in the gap.

    Interval of a share: Wilson 1927. The gap is the highest share minus the lowest. Its interval comes from those of
    all pairs (Newcombe 1998, method 10) at Šidák's level (1967), so it holds for the pair that was picked because it is
    extreme; with more than two groups it is wider than it need be. p: Pearson's χ² of equal shares, k − 1 degrees.
    """
    check_share(confidence, "the confidence")
    hit, names = flags(right, "right answers"), text_labels(group, "groups")
    if len(hit) != len(names):
        raise Refused(f"{len(names)} groups for {len(hit)} records")
    found, place = np.unique(names, return_inverse=True)
    size, hits = np.bincount(place), np.bincount(place[hit], minlength=len(found))
    counts = {str(g) or MISSING: (int(h), int(n)) for g, h, n in zip(found, hits, size, strict=True)}
    if len(counts) < len(found):
        raise Refused(f"a group is called {MISSING}, which stands for no group")
    groups = tuple((g, assessable_share(name, h, n, confidence, minimum)) for g, (h, n) in counts.items())
    known = {g: counts[g] for g, measure in groups if measure.value is not None}
    worst = min(known, key=lambda g: known[g][0] / known[g][1]) if known else None
    return Subgroups(domain, groups, worst, _gap(name, known, confidence), _p(name, known))


def _gap(name: str, known: dict[str, tuple[int, int]], confidence: float) -> Measure:
    n = sum(size for _, size in known.values())
    if len(known) < 2:
        return Measure(f"{name}_gap", None, None, None, n, f"{len(known)} groups can be assessed, expected 2 or more")
    shares = [hits / size for hits, size in known.values()]
    pairs = len(known) * (len(known) - 1) // 2
    ends = [difference(one, other, confidence ** (1 / pairs)) for one, other in permutations(known.values(), 2)]
    low, high = max(0.0, *(low for low, _ in ends)), max(high for _, high in ends)
    return Measure(f"{name}_gap", max(shares) - min(shares), low, high, n, f"{len(known)} groups, all pairs at once")


def _p(name: str, known: dict[str, tuple[int, int]]) -> Measure:
    from scipy.special import chdtrc

    hits, size = (np.array([pair[i] for pair in known.values()], dtype=np.float64) for i in (0, 1))
    n, all_alike = int(size.sum()), len(known) < 2 or hits.sum() in (0, size.sum())
    if all_alike:
        value, note = (None, "fewer than 2 groups can be assessed") if len(known) < 2 else (1.0, "all groups are alike")
        return Measure(f"{name}_gap_p", value, None, None, n, note)
    share = hits.sum() / size.sum()
    chi2 = float(((hits - size * share) ** 2 / (size * share * (1 - share))).sum())
    return Measure(f"{name}_gap_p", float(chdtrc(len(known) - 1, chi2)), None, None, n, "a p-value has no interval")

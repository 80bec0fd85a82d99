"""Does the published figure change with another seed, algorithm or threshold?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    Flags,
    Labels,
    Measure,
    at_level,
    check_share,
    coded_automatically,
    numbered,
    scores,
    text_labels,
)
from towpath_checks.measures._intervals import normal_quantile
from towpath_core.errors import Refused

Kind = Literal["seed", "algorithm", "threshold"]
_SHARE = "share_"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way of making the model answers to n records: labels (n,) text, score (n,), and its threshold.

    A record with score ≥ threshold is coded automatically; without a threshold none is.
    """

    labels: npt.ArrayLike
    score: npt.ArrayLike
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another way of making the model: `kind` is what was varied, `name` how a person calls it ("seed 3")."""

    kind: Kind
    name: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Shift:
    """A figure under one alternative, minus the figure as published.

    Beyond: the difference is larger than the tolerance. Open: it is not, but its interval reaches further.
    """

    kind: Kind
    alternative: str
    figure: str
    published: float
    difference: Measure
    beyond: bool
    open: bool

    @property
    def is_share(self) -> bool:
        """Whether the figure is a class's share of the published result."""
        return self.figure.startswith(_SHARE)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """All shifts, and for each kind of alternative the shift of the published share that moves most.

    The automatic coding rate and `moved` are told and flagged, but what is published are the shares: `largest` and
    `holds` are about those alone.
    """

    tolerance: float
    shifts: tuple[Shift, ...]
    largest: tuple[Measure, ...]

    @property
    def holds(self) -> bool | None:
        """Whether no published share moved beyond the tolerance; None where no alternative was tried."""
        shares = [shift for shift in self.shifts if shift.is_share]
        return not any(shift.beyond for shift in shares) if shares else None


def sensitivity(
    published: Outcome,
    alternatives: Sequence[Alternative],
    *,
    tolerance: float,
    reviewed: npt.ArrayLike | None = None,
    level: int = 0,
    classes: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> Sensitivity:
    """The automatic coding rate and each class's share of the records, under each alternative, on the same records.

    Needs answers to one set of n records, and `reviewed`, (n,) text: the labels that people give to what is not coded
    automatically (the test part's true labels; without them the model's answer counts for every record). The share is
    the published one: automatic labels above the threshold, people's below. At a `level` codes are cut to their first
    characters; `classes` keeps to those shares (default: all). A total is a share times the number of records.
    `tolerance` is in shares, 0.01 is one point, and is fixed before the run.

    Difference: alternative − published, a mean of values −1, 0, 1 over paired records. Interval: the adjusted Wald
    interval of paired shares (Bonett and Price 2012); it has a width even where no record moves. It covers the sampling
    of records, for these models as they are. `moved` is the dissimilarity index ½ Σ |difference| over all classes
    (Duncan and Duncan 1955), the share of records that would have to change class; it has no interval, as noise only
    adds to it. Samples nothing; time: alternatives × classes counts of n records, a second for ten alternatives of 400
    classes and 5,000 records.

    Raises: Refused for answers to other numbers of records; Misused for a tolerance that is no share.
    """
    check_share(tolerance, "the tolerance")
    check_share(confidence, "the confidence")
    before = _Figures.of(published, reviewed, level)
    names = sorted(set(before.labels.tolist())) if classes is None else list(classes)
    shifts: list[Shift] = []
    for alternative in alternatives:
        after = _Figures.of(alternative.outcome, reviewed, level)
        if len(after.labels) != len(before.labels):
            raise Refused(
                f"{alternative.name} answers {len(after.labels)} records, the published model {len(before.labels)}"
            )
        new = sorted(set(after.labels.tolist()) - set(names)) if classes is None else []
        compared = [
            _paired("automatic_coding_rate", before.coded, after.coded),
            *(_paired(f"{_SHARE}{name}", before.labels == name, after.labels == name) for name in [*names, *new]),
        ]
        shifts += [_shift(alternative, pair, tolerance, confidence) for pair in compared]
        shifts.append(_moved(alternative, before.labels, after.labels, tolerance))
    return Sensitivity(tolerance, tuple(shifts), tuple(_largest(shifts)))


@dataclass(frozen=True, slots=True)
class _Figures:
    labels: Labels
    coded: Flags

    @classmethod
    def of(cls, outcome: Outcome, reviewed: npt.ArrayLike | None, level: int) -> _Figures:
        labels = text_labels(outcome.labels)
        coded = coded_automatically(scores(outcome.score, len(labels)), outcome.threshold)
        if reviewed is not None:
            people = text_labels(reviewed)
            if len(people) != len(labels):
                raise Refused(f"people's labels are of {len(people)} records, the answers of {len(labels)}")
            labels = np.where(coded, labels, people)
        return cls(at_level(labels, level), coded)


@dataclass(frozen=True, slots=True)
class _Pair:
    """How many of n records have the figure before, and how many come and go with the alternative."""

    figure: str
    before: int
    come: int
    go: int
    n: int


def _paired(figure: str, before: Flags, after: Flags) -> _Pair:
    return _Pair(figure, int(before.sum()), int((after & ~before).sum()), int((before & ~after).sum()), len(before))


def _shift(alternative: Alternative, pair: _Pair, tolerance: float, confidence: float) -> Shift:
    value = (pair.come - pair.go) / pair.n
    low, high = _adjusted_wald(pair, confidence)
    note = f"{pair.come} records come, {pair.go} go"
    difference = Measure(f"difference_{pair.figure}", value, min(low, value), max(high, value), pair.n, note)
    beyond = not abs(value) <= tolerance
    reaches = max(abs(low), abs(high)) > tolerance
    published = pair.before / pair.n
    return Shift(alternative.kind, alternative.name, pair.figure, published, difference, beyond, reaches and not beyond)


def _adjusted_wald(pair: _Pair, confidence: float) -> tuple[float, float]:
    """One record is added that comes and one that goes, then it is Wald's interval (Bonett and Price 2012)."""
    n = pair.n + 2
    come, go = (pair.come + 1) / n, (pair.go + 1) / n
    reach = normal_quantile(confidence) * sqrt((come + go - (come - go) ** 2) / n)
    return come - go - reach, come - go + reach


def _moved(alternative: Alternative, before: Labels, after: Labels, tolerance: float) -> Shift:
    names, *places = numbered(before, after)
    counts = [np.bincount(part, minlength=len(names)) for part in places]
    value = float(np.abs(counts[1] - counts[0]).sum() / 2 / len(before))
    note = "no interval: noise only adds to it"
    difference = Measure("difference_moved", value, None, None, len(before), note)
    return Shift(alternative.kind, alternative.name, "moved", 0.0, difference, not value <= tolerance, open=False)


def _largest(shifts: Iterable[Shift]) -> list[Measure]:
    """How far the share that moves most moves, for each kind, named after it."""
    largest: dict[str, Shift] = {}
    for shift in shifts:
        held = largest.get(shift.kind)
        if shift.is_share and (held is None or _size(shift) > _size(held)):
            largest[shift.kind] = shift
    note = "no interval: the largest of many is biased upwards"
    return [
        Measure(
            f"sensitivity_{kind}",
            _size(shift),
            None,
            None,
            shift.difference.n,
            f"{shift.figure} with {shift.alternative}; {note}",
        )
        for kind, shift in largest.items()
    ]


def _size(shift: Shift) -> float:
    return abs(shift.difference.value or 0.0)

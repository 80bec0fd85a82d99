"""The five dimensions of QF4SA (Yung et al. 2022), and whether a figure reaches what was asked of it before the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from towpath_checks.measures import Measure

Status = Literal["meets", "watch", "fails", "not assessed"]
ACCURACY, EXPLAINABILITY, REPRODUCIBILITY = "accuracy", "explainability", "reproducibility"
TIMELINESS, COST = "timeliness", "cost effectiveness"
DIMENSIONS = (EXPLAINABILITY, ACCURACY, REPRODUCIBILITY, TIMELINESS, COST)
MEETS: Status = "meets"
WATCH: Status = "watch"
FAILS: Status = "fails"
NOT_ASSESSED: Status = "not assessed"
_WORST_FIRST = (FAILS, NOT_ASSESSED, WATCH, MEETS)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must reach: at least so much, at most so much; or above so much, with its whole interval."""

    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None

    def holds(self, value: float) -> bool:
        low = (self.at_least is None or value >= self.at_least) and (self.above is None or value > self.above)
        return math.isfinite(value) and low and (self.at_most is None or value <= self.at_most)

    def stricter(self, other: Bound) -> Bound:
        """What holds both."""
        return Bound(
            _of(max, self.at_least, other.at_least),
            _of(min, self.at_most, other.at_most),
            _of(max, self.above, other.above),
        )

    @property
    def asks(self) -> bool:
        return (self.at_least, self.at_most, self.above) != (None, None, None)

    @property
    def words(self) -> str:
        said = {"whole interval above": self.above, "at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{words} {bound:g}" for words, bound in said.items() if bound is not None)

    def as_dict(self) -> dict[str, float | None]:
        above = {} if self.above is None else {"above": self.above}
        return {"at_least": self.at_least, "at_most": self.at_most, **above}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure in one dimension. `bound` None: nothing was asked of it, so it informs and does not judge.

    `baseline` is the same figure of the present process; `sources` are the files that it can be recomputed from.
    """

    dimension: str
    measure: Measure
    bound: Bound | None = None
    baseline: Measure | None = None
    sources: tuple[str, ...] = ()
    unit: str = ""

    @property
    def status(self) -> Status | None:
        """None: nothing was asked of it."""
        return None if self.bound is None else status(self.measure, self.bound)

    def as_dict(self) -> dict[str, Any]:
        bound, said = self.bound, self.measure
        return {
            "dimension": self.dimension,
            **asdict(said),
            "unit": self.unit,
            "threshold": None if bound is None else bound.as_dict(),
            "status": self.status,
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "sources": list(self.sources),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Figure:
        """From what `as_dict` gave; the status is judged anew, never believed.

        Raises: KeyError, TypeError, and ValueError for what is no number or of no dimension.
        """
        if row["dimension"] not in DIMENSIONS:
            raise ValueError("a figure of no dimension")
        asked, baseline = row["threshold"], row["baseline"]
        return cls(
            row["dimension"],
            _measure(row),
            None if asked is None else Bound(asked["at_least"], asked["at_most"], asked.get("above")),
            None if baseline is None else _measure(baseline),
            tuple(row["sources"]),
            row["unit"],
        )


def status(measure: Measure, bound: Bound) -> Status:
    """*meets*: the whole interval holds the bound, or the value where there is no interval; *watch*: the value alone.

    Where the whole interval is asked to lie above something, what is not sure of it *fails*. A value that is missing or
    no number is *not assessed*, and so is a bound that asks nothing.
    """
    value = measure.value
    if value is None or not math.isfinite(value) or not bound.asks:
        return NOT_ASSESSED
    if not bound.holds(value) or (
        bound.above is not None and not (measure.low is not None and measure.low > bound.above)
    ):
        return FAILS
    ends = [end for end in (measure.low, measure.high) if end is not None]
    return MEETS if all(bound.holds(end) for end in ends) else WATCH


def of_dimension(figures: Iterable[Figure], dimension: str) -> Status:
    """As bad as the worst of those that something was asked of; *not assessed* where nothing was."""
    said = [f.status for f in figures if f.dimension == dimension and f.status is not None]
    return next((worst for worst in _WORST_FIRST if worst in said), NOT_ASSESSED)


def _of(choose: Callable[[list[float]], float], *bounds: float | None) -> float | None:
    given = [bound for bound in bounds if bound is not None]
    return choose(given) if given else None


def _measure(row: Mapping[str, Any]) -> Measure:
    numbers = [row[k] for k in ("value", "low", "high") if row[k] is not None]
    if not all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers):
        raise ValueError("a figure that is no number")
    return Measure(**{field.name: row[field.name] for field in fields(Measure)})

"""The quality of a model in the dimensions of QF4SA, as far as its own test records tell. One module for a dimension.

A module has `assess`, which gives the figures and the tables behind them; what it cannot assess it says so of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from towpath_checks.measures import Measure
from towpath_checks.measures.reproducibility import NAMES as REPEATED
from towpath_checks.quality import ACCURACY, Bound, Figure
from towpath_checks.quality_report import Annex
from towpath_core.errors import Refused, TowpathError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.measuring import Answered
    from towpath.project import Limit, Project

Assessment = tuple[list[Figure], list[Annex]]
TESTED = ("data/prepared.parquet", "data/splits.parquet", "model/model.skops")
SETTINGS = "towpath.yaml"


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What an evaluation has at hand: records of each part, the truth, shape (n,), and the answers, of the test part.

    `baseline` are the labels of the present process, (n,) text; `ask` gives the model's answers to any such records;
    `measured` is what was measured already.
    """

    project: Project
    parts: Mapping[str, pd.DataFrame]
    truth: np.ndarray[Any, Any]
    said: Answered
    baseline: np.ndarray[Any, Any]
    threshold: float | None
    ask: Callable[[pd.DataFrame], Answered]
    model: Any
    measured: tuple[Measure, ...]

    @property
    def test(self) -> pd.DataFrame:
        return self.parts["test"]

    @property
    def right(self) -> np.ndarray[Any, Any]:
        """Which of the test records were answered right, (n,) bool."""
        right: np.ndarray[Any, Any] = self.said.labels == self.truth
        return right

    @property
    def level(self) -> int:
        """The finest level of the nomenclature, 0 without levels."""
        levels = self.project.settings.nomenclature.levels
        return levels[-1] if levels else 0


def assess(evaluated: Evaluated) -> Assessment:
    """All dimensions that a model's own files tell of, with what was asked before the run; short tables first."""
    from towpath.assessing import accuracy, cost, explainability, reproducibility

    figures: list[Figure] = []
    annexes: list[Annex] = []
    for dimension in (accuracy, explainability, reproducibility):
        found, tables = dimension.assess(evaluated)
        figures, annexes = figures + found, annexes + tables
    figures += cost.assess(evaluated.project, [figure.measure for figure in figures])
    limits = limits_of_evaluation(evaluated.project.settings.limits)
    figures += without_a_figure(limits, figures, evaluated.measured)
    return asked(figures, limits), sorted(annexes, key=lambda annex: len(annex.rows))


def asked(figures: Iterable[Figure], limits: Mapping[str, Limit]) -> list[Figure]:
    """The figures, each with the limit that towpath.yaml has for it, and with what is asked of it in any case."""
    bounds = {name: Bound(limit.at_least, limit.at_most) for name, limit in limits.items()}
    return [replace(f, bound=_both(f.bound, bounds.get(f.measure.name))) for f in figures]


def limits_of_evaluation(limits: Mapping[str, Limit]) -> dict[str, Limit]:
    """Without those of what is measured later, of the packaged model: the run judges them."""
    from towpath import challenging, timing

    later = (*timing.NAMES, *challenging.NAMES, *REPEATED)
    return {name: limit for name, limit in limits.items() if name not in later}


def _both(one: Bound | None, other: Bound | None) -> Bound | None:
    return one.stricter(other) if one and other else one or other


def without_a_figure(
    limits: Iterable[str], figures: Iterable[Figure], measured: Iterable[Measure] = ()
) -> list[Figure]:
    """For each limit about what the figures leave out: what was asked must not be lost, or it would read as a pass."""
    known, said = {figure.measure.name for figure in figures}, list(measured)
    why = f"no figure of this name was measured: {SETTINGS}, limits"
    missing = [name for name in limits if name not in known]
    return [Figure(ACCURACY, named(said, name) or none(name, why), sources=TESTED) for name in missing]


def as_json(figures: Iterable[Figure], annexes: Iterable[Annex]) -> dict[str, Any]:
    return {
        "schema": 1,
        "figures": [figure.as_dict() for figure in figures],
        "annexes": [asdict(annex) for annex in annexes],
    }


def tried(
    dimension: str, name: str, measure: Callable[[], Sequence[Measure]], sources: tuple[str, ...]
) -> list[Figure]:
    """The figures of a measure; where it refuses, one figure `name` that says why it is not assessed."""
    try:
        found = measure()
    except TowpathError as no:
        found = [none(name, no.message)]
    return [Figure(dimension, said, sources=sources) for said in found]


def none(name: str, why: str) -> Measure:
    return Measure(name, None, None, None, 0, why)


def named(measures: Iterable[Measure], name: str) -> Measure | None:
    return next((measure for measure in measures if measure.name == name), None)


def texts(frame: pd.DataFrame, column: str) -> list[str]:
    """A column as text, "" where it is missing. Raises: Refused where there is no such column."""
    if column not in frame.columns:
        raise Refused(f"the records have no column {column}", hint="mend towpath.yaml, data, or src/…/prepare.py")
    return list(frame[column].astype("object").where(frame[column].notna(), "").astype(str))

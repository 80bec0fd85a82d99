"""Reproducibility: what is pinned, and whether the published figure hangs on a seed, an algorithm or a threshold."""

from __future__ import annotations

from dataclasses import replace

from towpath.assessing import SETTINGS, TESTED, Assessment, Evaluated, none
from towpath_checks.measures import Measure
from towpath_checks.measures.sensitivity import Alternative, Outcome, Sensitivity, sensitivity
from towpath_checks.quality import REPRODUCIBILITY, Bound, Figure
from towpath_checks.quality_report import Annex
from towpath_core.errors import Refused

_STEP = 0.05
_KINDS = ("seed", "algorithm", "threshold")
_SHOWN = 20
_SOURCES = (*TESTED, SETTINGS)


def assess(evaluated: Evaluated) -> Assessment:
    """The published figure is what the process gives: automatic answers, and the truth for what people review."""
    tolerance = evaluated.project.settings.quality.tolerance
    published = Outcome(evaluated.said.labels, evaluated.said.score, evaluated.threshold)
    try:
        found = sensitivity(
            published,
            _alternatives(evaluated),
            tolerance=tolerance,
            reviewed=evaluated.truth,
            level=_coarse(evaluated),
        )
    except Refused as no:
        bound = Bound(at_most=tolerance)
        return [Figure(REPRODUCIBILITY, none(f"sensitivity_{kind}", no.message), bound) for kind in _KINDS], []
    largest = {measure.name: measure for measure in found.largest}
    figures = [
        Figure(REPRODUCIBILITY, _with_reach(largest[name], found, kind), Bound(at_most=tolerance), sources=_SOURCES)
        if (name := f"sensitivity_{kind}") in largest
        else Figure(REPRODUCIBILITY, none(name, _why(kind)))
        for kind in _KINDS
    ]
    return figures, [_annex(found)] if found.shifts else []


def _with_reach(largest: Measure, found: Sensitivity, kind: str) -> Measure:
    """As far as the intervals of the shares reach: a share that is open is to be watched, however little it moved."""
    reached = [
        max(abs(shift.difference.low or 0.0), abs(shift.difference.high or 0.0))
        for shift in found.shifts
        if shift.is_share and shift.kind == kind
    ]
    note = f"{largest.note.partition(';')[0]}; the interval goes from no shift to the farthest end of any share's"
    return replace(largest, low=0.0, high=max(reached), note=note)


def _alternatives(evaluated: Evaluated) -> list[Alternative]:
    said, threshold = evaluated.said, evaluated.threshold
    made = [] if threshold is None else [max(threshold - _STEP, 0.0), min(threshold + _STEP, 1.0)]
    moved = [Alternative("threshold", f"threshold {t:.3f}", Outcome(said.labels, said.score, t)) for t in made]
    return [*moved, *_trained(evaluated)]


def _trained(evaluated: Evaluated) -> list[Alternative]:
    """The answers of the models that the stage `alternatives` trained in other ways. Raises: Refused."""
    from towpath.stages import alternatives

    found = alternatives.read(evaluated.project, evaluated.test[evaluated.project.settings.data.record_id])
    return [Alternative(kind, name, Outcome(labels, score, evaluated.threshold)) for kind, name, labels, score in found]


def _coarse(evaluated: Evaluated) -> int:
    levels = evaluated.project.settings.nomenclature.levels
    return levels[0] if levels else 0


def _why(kind: str) -> str:
    if kind == "threshold":
        return "no threshold: every record goes to a person"
    return f"no model was trained with another {kind}: params.yaml, alternatives"


def _annex(found: Sensitivity) -> Annex:
    from towpath_checks.quality_report import interval

    largest = sorted(found.shifts, key=lambda shift: -abs(shift.difference.value or 0.0))[:_SHOWN]
    return Annex(
        "The published figure under other choices",
        ("alternative", "figure", "published", "difference", "interval", "beyond the tolerance"),
        tuple(
            (
                shift.alternative,
                shift.figure.replace("_", " "),
                shift.published,
                shift.difference.value,
                interval(shift.difference),
                "yes" if shift.beyond else "open" if shift.open else "no",
            )
            for shift in largest
        ),
        f"The {len(largest)} largest of {len(found.shifts)} differences, as shares of the test records; what people "
        f"review counts as they answer. The tolerance is {found.tolerance:g} ({SETTINGS}, quality.tolerance).",
        TESTED,
    )

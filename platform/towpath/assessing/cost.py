"""Cost effectiveness: what a right answer costs, with the model and without it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from towpath.assessing import SETTINGS, named, none
from towpath.project import Cost, Project
from towpath_checks.measures import Measure
from towpath_checks.measures.cost import Process, Work, break_even, cost_per_accurate_record
from towpath_checks.quality import COST, Figure

_NAMES = ("cost_per_accurate_record", "break_even_years")


def assess(project: Project, measured: Iterable[Measure]) -> list[Figure]:
    """From the declared costs, and the automatic coding rate and process accuracy that were measured."""
    said = list(measured)
    declared = project.settings.quality.cost
    rate, right = named(said, "automatic_coding_rate"), named(said, "process_accuracy")
    if declared is None:
        return [Figure(COST, none(name, f"no costs are declared: {SETTINGS}, quality.cost")) for name in _NAMES]
    if rate is None or rate.value is None or right is None or not right.value:
        why = "the automatic coding rate and the process accuracy that it stands on were not assessed"
        return [Figure(COST, none(name, why)) for name in _NAMES]
    work = Work(declared.records_per_year, declared.horizon_years, declared.hourly_rate)
    candidate, baseline = _candidate(declared, rate.value, right.value), _baseline(declared)
    worst = best = None
    if None not in (rate.low, rate.high, right.low, right.high):
        worst = _candidate(declared, rate.low or 0.0, right.low or right.value)
        best = _candidate(declared, rate.high or rate.value, min(right.high or right.value, 1.0))
    sources = (SETTINGS, "reports/metrics.json")
    cost = cost_per_accurate_record(candidate, work, worst, best)
    present = replace(cost_per_accurate_record(baseline, work), name="baseline_cost_per_accurate_record")
    years = break_even(candidate, baseline, work, worst, best)
    values = (end for said in (cost, present, years) for end in (said.value, said.low, said.high) if end is not None)
    if not all(map(math.isfinite, values)):
        return [Figure(COST, none(name, "the declared costs are beyond all numbers")) for name in _NAMES]
    return [
        Figure(COST, cost, None, present, sources, declared.currency),
        Figure(COST, years, sources=sources, unit="years"),
    ]


def _candidate(declared: Cost, rate: float, accuracy: float) -> Process:
    own = declared.candidate
    return Process(
        fixed=own.development + own.labelling + own.other_fixed,
        yearly=own.compute_per_year + own.maintenance_per_year,
        minutes_per_record=(1 - rate) * declared.minutes_per_review,
        accuracy=accuracy,
    )


def _baseline(declared: Cost) -> Process:
    present = declared.baseline
    return Process(present.fixed, present.per_year, present.minutes_per_record, present.accuracy)

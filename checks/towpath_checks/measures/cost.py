"""What it costs, and what an accurate record costs: QF4SA's cost effectiveness is accuracy per unit of cost.

Fixed costs are spread evenly over the horizon (straight line, without interest). Money is in the caller's currency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from towpath_checks.measures._common import Measure
from towpath_core.errors import Misused


@dataclass(frozen=True, slots=True)
class Process:
    """One way of doing the work. `fixed` once and `yearly` in money; `minutes_per_record` of a person's time.

    `accuracy` is the share of records that are right at its end.
    """

    fixed: float
    yearly: float
    minutes_per_record: float
    accuracy: float

    def __post_init__(self) -> None:
        """Raise Misused for costs that are negative or no numbers, and for an accuracy that is no share."""
        amounts = (self.fixed, self.yearly, self.minutes_per_record)
        if not all(math.isfinite(amount) and amount >= 0 for amount in amounts):
            raise Misused(f"costs are {amounts}, expected finite numbers of 0 or more")
        if not 0 < self.accuracy <= 1:
            raise Misused(f"the accuracy of a process is {self.accuracy}, expected more than 0 and at most 1")


@dataclass(frozen=True, slots=True)
class Work:
    """How much there is to do, for how long, and what an hour of a person costs."""

    records_per_year: float
    horizon_years: float
    hourly_rate: float

    def __post_init__(self) -> None:
        """Raise Misused for what is not more than 0."""
        if not all(math.isfinite(x) and x > 0 for x in (self.records_per_year, self.horizon_years, self.hourly_rate)):
            raise Misused("records per year, the horizon and the hourly rate must be more than 0")

    def ongoing(self, process: Process) -> float:
        """Money a year, without the fixed costs: yearly + records · minutes / 60 · hourly rate."""
        return process.yearly + self.records_per_year * process.minutes_per_record / 60 * self.hourly_rate

    def total(self, process: Process) -> float:
        """Money a year: fixed / horizon + ongoing."""
        return process.fixed / self.horizon_years + self.ongoing(process)


def cost_per_accurate_record(
    process: Process, work: Work, worst: Process | None = None, best: Process | None = None
) -> Measure:
    """Total a year / (records a year · accuracy), in money.

    Interval: the same sum at the unfavourable and at the favourable end of what was measured (`worst`, `best`); an
    envelope, wider than an interval of the same confidence. None where nothing about the process was measured.
    """
    value = _per_record(process, work)
    if worst is None or best is None:
        note = "declared costs and accuracy: nothing was sampled, so there is no interval"
        return Measure("cost_per_accurate_record", value, None, None, 1, note)
    note = "from the unfavourable to the favourable ends of the measured intervals"
    ends = sorted((_per_record(best, work), _per_record(worst, work)))
    return Measure("cost_per_accurate_record", value, min(ends[0], value), max(ends[1], value), 1, note)


def break_even(
    candidate: Process, baseline: Process, work: Work, worst: Process | None = None, best: Process | None = None
) -> Measure:
    """Years until both have cost the same: (fixed of the candidate - fixed of the baseline) / what it saves a year.

    Not assessed where it saves nothing; 0 where it costs no more from the first day. Interval: as for the cost of an
    accurate record; None where at the unfavourable end it never breaks even.
    """
    name = "break_even_years"
    saved = work.ongoing(baseline) - work.ongoing(candidate)
    more = candidate.fixed - baseline.fixed
    if more <= 0 <= saved:
        return Measure(name, 0.0, None, None, 1, "it costs no more from the first day on")
    if more < 0:
        return Measure(name, None, None, None, 1, f"it costs less at once, and more from year {more / saved:.3g} on")
    if saved <= 0:
        return Measure(name, None, None, None, 1, "it saves nothing: it never breaks even")
    if worst is None or best is None:
        return Measure(name, more / saved, None, None, 1, "declared costs: there is no interval")
    ends = [work.ongoing(baseline) - work.ongoing(end) for end in (best, worst)]
    if min(ends) <= 0:
        note = "at the unfavourable end of what was measured it never breaks even: there is no interval"
        return Measure(name, more / saved, None, None, 1, note)
    low, high = sorted(more / end for end in ends)
    note = "from the unfavourable to the favourable ends of the measured intervals"
    return Measure(name, more / saved, min(low, more / saved), max(high, more / saved), 1, note)


def _per_record(process: Process, work: Work) -> float:
    return work.total(process) / (work.records_per_year * process.accuracy)

"""Costs, by arithmetic that a hand can check."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.measures.cost import Process, Work, break_even, cost_per_accurate_record
from towpath_core.errors import Misused

# 100,000 records a year, written off over 4 years, 30 an hour.
WORK = Work(records_per_year=100_000, horizon_years=4, hourly_rate=30)
BY_HAND = Process(fixed=0, yearly=0, minutes_per_record=2, accuracy=0.9)  # 100,000 a year
MODEL = Process(fixed=80_000, yearly=10_000, minutes_per_record=0.5, accuracy=0.95)  # 10,000 + 25,000 a year


def test_the_costs_by_hand() -> None:
    assert WORK.ongoing(BY_HAND) == pytest.approx(100_000)
    assert WORK.ongoing(MODEL) == pytest.approx(35_000)
    assert WORK.total(MODEL) == pytest.approx(80_000 / 4 + 35_000)
    assert cost_per_accurate_record(BY_HAND, WORK).value == pytest.approx(100_000 / 90_000)
    assert cost_per_accurate_record(MODEL, WORK).value == pytest.approx(55_000 / 95_000)
    assert break_even(MODEL, BY_HAND, WORK).value == pytest.approx(80_000 / 65_000)


def test_declared_costs_have_no_interval_and_say_so() -> None:
    said = cost_per_accurate_record(BY_HAND, WORK)
    assert (said.low, said.high) == (None, None)
    assert "no interval" in said.note


def test_the_interval_holds_the_ends_of_what_was_measured() -> None:
    worst, best = Process(80_000, 10_000, 0.6, 0.93), Process(80_000, 10_000, 0.4, 0.97)
    said = cost_per_accurate_record(MODEL, WORK, worst, best)
    assert said.low == pytest.approx((20_000 + 30_000) / 97_000)
    assert said.high == pytest.approx((20_000 + 40_000) / 93_000)


def test_what_saves_nothing_never_breaks_even() -> None:
    dear = Process(fixed=1, yearly=200_000, minutes_per_record=0, accuracy=1)
    assert break_even(dear, BY_HAND, WORK).value is None
    assert "never" in break_even(dear, BY_HAND, WORK).note


def test_the_years_hold_the_ends_of_what_was_measured() -> None:
    worst, best = Process(80_000, 10_000, 0.6, 0.93), Process(80_000, 10_000, 0.4, 0.97)
    said = break_even(MODEL, BY_HAND, WORK, worst, best)
    assert said.low == pytest.approx(80_000 / 70_000)
    assert said.high == pytest.approx(80_000 / 60_000)
    never = break_even(MODEL, BY_HAND, WORK, Process(80_000, 10_000, 2, 0.9), best)
    assert (never.value, never.high) == (said.value, None)
    assert "never" in never.note


def test_what_costs_less_at_first_and_more_each_year_is_told_so() -> None:
    dear_to_run = Process(fixed=0, yearly=10_000, minutes_per_record=2, accuracy=0.9)
    said = break_even(dear_to_run, Process(20_000, 0, 2, 0.9), WORK)
    assert said.value is None
    assert said.note == "it costs less at once, and more from year 2 on"


def test_what_costs_no_more_from_the_first_day_breaks_even_at_once() -> None:
    assert break_even(Process(0, 0, 1, 0.9), BY_HAND, WORK).value == 0


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_a_cost_that_is_no_amount_is_refused(bad: float) -> None:
    for fields in ({"fixed": bad}, {"yearly": bad}, {"minutes_per_record": bad}):
        with pytest.raises(Misused, match="finite numbers of 0 or more"):
            Process(**{"fixed": 0, "yearly": 0, "minutes_per_record": 1, "accuracy": 0.9, **fields})
    with pytest.raises(Misused, match="more than 0"):
        Work(records_per_year=bad, horizon_years=4, hourly_rate=30)


@pytest.mark.parametrize("bad", [0, -0.1, 1.1, math.nan])
def test_an_accuracy_that_is_no_share_is_refused(bad: float) -> None:
    with pytest.raises(Misused, match="accuracy"):
        Process(0, 0, 1, bad)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 60), st.floats(0.01, 1), st.floats(1, 1e5))
def test_more_of_any_cost_makes_a_record_dearer(
    fixed: float, yearly: float, minutes: float, accuracy: float, more: float
) -> None:
    def per_record(process: Process) -> float:
        value = cost_per_accurate_record(process, WORK).value
        assert value is not None
        return value

    now = per_record(Process(fixed, yearly, minutes, accuracy))
    assert per_record(Process(fixed + more, yearly, minutes, accuracy)) > now
    assert per_record(Process(fixed, yearly + more, minutes, accuracy)) > now
    assert per_record(Process(fixed, yearly, minutes + more, accuracy)) > now
    assert per_record(Process(fixed, yearly, minutes, accuracy / 2)) >= now

"""A figure against what was asked of it before the run."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.measures import Measure
from towpath_checks.quality import (
    ACCURACY,
    COST,
    DIMENSIONS,
    FAILS,
    MEETS,
    NOT_ASSESSED,
    WATCH,
    Bound,
    Figure,
    of_dimension,
    status,
)

NUMBERS = st.one_of(st.none(), st.floats())


def measured(value: float | None, low: float | None = None, high: float | None = None) -> Measure:
    return Measure("accuracy", value, low, high, 100)


@pytest.mark.parametrize(
    ("measure", "bound", "expected"),
    [
        (measured(0.9, 0.85, 0.95), Bound(at_least=0.8), MEETS),
        (measured(0.9, 0.75, 0.95), Bound(at_least=0.8), WATCH),
        (measured(0.7, 0.65, 0.95), Bound(at_least=0.8), FAILS),
        (measured(0.9), Bound(at_least=0.8), MEETS),
        (measured(0.04, 0.03, 0.07), Bound(at_most=0.05), WATCH),
        (measured(0.04, 0.03, 0.05), Bound(at_most=0.05), MEETS),
        (measured(None), Bound(at_least=0.8), NOT_ASSESSED),
        (measured(math.nan), Bound(at_least=0.8), NOT_ASSESSED),
        (measured(math.inf), Bound(at_least=0.8), NOT_ASSESSED),
        (measured(0.9, math.nan, 0.95), Bound(at_least=0.8), WATCH),
        (measured(0.9), Bound(), NOT_ASSESSED),
        (measured(0.05, 0.01, 0.09), Bound(above=0.0), MEETS),
        (measured(0.05, 0.0, 0.09), Bound(above=0.0), FAILS),
        (measured(0.0, 0.0, 0.0), Bound(above=0.0), FAILS),
        (measured(0.05), Bound(above=0.0), FAILS),
    ],
)
def test_a_status_by_hand(measure: Measure, bound: Bound, expected: str) -> None:
    assert status(measure, bound) == expected


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_what_is_no_number_never_meets(
    value: float | None, low: float | None, high: float | None, least: float | None, most: float | None
) -> None:
    said = status(measured(value, low, high), Bound(least, most))
    if said == MEETS:
        assert value is not None
        assert math.isfinite(value)
        assert least is None or value >= least
        assert most is None or value <= most
        assert not math.isnan(math.fsum(end for end in (low, high) if end is not None and not math.isinf(end)))


def figure(measure: Measure, bound: Bound | None, dimension: str = ACCURACY) -> Figure:
    return Figure(dimension, measure, bound)


def test_a_dimension_is_as_bad_as_its_worst_figure() -> None:
    good, weak = figure(measured(0.9, 0.85, 0.95), Bound(0.8)), figure(measured(0.9, 0.7, 0.95), Bound(0.8))
    missing, bad = figure(measured(None), Bound(0.8)), figure(measured(0.1), Bound(0.8))
    assert of_dimension([good], ACCURACY) == MEETS
    assert of_dimension([good, weak], ACCURACY) == WATCH
    assert of_dimension([good, weak, missing], ACCURACY) == NOT_ASSESSED
    assert of_dimension([good, weak, missing, bad], ACCURACY) == FAILS


def test_a_dimension_of_which_nothing_was_asked_is_not_assessed() -> None:
    assert [of_dimension([], dimension) for dimension in DIMENSIONS] == [NOT_ASSESSED] * 5
    assert of_dimension([figure(measured(0.9), None)], ACCURACY) == NOT_ASSESSED
    assert of_dimension([figure(measured(0.9), Bound(0.8), COST)], ACCURACY) == NOT_ASSESSED


def test_a_figure_comes_back_from_json_and_its_status_is_judged_anew() -> None:
    whole = Figure(ACCURACY, measured(0.9, 0.8, 0.95), Bound(0.85), measured(0.5), ("reports/metrics.json",), "share")
    row = json.loads(json.dumps(whole.as_dict()))
    assert row["status"] == WATCH
    assert Figure.of({**row, "status": MEETS}) == whole
    assert Figure.of({**row, "status": MEETS}).status == WATCH


def test_two_bounds_together_ask_what_is_stricter() -> None:
    assert Bound(at_least=0.1, above=0.0).stricter(Bound(at_least=0.2, at_most=1.0)) == Bound(0.2, 1.0, 0.0)
    assert Bound(at_most=0.5).stricter(Bound(at_most=0.1)) == Bound(at_most=0.1)


def test_a_bound_above_comes_back_from_json() -> None:
    asked = figure(measured(0.05, 0.01, 0.09), Bound(at_least=0.02, above=0.0))
    assert Figure.of(json.loads(json.dumps(asked.as_dict()))) == asked
    assert asked.bound is not None
    assert asked.bound.words == "whole interval above 0 and at least 0.02"

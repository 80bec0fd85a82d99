"""Limits hold or do not; what could not be assessed does not."""

from __future__ import annotations

import numpy as np
import pytest

from towpath import measuring
from towpath.project import Limit
from towpath_checks.measures import Measure

GAIN = Measure("gain_over_baseline", 0.1, 0.05, 0.15, 100)


def answered() -> tuple[np.ndarray, measuring.Answered]:
    classes = np.array(["1110", "1120", "2110"])
    probabilities = np.array([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]])
    return np.array(["1110", "1120", "1120", "2110"]), measuring.Answered(probabilities, classes)


def test_accuracy_is_measured_at_each_level_and_automatic_coding_at_the_threshold() -> None:
    truth, said = answered()
    found = {measure.name: measure.value for measure in measuring.measures(truth, said, (1, 4), 0.7)}
    assert found["accuracy_1"] == 1.0
    assert found["accuracy_4"] == 0.75
    assert found["automatic_coding_rate"] == 0.75
    assert found["accuracy_automatic"] == 1.0


def test_without_a_threshold_nothing_is_coded_and_its_accuracy_is_not_assessed() -> None:
    truth, said = answered()
    found = {measure.name: measure.value for measure in measuring.measures(truth, said, (4,), None)}
    assert found["automatic_coding_rate"] == 0.0
    assert found["accuracy_automatic"] is None


@pytest.mark.parametrize(
    ("value", "limit", "held"),
    [
        (0.8, Limit(at_least=0.8), True),
        (0.79, Limit(at_least=0.8), False),
        (0.05, Limit(at_most=0.05), True),
        (0.06, Limit(at_most=0.05), False),
        (0.5, Limit(at_least=0.4, at_most=0.6), True),
        (0.7, Limit(at_least=0.4, at_most=0.6), False),
        (None, Limit(at_least=0.0), False),
        (float("nan"), Limit(at_least=0.0), False),
        (float("nan"), Limit(at_most=1.0), False),
    ],
)
def test_a_limit_is_held_only_by_a_number_within_it(value: float | None, limit: Limit, held: bool) -> None:
    verdict = measuring.judged([Measure("accuracy", value, None, None, 10), GAIN], {"accuracy": limit})[0]
    assert verdict.passed is held


def test_a_limit_for_an_unknown_measure_is_not_held() -> None:
    verdict = measuring.judged([GAIN], {"acuracy": Limit(at_least=0.1)})[0]
    assert not verdict.passed
    assert verdict.got == "not measured"


@pytest.mark.parametrize(("low", "better"), [(0.001, True), (0.0, False), (-0.1, False), (None, False)])
def test_better_than_the_baseline_means_an_interval_above_zero(low: float | None, better: bool) -> None:
    gain = Measure("gain_over_baseline", 0.1, low, None if low is None else 0.2, 100)
    assert measuring.judged([gain], {})[-1].passed is better

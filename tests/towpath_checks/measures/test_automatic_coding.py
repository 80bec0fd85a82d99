"""What is coded without a person, and whether a threshold holds what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from towpath_checks.measures.automatic_coding import (
    automatic_coding_accuracy,
    automatic_coding_curve,
    automatic_coding_rate,
    choose_threshold,
)
from towpath_core.errors import Misused, Refused

SCORE = np.array([0.9, 0.8, 0.8, 0.4])
RIGHT = np.array([True, True, False, False])
CASES = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=120)


def test_the_curve_by_hand() -> None:
    curve = automatic_coding_curve(SCORE, RIGHT)
    assert curve.threshold.tolist() == [0.4, 0.8, 0.9]
    assert curve.rate.tolist() == [1.0, 0.75, 0.25]
    assert curve.accuracy.tolist() == pytest.approx([0.5, 2 / 3, 1.0])


@given(CASES)
def test_every_point_of_the_curve_is_what_the_measures_say_there(cases: list[tuple[int, bool]]) -> None:
    score, right = np.array([s / 20 for s, _ in cases]), np.array([r for _, r in cases])
    curve = automatic_coding_curve(score, right)
    assert curve.threshold.tolist() == sorted(set(score))
    for threshold, rate, accuracy in zip(curve.threshold, curve.rate, curve.accuracy, strict=True):
        assert automatic_coding_rate(score, threshold).value == pytest.approx(rate)
        assert automatic_coding_accuracy(score, right, threshold).value == pytest.approx(accuracy)


def test_the_threshold_itself_is_coded_automatically() -> None:
    assert automatic_coding_rate(SCORE, 0.8).value == 0.75
    assert automatic_coding_accuracy(SCORE, RIGHT, 0.8).n == 3


def test_without_a_threshold_everything_goes_to_a_person() -> None:
    assert automatic_coding_rate(SCORE, None).value == 0
    assert automatic_coding_accuracy(SCORE, RIGHT, None).value is None
    assert automatic_coding_accuracy(SCORE, RIGHT, 0.95).note == "nothing is coded automatically"


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(Refused, match="the threshold is nan"):
        automatic_coding_rate(SCORE, float("nan"))
    for target in (0.0, 1.0, float("nan")):
        with pytest.raises(Misused, match="the target is"):
            choose_threshold(SCORE, RIGHT, target)


@given(CASES, st.sampled_from([0.5, 0.8, 0.9]))
def test_the_threshold_is_the_smallest_whose_bound_reaches_the_target(
    cases: list[tuple[int, bool]], target: float
) -> None:
    score, right = np.array([s / 20 for s, _ in cases]), np.array([r for _, r in cases])
    bounds = {
        t: stats.binomtest(int(right[score >= t].sum()), int((score >= t).sum()), alternative="greater")
        .proportion_ci(0.95, method="exact")
        .low
        for t in score
    }
    kept = [t for t, bound in bounds.items() if bound >= target]
    assert choose_threshold(score, right, target) == (min(kept) if kept else None)


def test_few_records_promise_nothing() -> None:
    assert choose_threshold(np.ones(28), np.ones(28, dtype=bool), 0.9) is None
    assert choose_threshold(np.ones(29), np.ones(29, dtype=bool), 0.9) == 1.0


def test_a_model_that_is_never_right_gets_no_threshold() -> None:
    assert choose_threshold(np.linspace(0, 1, 500), np.zeros(500, dtype=bool), 0.5) is None


def missed(n: int, target: float, simple: bool) -> float:
    """How often the true accuracy above the chosen threshold misses the target; the model is calibrated."""
    random = np.random.default_rng(20260101)
    population = np.sort(random.beta(1.2, 0.9, 200_000))
    above = np.cumsum(population[::-1])[::-1] / np.arange(len(population), 0, -1)
    misses = 0
    for _ in range(300):
        score = random.choice(population, n)
        right = random.random(n) < score
        curve = automatic_coding_curve(score, right)
        reached = curve.threshold[(curve.accuracy >= target) & (curve.rate * n >= 20)]
        chosen = (reached.min() if len(reached) else None) if simple else choose_threshold(score, right, target)
        misses += chosen is not None and above[np.searchsorted(population, chosen)] < target
    return misses / 300


def test_the_promise_is_kept_where_a_plain_threshold_misses_it_about_half_the_time() -> None:
    assert missed(1000, 0.9, simple=False) <= 0.08  # nominal 0.05; four standard errors are 0.05
    assert missed(1000, 0.9, simple=True) > 0.35

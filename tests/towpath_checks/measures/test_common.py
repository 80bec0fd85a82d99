"""What every measure refuses, and prefixes of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from towpath_checks.measures import answers
from towpath_checks.measures._common import clopper_pearson
from towpath_checks.measures.accuracy import accuracy
from towpath_checks.measures.automatic_coding import automatic_coding_accuracy, automatic_coding_rate
from towpath_checks.measures.calibration import brier, expected_calibration_error
from towpath_checks.measures.comparison import accuracy_difference
from towpath_checks.measures.f1 import macro_f1
from towpath_checks.measures.top_k import top_k_accuracy
from towpath_core.errors import Misused, Refused

CODES = np.array(["11", "12", "21"])
TABLE = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])


@pytest.mark.parametrize(
    ("truth", "said", "told"),
    [
        ([], [], "nothing to measure"),
        (["11"], ["11", "12"], "different lengths: 1, 2"),
        (["11", None], ["11", "12"], "1 of 2 labels are missing or no text"),
        ([float("nan"), "12"], ["11", "12"], "1 of 2 labels are missing"),
        ([11, 12], [11, 12], "2 of 2 labels are missing or no text"),
        ([["11"]], [["11"]], "expected one label a record"),
    ],
)
def test_labels_that_are_no_labels_are_refused(truth: Any, said: Any, told: str) -> None:
    for measure in (accuracy, macro_f1, lambda t, s: accuracy_difference(t, s, s)):
        with pytest.raises(Refused, match=told):
            measure(np.array(truth, dtype=object), np.array(said, dtype=object))


@pytest.mark.parametrize(
    "table",
    [
        np.array([[np.nan, 0.5, 0.5], [0.2, 0.2, 0.6]]),
        np.array([[np.inf, 0.5, 0.5], [0.2, 0.2, 0.6]]),
        np.array([[-0.1, 0.6, 0.5], [0.2, 0.2, 0.6]]),
        np.array([[0.5, 0.3, 0.3], [0.2, 0.2, 0.6]]),
        np.array([[0.5, 0.5], [0.4, 0.6]]),
        np.array([[1, 0, 0], [0, 1, 0]]),
        TABLE[:1],
    ],
)
def test_probabilities_that_are_no_distribution_are_refused(table: Any) -> None:
    for measure in (top_k_accuracy, brier):
        with pytest.raises(Refused, match="probabilities"):
            measure(["11", "12"], table, CODES)


def test_a_class_named_twice_is_refused() -> None:
    with pytest.raises(Refused, match="a class is named twice"):
        answers(TABLE, ["11", "11", "21"])


@pytest.mark.parametrize("score", [[np.nan, 0.5], [0.5], [np.inf, 0.1], ["a", "b"], [True, False]])
def test_scores_that_are_no_numbers_are_refused(score: list[Any]) -> None:
    for measure in (lambda s: automatic_coding_accuracy(s, np.array([True, False]), 0.1), _ece):
        with pytest.raises(Refused, match="scores hold"):
            measure(np.array(score))


def _ece(score: Any) -> Any:
    return expected_calibration_error(score, np.array([True, False]))


def test_right_or_wrong_is_true_or_false_and_not_a_number() -> None:
    with pytest.raises(Refused, match="expected true or false for each record"):
        automatic_coding_accuracy([0.1, 0.2], [1.0, float("nan")], 0.1)
    with pytest.raises(Refused, match="nothing to measure"):
        automatic_coding_rate([], 0.5)


def test_a_confidence_that_is_none_is_refused() -> None:
    for confidence in (0.0, 1.0, float("nan")):
        with pytest.raises(Misused, match="the confidence is"):
            accuracy(["1"], ["1"], confidence=confidence)


def test_the_answer_at_a_level_is_that_of_the_summed_probabilities() -> None:
    labels, top = answers(np.array([[0.3, 0.3, 0.4], [0.1, 0.1, 0.8]]), CODES, level=1)
    assert labels.tolist() == ["1", "2"]
    assert top.tolist() == pytest.approx([0.6, 0.8])


def test_classes_need_no_order() -> None:
    labels, top = answers(np.array([[0.3, 0.4, 0.3]]), np.array(["12", "21", "11"]), level=1)
    assert (labels.tolist(), top.tolist()) == (["1"], pytest.approx([0.6]))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_is_scipys(case: tuple[int, int]) -> None:
    hits, n = case
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, n, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)

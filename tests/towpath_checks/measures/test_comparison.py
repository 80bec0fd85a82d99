"""Better on the same records, or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from towpath_checks.measures.comparison import accuracy_difference, mcnemar_p


def rows(gained: int, lost: int, same: int) -> tuple[list[str], list[str], list[str]]:
    truth = ["1"] * (gained + lost + same)
    return truth, ["1"] * gained + ["2"] * lost + ["1"] * same, ["2"] * gained + ["1"] * lost + ["1"] * same


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_p_value_is_that_of_the_exact_sign_test(gained: int, lost: int) -> None:
    got = mcnemar_p(*rows(gained, lost, 5)).value
    expected = stats.binomtest(gained, gained + lost, 0.5).pvalue if gained + lost else 1.0
    assert got == pytest.approx(expected, abs=1e-9)


def test_the_difference_by_hand() -> None:
    got = accuracy_difference(*rows(30, 10, 60))
    assert got.value == pytest.approx(0.2)
    assert got.note == "candidate alone right 30, baseline alone right 10"
    assert got.low is not None
    assert got.high is not None
    assert 0 < got.low < 0.2 < got.high


def test_the_interval_is_paired() -> None:
    """Two models with 50 % of noise in common differ by little, and the pairs show it."""
    random = np.random.default_rng(0)
    truth = np.full(2000, "1")
    base = np.where(random.random(2000) < 0.5, "1", "2")
    better = np.where(random.random(2000) < 0.04, "1", base)
    got = accuracy_difference(truth, better, base)
    assert got.low is not None
    assert got.high is not None
    assert got.low > 0
    assert got.high - got.low < 0.02


def test_equal_answers_are_no_better() -> None:
    got = accuracy_difference(*rows(0, 0, 10))
    assert (got.value, got.low, got.high) == (0, 0, 0)
    assert mcnemar_p(*rows(0, 0, 10)).value == 1


def test_a_level_compares_the_first_digits() -> None:
    assert accuracy_difference(["11"], ["12"], ["21"], level=1).value == 1
    assert mcnemar_p(["11"], ["12"], ["21"], level=1).name == "mcnemar_p_level_1"


def test_nine_in_ten_intervals_of_equal_models_hold_the_zero() -> None:
    random = np.random.default_rng(7)
    held = 0
    for _ in range(300):
        truth = np.full(400, "1")
        one, other = (np.where(random.random(400) < 0.7, "1", "2") for _ in range(2))
        got = accuracy_difference(truth, one, other, draws=400)
        held += got.low is not None and got.high is not None and got.low <= 0 <= got.high
    assert held / 300 >= 0.91

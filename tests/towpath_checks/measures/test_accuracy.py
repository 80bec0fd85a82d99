"""Accuracy, against scikit-learn and the plain bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from towpath_checks.measures.accuracy import accuracy

PAIRS = st.lists(
    st.tuples(st.sampled_from(["1110", "1120", "2110"]), st.sampled_from(["1110", "1120", "2110"])), min_size=1
)


@given(PAIRS)
def test_it_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    truth, said = zip(*pairs, strict=True)
    got = accuracy(truth, said)
    assert got.value == pytest.approx(accuracy_score(truth, said))
    assert got.value is not None
    assert got.low is not None
    assert got.high is not None
    assert 0 <= got.low <= got.value <= got.high <= 1


def test_a_level_compares_the_first_digits() -> None:
    truth, said = ["1110", "1120", "2110"], ["1190", "1120", "1110"]
    assert [accuracy(truth, said, level=level).value for level in (0, 1, 2, 4)] == pytest.approx(
        [1 / 3, 2 / 3, 2 / 3, 1 / 3]
    )
    assert accuracy(truth, said, level=2).name == "accuracy_level_2"


def test_codes_that_differ_by_a_leading_zero_are_different() -> None:
    assert accuracy(["0111"], ["111"]).value == 0


def test_the_interval_is_that_of_records_drawn_with_replacement() -> None:
    random = np.random.default_rng(0)
    truth = random.choice(["1", "2"], 300)
    said = np.where(random.random(300) < 0.8, truth, "3")
    plain = [np.mean((truth == said)[random.integers(0, 300, 300)]) for _ in range(4000)]
    got = accuracy(truth, said, draws=4000)
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(plain, [0.025, 0.975])), abs=0.008)


def test_the_same_seed_gives_the_same_interval() -> None:
    truth, said = ["1", "2", "3"] * 30, ["1", "2", "2"] * 30
    assert accuracy(truth, said, seed=3) == accuracy(truth, said, seed=3)
    assert accuracy(truth, said, seed=3) != accuracy(truth, said, seed=4)


@pytest.mark.parametrize(("right", "n"), [(0, 1), (0, 2), (9, 9), (3, 20), (295, 300)])
def test_few_right_or_wrong_answers_give_the_exact_interval(right: int, n: int) -> None:
    got = accuracy(["1"] * n, ["1"] * right + ["2"] * (n - right))
    exact = binomtest(right, n).proportion_ci(0.95, method="exact")
    assert (got.low, got.high) == pytest.approx((exact.low, exact.high))
    assert got.note.startswith("fewer than 10 are ")


def test_two_wrong_answers_prove_nothing_against_a_fair_model() -> None:
    got = accuracy(["1", "2"], ["2", "1"])
    assert got.value == 0
    assert got.high is not None
    assert got.high > 0.5

"""Intervals of shares, of their difference and of ratios."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from towpath_checks.measures._intervals import difference, ratio, wilson


@given(st.integers(8, 300).flatmap(lambda n: st.tuples(st.integers(4, n - 4), st.just(n))))
def test_away_from_the_ends_it_is_wilsons(case: tuple[int, int]) -> None:
    expected = stats.binomtest(*case).proportion_ci(0.95, method="wilson")
    assert wilson(*case, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_it_holds_its_share_and_lies_within_0_and_1(case: tuple[int, int]) -> None:
    low, high = wilson(*case, 0.95)
    assert 0 <= low <= case[0] / case[1] <= high <= 1


@pytest.mark.parametrize("n", [10, 30, 100])
def test_its_coverage_is_near_95_percent_over_all_shares_and_nowhere_far_below(n: int) -> None:
    shares = np.linspace(0.01, 0.99, 197)
    ends = np.array([wilson(hits, n, 0.95) for hits in range(n + 1)])
    chance = stats.binom.pmf(np.arange(n + 1)[:, None], n, shares)
    held = (chance * ((ends[:, :1] <= shares) & (shares <= ends[:, 1:]))).sum(axis=0)
    assert 0.94 < held.mean() < 0.965
    assert held.min() > 0.89


def test_newcombes_example() -> None:
    """Newcombe 1998, table II, (a) 56/70 − 48/80, method 10: 0.0524 to 0.3339."""
    assert difference((56, 70), (48, 80), 0.95) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_a_ratio_of_certain_numbers_is_certain() -> None:
    assert ratio((4, 4, 4), (2, 2, 2)) == pytest.approx((2, 2))
    assert ratio((4, 4, 4), (0, 0, 0)) == (inf, inf)
    assert ratio((0, 0, 0), (4, 4, 4)) == (0, 0)


def test_a_ratio_to_what_may_be_nothing_has_no_upper_end() -> None:
    low, high = ratio((10, 5, 20), (1, 0, 4))
    assert 0 < low < 10
    assert high == inf

"""How alike seeds rank the columns, with an interval that keeps its word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from towpath_checks.measures._common import Measure
from towpath_checks.measures.importance_stability import importance_stability, stability_of
from towpath_checks.measures.permutation_importance import Importance
from towpath_core.errors import Refused

NUMBERS = st.floats(-1, 1, allow_nan=False)


@settings(deadline=None)
@given(arrays.arrays(np.float64, (4, 5), elements=NUMBERS))
def test_it_is_scipys_spearman_averaged_over_the_pairs(table: Any) -> None:
    got = importance_stability(table)
    if (table.max(axis=1) == table.min(axis=1)).any():
        assert got.value is None
        return
    pairs = [stats.spearmanr(table[i], table[j]).statistic for i in range(4) for j in range(i)]
    assert got.value is not None
    assert got.value == pytest.approx(np.mean(pairs), abs=1e-9)
    if got.low is not None:
        assert got.high is not None
        assert -1 <= got.low <= got.value + 1e-9
        assert got.value - 1e-9 <= got.high <= 1


@pytest.mark.parametrize(("seeds", "noise"), [(5, 1.0), (10, 3.0)])
def test_95_percent_intervals_hold_the_true_agreement_in_92_to_98_of_100_draws(seeds: int, noise: float) -> None:
    true = np.arange(11)
    many = np.random.default_rng(0).normal(size=(2, 4000, 11)) * noise + true
    agreement = np.mean([stats.spearmanr(*pair).statistic for pair in zip(*many, strict=True)])
    held = 0
    for draw in range(400):
        random = np.random.default_rng([seeds, draw])
        got = importance_stability(true + noise * random.normal(size=(seeds, 11)))
        assert got.low is not None
        assert got.high is not None
        held += got.low <= agreement <= got.high
    assert 0.92 <= held / 400 <= 0.98


def test_seeds_that_all_rank_alike_agree_wholly_and_say_why_there_is_no_interval() -> None:
    got = importance_stability([[3, 2, 1, 0], [9, 8, 1, 0], [4, 3, 2, 1]])
    assert (got.value, got.low, got.high) == (1, None, None)
    assert got.note == "no interval: all seeds rank alike"


@pytest.mark.parametrize(
    ("table", "note"),
    [
        (np.eye(2), "2 seeds and 2 columns, expected at least 3 of each"),
        ([[1, 2, 3], [1, 2, 3], [0, 0, 0]], "a seed finds all columns equally important"),
    ],
)
def test_what_gives_no_ranking_is_not_assessed(table: Any, note: str) -> None:
    got = importance_stability(table)
    assert got.value is None
    assert got.note.startswith(note)


@pytest.mark.parametrize("table", [[1, 2, 3], [[1, float("nan"), 2]] * 3, [["a", "b", "c"]] * 3])
def test_what_is_no_table_of_numbers_is_refused(table: Any) -> None:
    with pytest.raises(Refused, match="expected finite numbers by seed, column"):
        importance_stability(table)


def run(**falls: float | None) -> list[Importance]:
    return [Importance(name, Measure(name, fall, None, None, 100), None) for name, fall in falls.items()]


def test_runs_are_compared_by_column_and_not_by_place() -> None:
    got = stability_of([run(age=3, sex=2, year=1), run(year=1, age=3, sex=2), run(sex=2, age=3, year=1)])
    assert got.value == 1


def test_runs_of_other_columns_are_refused_and_what_was_not_assessed_stays_so() -> None:
    with pytest.raises(Refused, match="not of the same columns"):
        stability_of([run(age=1, sex=2, year=3), run(age=1, sex=2)])
    assert stability_of([run(age=1, sex=2, year=None)] * 3).value is None
    assert stability_of([]).value is None

"""Drift that chance does not explain, from profiles that keep no record."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.drift import compare, null_limit, profile, psi, shares
from towpath_core.errors import Misused, Refused

NUMBERS = st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), min_size=5, max_size=60)


def frame(random: np.random.Generator, n: int, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "length": random.normal(20 + shift, 5, n),
            "words": random.poisson(3, n).astype(float),
            "group": random.choice(list("abcdefghi"), n),
        }
    )


def test_the_psi_by_hand() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    assert psi(1000 * p, 1000 * q) == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


def test_an_empty_cell_divides_nothing_by_zero() -> None:
    assert psi([10, 0], [10, 0]) == 0
    assert 0 < psi([1000, 0], [900, 100]) < 10
    assert 0 < psi([500, 500], [100, 0]) < 10
    assert psi([100_000, 5], [50, 0]) == pytest.approx(0, abs=1e-6)  # too few records to expect any in the second cell


@pytest.mark.parametrize(
    ("old", "new"), [([], []), ([1], [1, 2]), ([0, 0], [1, 1]), ([1, -1], [1, 1]), ([1], [np.nan])]
)
def test_counts_that_are_none_are_refused(old: list[float], new: list[float]) -> None:
    with pytest.raises(Refused, match="expected two lists of counts"):
        psi(old, new)


@pytest.mark.parametrize(("n", "m"), [(20_000, 57), (20_000, 2000), (500, 500)])
def test_without_change_at_most_about_one_in_a_hundred_passes_the_null_limit(n: int, m: int) -> None:
    random = np.random.default_rng(1)
    drifts = [d for _ in range(250) for d in compare(profile(frame(random, n)), frame(random, m), 1e-9)]
    assert sum(d.drifted for d in drifts) / len(drifts) <= 0.03


def test_many_rare_cells_and_few_records_raise_no_alarm_either() -> None:
    random = np.random.default_rng(2)
    weights = random.dirichlet(np.ones(369))
    old = random.multinomial(20_000, weights)
    limit = null_limit(old, 57)
    alarms = sum(psi(old, random.multinomial(57, weights)) > limit for _ in range(300))
    assert alarms <= 9


def test_a_small_wave_needs_a_large_psi_and_a_large_one_only_the_limit() -> None:
    assert null_limit(np.full(10, 1000), 57) > 0.3
    assert null_limit(np.full(10, 1000), 10_000) < 0.01
    assert null_limit([1000], 57) == 0


def test_a_shift_is_drift_and_the_other_columns_are_not() -> None:
    random = np.random.default_rng(3)
    drifts = {d.name: d for d in compare(profile(frame(random, 5000)), frame(random, 1000, shift=4))}
    assert [name for name, d in drifts.items() if d.drifted] == ["length"]
    assert (drifts["length"].kind, drifts["group"].kind, drifts["length"].n) == ("number", "category", 1000)


def test_a_new_value_missing_values_and_a_vanished_value_are_drift() -> None:
    old = pd.DataFrame({"mode": ["web", "paper"] * 500})
    for new in (["web", "paper", "app"] * 300, ["web", None] * 300, ["web"] * 600):
        assert compare(profile(old), pd.DataFrame({"mode": new}))[0].drifted


def test_a_constant_that_moves_is_drift_in_either_direction() -> None:
    made = profile(pd.DataFrame({"year": [2015.0] * 100}))
    moved = {year: compare(made, pd.DataFrame({"year": [year] * 100}))[0].drifted for year in (2014.0, 2015.0, 2016.0)}
    assert moved == {2014.0: True, 2015.0: False, 2016.0: True}


def test_numbers_that_became_texts_or_infinite_are_drift() -> None:
    made = profile(pd.DataFrame({"age": np.arange(1000.0)}))
    assert compare(made, pd.DataFrame({"age": ["?"] * 500 + ["5"] * 500}))[0].drifted
    assert compare(made, pd.DataFrame({"age": [np.inf] * 500 + [5.0] * 500}))[0].drifted
    assert not compare(made, pd.DataFrame({"age": np.arange(1000).astype(str)}))[0].drifted


def cells(made: dict[str, Any]) -> list[int]:
    return [n for column in made["columns"].values() for n in (*column["counts"], column["missing"] or 0)]


@given(NUMBERS, st.integers(2, 12))
def test_every_number_is_counted_once_and_no_cell_counts_one_to_four(values: list[float | None], bins: int) -> None:
    column = pd.DataFrame({"x": pd.Series(values, dtype=float)})
    try:
        made = profile(column, bins)
    except Refused:
        assert np.isfinite(column["x"]).sum() < 5
        return
    x = made["columns"]["x"]
    assert sum(x["counts"]) + x["other"] + (x["missing"] or 0) == len(values)
    assert all(n == 0 or n >= 5 for n in cells(made))
    assert len(x["edges"]) == len(x["counts"]) - 1
    assert compare(json.loads(json.dumps(made)), column)[0].psi == 0


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=60))
def test_every_category_is_counted_once_and_no_cell_counts_one_to_four(values: list[str | None]) -> None:
    column = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    try:
        made = profile(column)
    except Refused:
        assert max(values.count(value) for value in "abc") < 5
        return
    x = made["columns"]["x"]
    assert sum(x["counts"]) + x["other"] + (x["missing"] or 0) == len(values)
    assert all(n == 0 or n >= 5 for n in cells(made))
    assert compare(made, column)[0].psi == 0


def test_a_profile_names_no_value_of_fewer_than_five_records() -> None:
    names = ["common"] * 50 + ["rare canary"] * 4
    assert "canary" not in json.dumps(profile(pd.DataFrame({"name": names})))


def test_a_column_of_texts_of_its_own_is_no_category() -> None:
    with pytest.raises(Refused, match="title has no value that 5 records share"):
        profile(pd.DataFrame({"title": [f"text {i}" for i in range(100)]}))


def test_a_profile_of_nothing_is_refused() -> None:
    for empty in (
        pd.DataFrame(),
        pd.DataFrame({"x": []}),
        pd.DataFrame({"x": [None] * 9}),
        pd.DataFrame({"x": [np.nan] * 9}),
    ):
        with pytest.raises(Refused):
            profile(empty)


def test_nothing_that_arrived_and_a_lost_column_are_refused() -> None:
    made = profile(pd.DataFrame({"x": range(100), "y": range(100)}))
    with pytest.raises(Refused, match="no records to compare"):
        compare(made, pd.DataFrame({"x": [], "y": []}))
    with pytest.raises(Refused, match="the records lack y"):
        compare(made, pd.DataFrame({"x": [1.0]}))


def test_what_is_no_profile_is_refused() -> None:
    made = profile(pd.DataFrame({"x": range(100)}))
    for broken in ({}, {**made, "schema": 2}, {**made, "columns": {}}, {**made, "columns": {"x": {"kind": "odd"}}}):
        with pytest.raises(Misused):
            compare(broken, pd.DataFrame({"x": [1.0]}))
    with pytest.raises(Misused, match="the profile of x is broken"):
        compare({**made, "columns": {"x": {"kind": "number"}}}, pd.DataFrame({"x": [1.0]}))


def test_shares_say_what_each_answer_had_and_has() -> None:
    made = profile(pd.DataFrame({"answer": ["1"] * 60 + ["2"] * 40}))
    got = shares(made, pd.DataFrame({"answer": ["1", "3"]}), "answer")
    assert got == {"1": (0.6, 0.5), "2": (0.4, 0.0), "other": (0.0, 0.5)}
    with pytest.raises(Refused, match="no category"):
        shares(made, pd.DataFrame({"answer": ["1"]}), "confidence")


def test_drift_that_cannot_be_computed_counts_as_drift() -> None:
    made = profile(pd.DataFrame({"x": range(100)}))
    assert compare(made, pd.DataFrame({"x": range(100)}), float("nan"))[0].drifted

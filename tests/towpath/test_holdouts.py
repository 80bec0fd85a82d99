"""Who is trained on, and who is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.holdouts import Holdout
from towpath.holdouts import parts as parts_of
from towpath_core.errors import Misused, Refused

KEYS = st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=3), st.sampled_from("123")), min_size=1, max_size=60)


def parts(rows: list[tuple[str, str]], seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["key", "label"])
    frame["part"] = parts_of(Holdout(0.2, 0.15, seed), frame["key"], frame["label"])
    return frame


@settings(max_examples=40)
@given(KEYS)
def test_equal_keys_are_never_divided_and_everybody_has_a_part(rows: list[tuple[str, str]]) -> None:
    frame = parts(rows)
    assert (frame.groupby("key")["part"].nunique() == 1).all()
    assert frame["part"].isin(["train", "validation", "test"]).all()


@settings(max_examples=40)
@given(KEYS)
def test_every_label_of_a_first_key_can_be_learnt(rows: list[tuple[str, str]]) -> None:
    first = parts(rows).drop_duplicates("key")
    assert set(first.loc[first["part"] == "train", "label"]) == set(first["label"])


@settings(max_examples=40)
@given(KEYS, st.integers(0, 3))
def test_the_same_seed_gives_the_same_parts(rows: list[tuple[str, str]], seed: int) -> None:
    assert parts(rows, seed)["part"].tolist() == parts(rows, seed)["part"].tolist()


def test_the_shares_are_kept_within_each_label() -> None:
    frame = parts([(f"k{i}", str(i % 2)) for i in range(2000)])
    shares = frame.groupby("label")["part"].value_counts(normalize=True).unstack()
    assert shares["test"].between(0.195, 0.205).all()
    assert shares["validation"].between(0.145, 0.155).all()


def test_many_small_labels_keep_the_shares_together() -> None:
    frame = parts([(f"k{i}", f"label{i // 3}") for i in range(3000)])
    assert 0.15 < (frame["part"] == "test").mean() < 0.25


def test_another_seed_gives_another_split() -> None:
    rows = [(f"k{i}", "1") for i in range(200)]
    assert parts(rows, 0)["part"].tolist() != parts(rows, 1)["part"].tolist()


def held(holdout: Holdout, units: Any, keys: Any = None) -> pd.DataFrame:
    """Each record its own key, unless they are given."""
    units = pd.Series(units)
    keys = pd.Series([f"k{i}" for i in range(len(units))] if keys is None else keys)
    part = parts_of(holdout, keys, pd.Series(["1"] * len(units)), units)
    return pd.DataFrame({"unit": units, "key": keys, "part": part})


UNITS = st.lists(st.tuples(st.sampled_from("abcdefghijklmnop"), st.text("xyz", min_size=1, max_size=3)), min_size=30)


@pytest.mark.parametrize("kind", ["grouped", "spatial"])
@settings(max_examples=40)
@given(UNITS, st.integers(0, 3))
def test_no_group_and_no_key_is_divided(kind: Any, rows: list[tuple[str, str]], seed: int) -> None:
    units, keys = zip(*rows, strict=True)
    try:
        frame = held(Holdout(0.2, 0.15, seed, kind), units, keys)
    except Refused:
        return
    placed = frame.dropna()
    assert (placed.groupby("unit")["part"].nunique() == 1).all()
    assert (placed.groupby("key")["part"].nunique() == 1).all()
    assert set(placed["part"]) == {"train", "validation", "test"}
    assert set(placed["key"]) == set(keys)


def test_groups_of_many_sizes_keep_the_shares() -> None:
    sizes = np.random.default_rng(0).geometric(0.2, 400)
    frame = held(Holdout(0.2, 0.15, 1, "grouped"), np.repeat([f"e{i}" for i in range(400)], sizes))
    shares = frame["part"].value_counts(normalize=True)
    assert shares["test"] == pytest.approx(0.2, abs=0.01)
    assert shares["validation"] == pytest.approx(0.15, abs=0.01)


def test_one_group_more_moves_few_records() -> None:
    units = np.repeat([f"e{i}" for i in range(300)], 5)
    before = held(Holdout(0.2, 0.15, 1, "grouped"), units)
    after = held(Holdout(0.2, 0.15, 1, "grouped"), [*units, *["new"] * 5])
    assert (before["part"] == after["part"][: len(before)]).mean() > 0.97


def test_a_group_that_is_too_large_for_the_test_part_is_trained_on() -> None:
    frame = held(Holdout(0.2, 0.15, 1, "grouped"), ["large"] * 60 + [f"e{i}" for i in range(40)])
    assert set(frame.loc[frame["unit"] == "large", "part"]) == {"train"}
    assert 0.15 < (frame["part"] == "test").mean() < 0.25


def test_named_blocks_are_the_test_part() -> None:
    holdout = Holdout(0.2, 0.15, 1, "spatial", hold_out=("north",))
    frame = held(holdout, ["north"] * 50 + [f"b{i}" for i in range(50)])
    assert ((frame["part"] == "test") == (frame["unit"] == "north")).all()
    assert 0.1 < (frame["part"] == "validation").mean() < 0.2
    with pytest.raises(Misused, match="no record has south"):
        held(Holdout(0.2, 0.15, 1, "spatial", hold_out=("south",)), ["north", "b", "c"])


def test_groups_that_cannot_be_divided_are_refused_without_their_names() -> None:
    with pytest.raises(Refused, match="2 groups, the largest with 90% of the records, cannot be divided"):
        held(Holdout(0.2, 0.15, 1, "grouped"), ["Mustermann"] * 9 + ["b"])


def test_records_without_a_block_or_a_period_are_refused() -> None:
    with pytest.raises(Refused, match="2 of 4 records have nothing that says its block"):
        held(Holdout(0.2, 0.15, 1, "spatial"), ["a", None, "", "b"])
    with pytest.raises(Refused, match="2 of 4 records have nothing that can be read as a period"):
        held(Holdout(0.2, 0.15, 1, "temporal"), ["2020", None, "soon", "2021"])


def test_records_without_a_group_are_each_a_group_of_their_own() -> None:
    frame = held(Holdout(0.2, 0.15, 1, "grouped"), [None] * 200)
    assert 0.15 < (frame["part"] == "test").mean() < 0.25


def test_the_same_group_is_the_same_however_it_is_written() -> None:
    frame = held(Holdout(0.3, 0.3, 1, "grouped"), [7, 7.0, "7 ", "8", "9", "10", "11", "12", "13", "14"])
    assert frame["part"][:3].nunique() == 1


PERIODS = [f"{year}-Q{quarter}" for year in range(2018, 2023) for quarter in range(1, 5)]


@settings(max_examples=20)
@given(st.permutations(PERIODS * 3))
def test_the_latest_periods_are_tested_whole_and_nothing_later_is_trained_on(periods: list[str]) -> None:
    frame = held(Holdout(0.2, 0.15, 1, "temporal"), periods)
    assert frame.groupby("part")["unit"].agg(["min", "max"]).to_dict("index") == {
        "train": {"min": "2018-Q1", "max": "2021-Q1"},
        "validation": {"min": "2021-Q2", "max": "2021-Q4"},
        "test": {"min": "2022-Q1", "max": "2022-Q4"},
    }


def test_numbers_of_months_are_in_order_of_time_and_not_of_letters() -> None:
    frame = held(Holdout(0.3, 0.3, 1, "temporal"), ["2021-W2", "2021-W10", "2021-W9"])
    assert frame["part"].tolist() == ["train", "test", "validation"]


def test_periods_can_be_named() -> None:
    holdout = Holdout(0.2, 0.15, 1, "temporal", train_until="2020-Q4", validation_until="2021")
    frame = held(holdout, ["2020-12-31", "2021-01-01", "2021-12-31", "2022-01-01"])
    assert frame["part"].tolist() == ["train", "validation", "validation", "test"]
    with pytest.raises(Refused, match="no record lies in the periods for test"):
        held(holdout, ["2020-12-31", "2021-01-01"])
    for wrong in ("2019", "soon"):
        with pytest.raises(Misused, match="train_until before validation_until"):
            held(Holdout(0.2, 0.15, 1, "temporal", train_until="2020", validation_until=wrong), ["2020"])


def test_what_was_said_before_is_left_out_of_the_later_parts() -> None:
    holdout = Holdout(0.2, 0.2, 1, "temporal", train_until="2020", validation_until="2021")
    frame = held(holdout, ["2020", "2021", "2021", "2022", "2022", "2022"], ["a", "a", "b", "a", "b", "c"])
    assert frame["part"].fillna("left out").tolist() == [
        "train", "left out", "validation", "left out", "left out", "test",
    ]  # fmt: skip


def test_a_test_part_of_repeats_alone_is_refused() -> None:
    holdout = Holdout(0.2, 0.2, 1, "temporal", train_until="2020", validation_until="2021")
    with pytest.raises(Refused, match="leaves no records for test"):
        held(holdout, ["2020", "2021", "2022"], ["a", "b", "a"])


@pytest.mark.parametrize("n", [1, 2])
def test_fewer_than_three_periods_are_refused(n: int) -> None:
    with pytest.raises(Refused, match=f"{n} periods cannot be divided"):
        held(Holdout(0.2, 0.15, 1, "temporal"), [f"{2020 + i % n}" for i in range(10)])


SHARES = {"test": 0.2, "validation": 0.1, "seed": 1}


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (None, "expected test, validation and seed"),
        ({"test": 0.2}, "expected test, validation and seed"),
        ({**SHARES, "test": "many"}, "as numbers"),
        ({**SHARES, "test": 0.95}, "leave some records to train"),
        ({**SHARES, "test": float("nan")}, "leave some records to train"),
        ({**SHARES, "kind": "random"}, "split.kind: 'random'"),
        ({**SHARES, "holdout": ["a"]}, "no such key: holdout"),
        ({**SHARES, "hold_out": ["a"]}, "a stratified split holds out no groups"),
        ({**SHARES, "kind": "grouped", "hold_out": "north"}, "expected a list"),
        ({**SHARES, "kind": "spatial", "train_until": "2020"}, "a spatial split knows no periods"),
        ({**SHARES, "kind": "temporal", "train_until": "2020"}, "expected both"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(split: Any, told: str) -> None:
    with pytest.raises(Misused, match=told):
        Holdout.read({"split": split})


def test_the_parameters_of_a_project_that_names_no_kind_are_stratified() -> None:
    assert Holdout.read({"split": SHARES}) == Holdout(0.2, 0.1, 1, "stratified")

"""Who is trained on, and who is not."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from towpath.stages.split import assign

KEYS = st.lists(st.tuples(st.text("abcdefgh", min_size=1, max_size=3), st.sampled_from("123")), min_size=1, max_size=60)


def parts(rows: list[tuple[str, str]], seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["key", "label"])
    frame["part"] = assign(frame["key"], frame["label"], test=0.2, validation=0.15, seed=seed)
    return frame


@given(KEYS)
def test_equal_keys_are_never_divided_and_everybody_has_a_part(rows: list[tuple[str, str]]) -> None:
    frame = parts(rows)
    assert (frame.groupby("key")["part"].nunique() == 1).all()
    assert frame["part"].isin(["train", "validation", "test"]).all()


@given(KEYS)
def test_every_label_of_a_first_key_can_be_learnt(rows: list[tuple[str, str]]) -> None:
    first = parts(rows).drop_duplicates("key")
    assert set(first.loc[first["part"] == "train", "label"]) == set(first["label"])


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

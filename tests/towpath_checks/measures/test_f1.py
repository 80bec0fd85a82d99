"""F1, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from towpath_checks.measures.f1 import macro_f1, weighted_f1

CODES = ["1110", "1120", "2110", "3"]
PAIRS = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=30)


@given(PAIRS)
def test_both_are_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    truth, said = zip(*pairs, strict=True)
    for ours, average in ((macro_f1, "macro"), (weighted_f1, "weighted")):
        got = ours(truth, said, draws=20)
        assert got.value == pytest.approx(f1_score(truth, said, average=average, zero_division=0))
        assert got.value is not None
        assert got.low is not None
        assert got.high is not None
        assert got.low <= got.value <= got.high


def test_a_level_compares_the_first_digits() -> None:
    assert macro_f1(["11", "12"], ["12", "11"], level=1).value == 1
    assert macro_f1(["11", "12"], ["12", "11"], level=1).name == "macro_f1_level_1"


def test_the_interval_is_near_that_of_records_drawn_with_replacement() -> None:
    random = np.random.default_rng(0)
    truth = random.choice(CODES[:3], 400, p=[0.5, 0.3, 0.2])
    said = np.where(random.random(400) < 0.7, truth, random.choice(CODES[:3], 400))
    drawn = [random.integers(0, 400, 400) for _ in range(300)]
    plain = np.quantile([f1_score(truth[rows], said[rows], average="macro") for rows in drawn], [0.025, 0.975])
    got = macro_f1(truth, said)
    assert (got.low, got.high) == pytest.approx(tuple(plain), abs=0.02)


def test_classes_with_one_record_are_told() -> None:
    assert macro_f1(["1", "1", "2"], ["1", "1", "1"]).note == "1 of 2 classes have one record"


def test_large_tables_are_drawn_in_parts() -> None:
    random = np.random.default_rng(0)
    truth, said = (random.integers(0, 200, 20_000).astype(str) for _ in range(2))
    assert macro_f1(truth, said, draws=300) == macro_f1(truth, said, draws=300)

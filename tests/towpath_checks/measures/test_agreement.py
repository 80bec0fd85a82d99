"""Kappa and correlation, against scikit-learn."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from towpath_checks.measures.agreement import cohen_kappa, matthews_correlation

CODES = ["1110", "1120", "2110"]
PAIRS = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=2, max_size=30)


@given(PAIRS)
def test_both_are_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    truth, said = zip(*pairs, strict=True)
    assume(len(set(truth)) > 1 and len(set(said)) > 1)
    assert cohen_kappa(truth, said, draws=20).value == pytest.approx(cohen_kappa_score(truth, said))
    assert matthews_correlation(truth, said, draws=20).value == pytest.approx(matthews_corrcoef(truth, said))


def test_of_one_class_neither_says_anything() -> None:
    for measure in (cohen_kappa, matthews_correlation):
        got = measure(["1", "1"], ["1", "1"])
        assert got.value is None
        assert got.note == "not assessable: all records are of one class"


def test_chance_agreement_is_none() -> None:
    truth, said = ["1", "1", "2", "2"] * 25, ["1", "2", "1", "2"] * 25
    for measure in (cohen_kappa, matthews_correlation):
        got = measure(truth, said)
        assert got.value == pytest.approx(0)
        assert got.low is not None
        assert got.high is not None
        assert got.low < 0 < got.high

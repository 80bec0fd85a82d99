"""Each class, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from towpath_checks.measures.per_class import per_class

CODES = ["1110", "1120", "2110"]
PAIRS = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=60)


@given(PAIRS)
def test_the_values_are_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    truth, said = zip(*pairs, strict=True)
    rows = per_class(truth, said, minimum=1)
    expected = precision_recall_fscore_support(truth, said, labels=[row.code for row in rows], zero_division=0)
    for i, row in enumerate(rows):
        assert row.true == expected[3][i]
        for measure, value in zip((row.precision, row.recall, row.f1), expected[:3], strict=False):
            if measure.n:
                assert measure.value is not None
                assert measure.value == pytest.approx(value[i])
                assert measure.low is not None
                assert measure.high is not None
                assert measure.low <= measure.value <= measure.high


def test_a_class_of_few_records_is_not_assessable_and_its_number_stands() -> None:
    row = per_class(["1"] * 20 + ["2"] * 3, ["1"] * 23)[1]
    assert (row.code, row.true, row.predicted) == ("2", 3, 0)
    assert row.recall.value is None
    assert row.recall.n == 3
    assert row.recall.note == "not assessable: 3 records, expected 10 or more"
    assert row.precision.note == "not assessable: 0 records, expected 10 or more"


def test_a_level_puts_classes_together() -> None:
    assert [row.code for row in per_class(CODES, CODES, level=1)] == ["1", "2"]


def test_each_of_many_classes_has_a_row() -> None:
    codes = np.random.default_rng(0).integers(0, 5000, 50_000).astype(str)
    assert len(per_class(codes, codes)) > 4990

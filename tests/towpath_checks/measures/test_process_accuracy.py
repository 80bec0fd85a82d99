"""What is automatic and what people do, put together."""

from __future__ import annotations

import numpy as np
import pytest

from towpath_checks.measures.process_accuracy import process_accuracy
from towpath_core.errors import Misused, Refused

SCORE = np.array([0.9] * 60 + [0.1] * 40)
RIGHT = np.array([True] * 57 + [False] * 3 + [True] * 20 + [False] * 20)


def test_the_value_by_hand() -> None:
    got = process_accuracy(SCORE, RIGHT, 0.5, 0.9)
    assert got.value == pytest.approx(0.6 * 0.95 + 0.4 * 0.9)
    assert got.low is not None
    assert got.high is not None
    assert got.low < 0.93 < got.high
    assert got.note == "the reviewers' accuracy is declared, taken as exact"


def test_reviewers_who_are_never_wrong_are_told_as_an_assumption() -> None:
    assert process_accuracy(SCORE, RIGHT, 0.5, 1.0).note == "takes the reviewers as always right"


def test_a_measured_reviewer_accuracy_widens_the_interval() -> None:
    declared, measured = (process_accuracy(SCORE, RIGHT, 0.5, 0.9, reviewer_records=n) for n in (None, 20))
    assert declared.low is not None
    assert measured.low is not None
    assert measured.low < declared.low


def test_without_a_threshold_the_process_is_as_right_as_its_people() -> None:
    got = process_accuracy(SCORE, RIGHT, None, 0.9)
    assert (got.value, got.low) == (0.9, None)
    assert "all go to people" in got.note
    measured = process_accuracy(SCORE, RIGHT, None, 0.9, reviewer_records=100)
    assert measured.low is not None
    assert 0.8 < measured.low < 0.9


def test_no_wrong_answer_still_has_an_interval() -> None:
    got = process_accuracy(SCORE[:60], np.ones(60, dtype=bool), 0.5, 0.9)
    assert got.value == got.high == 1
    assert got.low is not None
    assert 0.9 < got.low < 1


def test_what_is_no_share_is_refused() -> None:
    for accuracy in (-0.1, 1.1, float("nan")):
        with pytest.raises(Misused, match="the reviewers' accuracy is"):
            process_accuracy(SCORE, RIGHT, 0.5, accuracy)
    with pytest.raises(Misused, match="measured on 0 records"):
        process_accuracy(SCORE, RIGHT, 0.5, 0.9, reviewer_records=0)
    with pytest.raises(Refused, match="the threshold is nan"):
        process_accuracy(SCORE, RIGHT, float("nan"), 0.9)

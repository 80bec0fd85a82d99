"""Whether the published figure moves with a seed, an algorithm or a threshold, and by how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath_checks.measures.sensitivity import Alternative, Outcome, Sensitivity, Shift, sensitivity
from towpath_core.errors import Misused, Refused

TRUTH = np.array(["11"] * 50 + ["21"] * 50)
SURE = np.linspace(0, 1, 100)
BASE = Outcome(TRUTH, SURE, None)


def shift(found: Sensitivity, figure: str) -> Shift:
    return next(one for one in found.shifts if one.figure == figure)


def test_the_same_answers_move_nothing_and_still_have_a_width() -> None:
    found = sensitivity(BASE, [Alternative("seed", "seed 1", BASE)], tolerance=0.1)
    assert found.holds is True
    for one in found.shifts:
        assert one.difference.value == 0
    share = shift(found, "share_11").difference
    assert share.low is not None
    assert share.high is not None
    assert share.low < 0 < share.high


def test_a_moved_share_is_flagged_and_named() -> None:
    other = np.where(np.arange(100) < 70, "11", "21")
    found = sensitivity(BASE, [Alternative("algorithm", "nearest title", Outcome(other, SURE, None))], tolerance=0.1)
    assert found.holds is False
    moved = shift(found, "share_11")
    assert moved.published == 0.5
    assert moved.difference.value == pytest.approx(0.2)
    assert moved.difference.note == "20 records come, 0 go"
    assert moved.beyond
    assert shift(found, "moved").difference.value == pytest.approx(0.2)
    assert [one.name for one in found.largest] == ["sensitivity_algorithm"]
    assert found.largest[0].value == pytest.approx(0.2)
    assert "share_11 with nearest title" in found.largest[0].note


def test_a_figure_within_the_tolerance_whose_interval_reaches_further_is_open() -> None:
    other = TRUTH.copy()
    other[:8] = "21"
    found = sensitivity(BASE, [Alternative("seed", "seed 1", Outcome(other, SURE, None))], tolerance=0.1)
    assert [(one.beyond, one.open) for one in found.shifts if one.figure == "share_21"] == [(False, True)]
    assert found.holds is True


def test_a_threshold_changes_the_rate_and_with_people_behind_it_the_shares() -> None:
    model = np.full(100, "11")
    before, after = Outcome(model, SURE, 0.8), Outcome(model, SURE, 0.5)
    found = sensitivity(before, [Alternative("threshold", "0.5", after)], tolerance=0.01, reviewed=TRUTH)
    assert shift(found, "automatic_coding_rate").difference.value == pytest.approx(0.3)
    assert shift(found, "share_11").published == pytest.approx(0.7)  # 50 by people, 20 by the model
    assert shift(found, "share_11").difference.value == pytest.approx(0.3)
    alone = sensitivity(before, [Alternative("threshold", "0.5", after)], tolerance=0.01)
    assert shift(alone, "share_11").difference.value == 0


def test_without_a_threshold_people_code_all_and_the_figure_is_theirs() -> None:
    other = Outcome(np.full(100, "99"), SURE, None)
    found = sensitivity(BASE, [Alternative("seed", "seed 1", other)], tolerance=0.01, reviewed=TRUTH)
    assert found.holds is True


def test_a_class_that_only_the_alternative_knows_is_compared_too() -> None:
    other = np.where(np.arange(100) < 5, "31", TRUTH)
    found = sensitivity(BASE, [Alternative("seed", "seed 1", Outcome(other, SURE, None))], tolerance=0.01)
    assert shift(found, "share_31").published == 0
    assert shift(found, "share_31").beyond


def test_the_published_figure_are_the_shares_and_the_rest_is_told_beside_them() -> None:
    """Each of ten classes gains or loses two records of a hundred: no share moves far, ten records change class."""
    before = np.repeat([f"{code}" for code in range(10)], 10)
    after = before.copy()
    after[0:50:10], after[1:50:10] = ["5", "6", "7", "8", "9"], ["5", "6", "7", "8", "9"]
    found = sensitivity(
        Outcome(before, SURE, 0.5), [Alternative("seed", "seed 1", Outcome(after, SURE, 0.4))], tolerance=0.05
    )
    assert found.holds is True
    assert found.largest[0].value == pytest.approx(0.02)
    assert [one.figure for one in found.shifts if one.beyond] == ["automatic_coding_rate", "moved"]


def test_at_a_level_what_moves_within_it_does_not_count() -> None:
    other = np.where(TRUTH == "11", "12", TRUTH)
    alternatives = [Alternative("seed", "seed 1", Outcome(other, SURE, None))]
    assert sensitivity(BASE, alternatives, tolerance=0.01, level=1).holds is True
    assert sensitivity(BASE, alternatives, tolerance=0.01).holds is False


def test_without_an_alternative_nothing_is_assessed() -> None:
    found = sensitivity(BASE, [], tolerance=0.01)
    assert (found.holds, found.shifts, found.largest) == (None, (), ())


@settings(deadline=None)
@given(st.lists(st.sampled_from(["1", "2", "3"]), min_size=5, max_size=30), st.data())
def test_shares_move_against_one_another_and_moved_is_half_of_it(labels: list[str], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.sampled_from(["1", "2", "3"]), min_size=len(labels), max_size=len(labels)))
    score = np.zeros(len(labels))
    alternatives = [Alternative("seed", "1", Outcome(other, score, None))]
    found = sensitivity(Outcome(labels, score, None), alternatives, tolerance=0.01)
    shares = [one.difference.value or 0 for one in found.shifts if one.figure.startswith("share_")]
    assert sum(shares) == pytest.approx(0)
    assert shift(found, "moved").difference.value == pytest.approx(sum(map(abs, shares)) / 2)
    for one in found.shifts:
        if one.difference.low is not None:
            assert one.difference.high is not None
            assert one.difference.low <= (one.difference.value or 0) <= one.difference.high


def test_95_percent_intervals_hold_the_true_difference_in_92_to_98_of_100_samples() -> None:
    held = 0
    for draw in range(500):
        random = np.random.default_rng([11, draw]).random(400)
        before = np.where(random < 0.30, "1", "2")  # 4 % come and 1 % go
        after = np.where((random > 0.01) & (random < 0.34), "1", "2")
        score = np.zeros(400)
        found = sensitivity(
            Outcome(before, score, None), [Alternative("seed", "1", Outcome(after, score, None))], tolerance=0.5
        )
        difference = shift(found, "share_1").difference
        assert difference.low is not None
        assert difference.high is not None
        held += difference.low <= 0.03 <= difference.high
    assert 0.92 <= held / 500 <= 0.98


@pytest.mark.parametrize(
    ("alternative", "told"),
    [
        (Outcome(TRUTH[:99], SURE[:99], None), "seed 1 answers 99 records, the published model 100"),
        (Outcome(TRUTH, SURE[:99], None), "expected 100 finite numbers"),
        (Outcome(TRUTH, SURE, float("nan")), "the threshold is nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(alternative: Any, told: str) -> None:
    with pytest.raises(Refused, match=told):
        sensitivity(BASE, [Alternative("seed", "seed 1", alternative)], tolerance=0.01)


def test_a_tolerance_is_a_share() -> None:
    for tolerance in (0.0, 1.0, float("nan")):
        with pytest.raises(Misused, match="the tolerance"):
            sensitivity(BASE, [], tolerance=tolerance)

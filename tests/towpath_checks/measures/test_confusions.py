"""Which is taken for which."""

from __future__ import annotations

from towpath_checks.measures.confusions import confusions


def test_the_most_frequent_come_first_and_the_rare_are_not_told() -> None:
    truth = ["1"] * 20 + ["2"] * 20 + ["3"] * 4
    said = ["1"] * 10 + ["2"] * 10 + ["2"] * 14 + ["3"] * 6 + ["1"] * 4
    rows = confusions(truth, said)
    assert [(row.truth, row.predicted, row.records) for row in rows] == [("1", "2", 10), ("2", "3", 6)]
    assert rows[0].share.value == 0.5


def test_no_more_than_asked_for() -> None:
    assert len(confusions(["1"] * 10 + ["2"] * 10, ["2"] * 10 + ["1"] * 10, limit=1)) == 1


def test_a_perfect_answer_confuses_nothing() -> None:
    assert confusions(["1", "2"], ["1", "2"]) == []

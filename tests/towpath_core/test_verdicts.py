from __future__ import annotations

from towpath_core.verdicts import Verdict, all_passed

YES = Verdict("quality", True, "accuracy", "0.58", "at least 0.50")
NO = Verdict("quality", False, "macro F1", "0.31", "at least 0.40")


def test_a_verdict_reads_as_a_sentence() -> None:
    assert NO.reason == "macro F1 is 0.31, expected at least 0.40"


def test_all_must_have_passed() -> None:
    assert all_passed([YES, YES])
    assert not all_passed([YES, NO])


def test_nothing_asked_is_not_a_pass() -> None:
    assert not all_passed([])


def test_verdicts_that_come_one_by_one_are_all_heard() -> None:
    assert all_passed(verdict for verdict in (YES,))
    assert not all_passed(verdict for verdict in (YES, NO))

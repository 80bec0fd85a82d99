"""When findings together are a pass."""

from __future__ import annotations

import pytest

from towpath_checks.findings import STAGES, Finding, Severity, fit, of_records, some, stage_asked
from towpath_core.errors import Misused
from towpath_registry.policy import LIFECYCLE


def said(passed: bool | None, severity: Severity = "error") -> Finding:
    return Finding("rule", "it", passed, "got", "expected", severity)


@pytest.mark.parametrize(
    ("findings", "whole"),
    [
        ([], False),
        ([said(True)], True),
        ([said(True), said(False)], False),
        ([said(True), said(False, "warning")], True),
        ([said(True), said(None)], True),
        ([said(None)], False),
        ([said(True, "warning")], False),
    ],
)
def test_nothing_blocks_and_something_was_assessed(findings: list[Finding], whole: bool) -> None:
    assert fit(findings) is whole


def test_a_share_of_nothing_is_none() -> None:
    assert Finding("r", "s", True, "", "", count=0, total=0).share is None
    assert Finding("r", "s", False, "", "", count=1, total=4).as_dict()["share"] == 0.25


def test_counts_read_as_a_sentence() -> None:
    assert of_records(4, 28_516) == "4 of 28,516 records (0.014 %)"
    assert of_records(0, 10) == "0 of 10 records"


def test_examples_are_few_short_and_on_one_line() -> None:
    got = some(["a\x1b[2Jb\n", "x" * 99, 3, 4, 5, 6, 7])
    assert got == ("a�[2Jb�", "x" * 40, "3", "4", "5")


def test_the_stages_are_those_of_the_policy_s_lifecycle() -> None:
    assert list(STAGES) == list(LIFECYCLE[:-1])


def test_a_stage_that_is_none_is_an_error_that_names_the_place() -> None:
    assert stage_asked(None, "here") == stage_asked("", "here") == ""
    assert stage_asked("production", "here") == "production"
    with pytest.raises(Misused, match="here: there is no stage 'retired'"):
        stage_asked("retired", "here")

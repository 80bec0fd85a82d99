"""The gates over evidence: data checks and quality."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from candidates import DIGEST, OTHER, bare, good, statement
from registry_world import CHECKED, JUDGED, NAME
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry.gates import Candidate, Gate
from towpath_registry.gates.data_checks import DataChecks
from towpath_registry.gates.quality import Quality

NO = Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55")
both = pytest.mark.parametrize(
    ("gate", "kind", "findings"), [(DataChecks(), "data-checks", CHECKED), (Quality(), "quality", JUDGED)]
)


def refusals(gate: Gate, candidate: Candidate) -> list[str]:
    return [verdict.reason for verdict in gate.judge(candidate) if not verdict.passed]


def changed(content: Any, *path: str | int, to: object) -> Any:
    """A copy with one value replaced."""
    key, *rest = path
    copy: Any = list(content) if isinstance(content, list) else dict(content)
    copy[key] = changed(copy[key], *rest, to=to) if rest else to
    return copy


@both
def test_without_evidence_of_its_kind_it_refuses(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    other = statement("quality" if kind == "data-checks" else "data-checks", findings)
    assert f"the evidence of {kind} is not there, expected passed, about sha256:dddddddddddd" in refusals(
        gate, good(evidence=(other,))
    )


@both
def test_a_failed_finding_is_told_in_its_own_words(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    said = refusals(gate, good(evidence=(statement(kind, (*findings, NO)),)))
    assert said == [
        "accuracy_4 is 0.41, expected at least 0.55",
        f"the evidence of {kind} is failed, about sha256:dddddddddddd, expected passed, about sha256:dddddddddddd",
    ]


@both
def test_a_verdict_of_passed_does_not_cover_a_failed_finding(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    lie = changed(statement(kind, (*findings, NO)), "predicate", "verdict", to="passed")
    assert refusals(gate, good(evidence=(lie,))) == ["accuracy_4 is 0.41, expected at least 0.55"]


@both
def test_a_verdict_of_failed_counts_even_if_no_finding_says_why(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    vague = changed(statement(kind, findings), "predicate", "verdict", to="failed")
    (said,) = refusals(gate, good(evidence=(vague,)))
    assert said.startswith(f"the evidence of {kind} is failed, about sha256:dddddddddddd, expected passed")


@both
def test_a_pass_without_findings_is_none(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    empty = changed(statement(kind, ()), "predicate", "verdict", to="passed")
    assert f"the evidence of {kind} is passed without any finding" in refusals(gate, good(evidence=(empty,)))[0]


@both
def test_evidence_about_other_bytes_proves_nothing(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    (said,) = refusals(gate, good(evidence=(statement(kind, findings, OTHER),)))
    assert (
        said
        == f"the evidence of {kind} is passed, about sha256:eeeeeeeeeeee, expected passed, about sha256:dddddddddddd"
    )


@both
def test_evidence_about_another_model_proves_nothing(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    assert refusals(gate, good(evidence=(statement(kind, findings, model="another"),)))


@both
def test_bytes_that_changed_after_the_evidence_are_refused(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    (said,) = refusals(gate, good(digest=OTHER, evidence=(statement(kind, findings),)))
    assert said.endswith("sha256:dddddddddddd as registered, and sha256:eeeeeeeeeeee as stored, to be the same")
    assert refusals(gate, good(digest="", evidence=(statement(kind, findings),)))


@both
def test_a_tag_that_says_another_digest_is_refused(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    version = replace(good().version, digest=OTHER)
    assert refusals(gate, good(version=version, evidence=(statement(kind, findings),)))
    assert refusals(gate, good(version=version, evidence=(statement(kind, findings, OTHER),)))


@both
def test_a_second_subject_is_refused(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    said = statement(kind, findings)
    two = {**said, "subject": [*said["subject"], {"name": "other", "digest": {"dirHash": "0" * 64}}]}
    assert refusals(gate, good(evidence=(two,)))


@both
def test_one_name_with_two_digests_is_refused(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    said = statement(kind, findings)
    two = {**said, "subject": [{"name": NAME, "digest": {"dirHash": "0" * 64}}, *said["subject"]]}
    assert refusals(gate, good(evidence=(two,)))


@both
def test_of_two_statements_both_must_pass(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    pair = (statement(kind, findings), statement(kind, (*findings, NO)))
    assert not all_passed(gate.judge(good(evidence=pair)))
    assert not all_passed(gate.judge(good(evidence=pair[::-1])))


@both
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "https://towpath.invalid/evidence/other/v1"),
        (("predicate", "verdict"), True),
        (("predicate", "verdict"), "PASSED"),
        (("predicate", "findings"), None),
        (("predicate", "findings", 0, "passed"), "yes"),
        (("predicate", "findings", 0, "passed"), 1),
        (("predicate", "findings", 0), "passed"),
        (("predicate", "measures"), []),
        (("predicate",), None),
        (("subject",), {}),
        (("subject", 0, "digest"), {"sha256": DIGEST[7:]}),
        (("subject", 0, "digest", "dirHash"), None),
    ],
)
def test_a_statement_that_is_not_whole_counts_against_the_version(
    gate: Gate, kind: str, findings: tuple[Verdict, ...], path: tuple[str | int, ...], value: object
) -> None:
    spoiled = changed(statement(kind, findings), *path, to=value)
    assert refusals(gate, good(evidence=(spoiled,)))
    assert refusals(gate, good(evidence=(*good().evidence, spoiled)))


def test_quality_without_a_comparison_with_the_baseline_is_refused() -> None:
    said = refusals(Quality(), good(evidence=(statement("quality", JUDGED[:1]),)))
    assert said == ["the comparison with the baseline is not made, expected made"]


def test_quality_without_any_limit_is_refused() -> None:
    said = refusals(Quality(), good(evidence=(statement("quality", JUDGED[1:]),)))
    assert said == ["the comparison with limits is not made, expected made"]


def test_a_model_no_better_than_its_baseline_is_refused() -> None:
    worse = replace(JUDGED[1], passed=False, got="+0.002 (-0.004 to +0.008)")
    said = refusals(Quality(), good(evidence=(statement("quality", (JUDGED[0], worse)),)))
    assert "the gain in accuracy over the baseline is +0.002 (-0.004 to +0.008), expected an interval above 0" in said


def test_a_version_that_proves_nothing_hears_what_is_missing() -> None:
    assert refusals(DataChecks(), bare()) == ["the evidence of data-checks is not there, expected passed, about none"]

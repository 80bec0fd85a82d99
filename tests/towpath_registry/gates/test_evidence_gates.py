"""The gates over evidence: data checks and quality."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from candidates import DIGEST, INPUTS, MADE, NOW, OTHER, RULES, bare, good, read, said, signer, statement
from registry_world import CHECKED, JUDGED, KEY, NAME, TAGS, private_key
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import dsse, evidence, strict_json
from towpath_registry.gates import Candidate, EvidenceRule, Gate
from towpath_registry.gates.data_checks import DataChecks
from towpath_registry.gates.quality import Quality

NO = Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55")
ANN, BEN = signer("ann"), signer("ben", private_key(2))
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


def spoiled(payload: bytes, *path: str | int, to: object) -> bytes:
    return strict_json.dumps(changed(json.loads(payload), *path, to=to))


@both
def test_without_evidence_of_its_kind_it_refuses(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    other = said("quality" if kind == "data-checks" else "data-checks", findings)
    assert (
        f"the evidence of {kind} is not there, expected passed, about sha256:dddddddddddd"
        " (towpath run writes and signs it)" in refusals(gate, good(evidence=(other,)))
    )


@both
def test_a_failed_finding_is_told_in_its_own_words(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    assert refusals(gate, good(evidence=(said(kind, (*findings, NO)),))) == [
        "accuracy_4 is 0.41, expected at least 0.55",
        f"the evidence of {kind} is failed, about sha256:dddddddddddd, expected passed, about sha256:dddddddddddd",
    ]


@both
def test_a_verdict_of_passed_does_not_cover_a_failed_finding(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    lie = spoiled(statement(kind, (*findings, NO)), "predicate", "verdict", to="passed")
    assert refusals(gate, good(evidence=(read(kind, lie),))) == ["accuracy_4 is 0.41, expected at least 0.55"]


@both
def test_a_verdict_of_failed_counts_even_if_no_finding_says_why(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    vague = spoiled(statement(kind, findings), "predicate", "verdict", to="failed")
    (why,) = refusals(gate, good(evidence=(read(kind, vague),)))
    assert why.startswith(f"the evidence of {kind} is failed, about sha256:dddddddddddd, expected passed")


@both
def test_a_pass_without_findings_is_none(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    empty = spoiled(statement(kind, findings), "predicate", "findings", to=[])
    assert (
        f"the evidence of {kind} is passed without any finding, about sha256:dddddddddddd,"
        " expected passed, about sha256:dddddddddddd" in refusals(gate, good(evidence=(read(kind, empty),)))
    )


@both
def test_evidence_about_other_bytes_proves_nothing(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    assert refusals(gate, good(evidence=(said(kind, findings, OTHER),))) == [
        f"the evidence of {kind} is passed, about sha256:eeeeeeeeeeee, expected passed, about sha256:dddddddddddd"
    ]


@both
def test_evidence_about_another_model_proves_nothing(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    assert refusals(gate, good(evidence=(said(kind, findings, DIGEST, "another"),))) == [
        (
            f"the evidence of {kind} is passed, about sha256:dddddddddddd of another,"
            " expected passed, about sha256:dddddddddddd"
        )
    ]


@both
def test_bytes_that_changed_after_the_evidence_are_refused(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    (why,) = refusals(gate, good(digest=OTHER, evidence=(said(kind, findings),)))
    assert why.endswith("sha256:dddddddddddd as registered, and sha256:eeeeeeeeeeee as stored, to be the same")
    assert refusals(gate, good(digest="", evidence=(said(kind, findings),)))


@both
def test_a_tag_that_says_another_digest_is_refused(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    version = replace(good().version, digest=OTHER)
    assert refusals(gate, good(version=version, evidence=(said(kind, findings),)))
    assert refusals(gate, good(version=version, evidence=(said(kind, findings, OTHER),)))


@both
def test_of_two_statements_both_must_pass(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    pair = (said(kind, findings), replace(said(kind, (*findings, NO)), name=f"{kind}.2.dsse.json"))
    assert not all_passed(gate.judge(good(evidence=pair)))
    assert not all_passed(gate.judge(good(evidence=pair[::-1])))


@both
@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1", "it is not a https://in-toto.io/Statement/v1 of the kind"),
        (("predicateType",), "https://towpath.invalid/evidence/other/v1", "it is not a https://in-toto.io/Statement"),
        (("predicate", "kind"), "other", "it is not a https://in-toto.io/Statement/v1 of its kind"),
        (("predicate", "verdict"), True, "its verdict is neither passed nor failed"),
        (("predicate", "verdict"), "PASSED", "its verdict is neither passed nor failed"),
        (("predicate", "model"), "another", "what it says is about another model than its subject"),
        (("predicate", "digest"), OTHER, "what it says is about another model than its subject"),
        (("predicate", "policy"), "x", "what it says is not by, digest, findings, inputs, kind, made, measures"),
        (("predicate", "findings"), None, "a part of the statement is missing or of the wrong kind"),
        (("predicate", "findings", 0, "passed"), "yes", "a part of the statement is missing or of the wrong kind"),
        (("predicate", "findings", 0, "passed"), 1, "a part of the statement is missing or of the wrong kind"),
        (("predicate", "findings", 0), "passed", "a part of the statement is missing or of the wrong kind"),
        (("predicate", "measures"), {}, "a part of the statement is missing or of the wrong kind"),
        (("predicate", "measures", 0, "value"), 1, "a part of the statement is missing or of the wrong kind"),
        (("predicate", "measures", 0, "value"), "NaN", "its measure accuracy_4 is not a number with six decimals"),
        (("predicate", "inputs", 0, "more"), "x", "a name stands twice, or has more than a value"),
        (("predicate", "made"), "yesterday", "its time is not written as it must be"),
        (("predicate", "made"), "2026-03-31T00:00:00Z", "its time is not written as it must be"),
        (("predicate",), None, "a part of the statement is missing or of the wrong kind"),
        (("subject",), {}, "it is not about exactly one model"),
        (("subject",), [], "it is not about exactly one model"),
        (("subject", 0, "more"), "x", "its subject is not a name with a digest and nothing else"),
        (("subject", 0, "digest"), {"sha256": DIGEST[7:]}, "its subject has another digest than one dirHash"),
        (("subject", 0, "digest", "sha1"), "0" * 40, "its subject has another digest than one dirHash"),
        (("subject", 0, "digest", "dirHash"), None, "its subject's dirHash is not 64 hex digits in lower case"),
        (("subject", 0, "digest", "dirHash"), "D" * 64, "its subject's dirHash is not 64 hex digits in lower case"),
    ],
)
def test_a_statement_that_is_not_whole_counts_against_the_version(
    gate: Gate, kind: str, findings: tuple[Verdict, ...], path: tuple[str | int, ...], value: object, why: str
) -> None:
    bad = read(kind, spoiled(statement(kind, findings), *path, to=value))
    (refused,) = refusals(gate, good(evidence=(said(kind, findings), bad)))
    assert refused.startswith(f"{kind}.dsse.json of the run is not to be trusted: {why}")
    assert not all_passed(gate.judge(good(evidence=(bad,))))


@both
def test_evidence_that_nobody_we_trust_signed_counts_against_the_version(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    unsigned = read(kind, statement(kind, findings), keys=(private_key(9),))
    (why,) = refusals(gate, good(evidence=(said(kind, findings), unsigned)))
    assert why == (
        f"{kind}.dsse.json of the run is not to be trusted: the key {private_key(9).public.id[:8]} is not on the list"
        " of signers, expected evidence that a signer of the policy vouches for"
        " (towpath run signs it, with the key of towpath keys show)"
    )


@both
def test_a_file_of_the_kind_that_is_no_envelope_counts_against_the_version(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    for name, content in {f"{kind}.json": b"{}", f"{kind}.dsse.json": b"{", f"{kind}.old.dsse.json": b""}.items():
        broken = evidence.read(name, content, (ANN,), None, NOW)
        (why,) = refusals(gate, good(evidence=(said(kind, findings), broken)))
        assert why.startswith(f"{name} of the run is not to be trusted: ")


@both
def test_it_counts_for_as_many_days_as_the_policy_says(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    made = said(kind, findings)
    rules = {**RULES, kind: EvidenceRule(valid_days=30)}
    last = MADE + timedelta(days=30, microseconds=-1)
    assert refusals(gate, good(evidence=(made,), rules=rules, now=last)) == []
    assert refusals(gate, good(evidence=(made,), rules=rules, now=MADE + timedelta(days=30))) == [
        (
            f"how long the evidence of {kind} counts is until 2026-04-30 00:00 UTC,"
            " expected a time to come (30 days from 2026-03-31 00:00 UTC; towpath run makes it anew)"
        )
    ]


@both
def test_old_evidence_does_not_become_young_by_being_recorded_again(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    again = replace(said(kind, findings), recorded=MADE + timedelta(days=400))
    (why,) = refusals(gate, good(evidence=(again,), now=MADE + timedelta(days=401)))
    assert why.startswith(f"how long the evidence of {kind} counts is until 2027-03-31 00:00 UTC")


@both
def test_a_kind_without_a_rule_in_the_policy_proves_nothing(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    assert refusals(gate, good(rules={})) == [
        (
            f"the evidence of {kind} is of a kind that the policy does not know,"
            f" expected a rule for {kind} in the policy (evidence.{kind})"
        )
    ]


@both
def test_as_many_different_people_must_have_signed_as_the_policy_says(
    gate: Gate, kind: str, findings: tuple[Verdict, ...]
) -> None:
    two, other = {**RULES, kind: EvidenceRule(365, signatures=2)}, private_key(2)
    payload = statement(kind, findings)
    by_one = read(kind, payload, signers=(ANN, BEN))
    by_both = read(kind, payload, keys=(KEY, other), signers=(ANN, BEN))
    with_two_keys = read(kind, payload, keys=(KEY, other), signers=(ANN, replace(BEN, owner="ann")))
    assert refusals(gate, good(evidence=(by_both,), rules=two)) == []
    for lone in (by_one, with_two_keys):
        assert refusals(gate, good(evidence=(lone,), rules=two)) == [
            f"who signed the evidence of {kind} is 1 (ann), expected at least 2, each another person"
        ]


@both
@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("dvc.lock", "pipeline"),
        ("commit", "commit"),
        ("params.yaml", "params"),
        ("requirements.lock", "environment"),
    ],
)
def test_evidence_dies_when_the_version_says_that_it_was_made_from_something_else(
    gate: Gate, kind: str, findings: tuple[Verdict, ...], name: str, tag: str
) -> None:
    same = said(kind, findings, inputs={**INPUTS, name: TAGS[f"towpath.{tag}"]})
    other = said(kind, findings, inputs={**INPUTS, name: "sha256:" + "9" * 64})
    assert refusals(gate, good(evidence=(same,))) == []
    assert refusals(gate, good(evidence=(other,))) == [
        f"{name} of the evidence of {kind} is sha256:{'9' * 64}, expected {TAGS[f'towpath.{tag}']}, as the version says"
    ]


@both
def test_evidence_must_say_which_pipeline_it_came_from(gate: Gate, kind: str, findings: tuple[Verdict, ...]) -> None:
    (why,) = refusals(gate, good(evidence=(said(kind, findings, inputs={}),)))
    assert why.startswith(f"dvc.lock of the evidence of {kind} is not told, expected sha256:3333")


def test_who_does_not_say_what_time_it_is_hears_that_all_evidence_is_too_old() -> None:
    known = good()
    timeless = Candidate(known.version, DIGEST, evidence=known.evidence, rules=RULES)
    assert [why for why in refusals(Quality(), timeless) if why.startswith("how long the evidence of quality counts")]


@pytest.mark.parametrize("rule", [(0, 1), (365, 0), (-1, 1)])
def test_a_rule_that_asks_for_nothing_cannot_be_made(rule: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="evidence counts for one day or more, and somebody must have signed it"):
        EvidenceRule(*rule)


def test_quality_without_a_comparison_with_the_baseline_is_refused() -> None:
    why = refusals(Quality(), good(evidence=(said("quality", JUDGED[:1]),)))
    assert why == [
        (
            "the comparison with the baseline is not made, expected made (limits in the project's towpath.yaml; then"
            " towpath run)"
        )
    ]


def test_quality_without_any_limit_is_refused() -> None:
    (why,) = refusals(Quality(), good(evidence=(said("quality", JUDGED[1:]),)))
    assert why.startswith("the comparison with limits is not made, expected made")


def test_a_model_no_better_than_its_baseline_is_refused() -> None:
    worse = replace(JUDGED[1], passed=False, got="+0.002 (-0.004 to +0.008)")
    why = refusals(Quality(), good(evidence=(said("quality", (JUDGED[0], worse)),)))
    assert "the gain in accuracy over the baseline is +0.002 (-0.004 to +0.008), expected an interval above 0" in why


def test_a_version_that_proves_nothing_hears_what_is_missing() -> None:
    assert refusals(DataChecks(), bare()) == [
        "the evidence of data-checks is not there, expected passed, about none (towpath run writes and signs it)"
    ]


def test_the_bytes_of_the_statement_are_those_that_were_signed() -> None:
    payload = statement("quality", JUDGED)
    assert dsse.parse(dsse.seal(payload, KEY)).payload == payload
    assert NAME.encode() in payload


# What advises at a level, by the policy's word

SMALL = Verdict("class_size", False, "classes", "2 of 40 classes with fewer", "at least 2 examples of each")
ADVISES = DataChecks(advisory=("class_size",))


def test_a_failed_check_that_the_policy_names_advises_and_is_still_told() -> None:
    verdicts = ADVISES.judge(good(evidence=(said("data-checks", (*CHECKED, SMALL)),)))
    assert all_passed(verdicts)
    assert "2 of 40 classes with fewer (advises here)" in [verdict.got for verdict in verdicts]
    assert "failed but for what advises here" in str(verdicts)


def test_a_check_blocks_where_the_policy_does_not_name_it() -> None:
    for findings in ((*CHECKED, SMALL, NO), (*CHECKED, replace(SMALL, gate="leakage"))):
        assert not all_passed(ADVISES.judge(good(evidence=(said("data-checks", findings),))))
    assert not all_passed(DataChecks().judge(good(evidence=(said("data-checks", (*CHECKED, SMALL)),))))


def test_what_advises_alone_proves_nothing() -> None:
    for alone in (SMALL, replace(SMALL, passed=True)):
        (why,) = refusals(ADVISES, good(evidence=(said("data-checks", (alone,)),)))
        assert "without any finding" in why


def test_a_verdict_of_failed_that_no_advice_explains_still_counts() -> None:
    vague = spoiled(statement("data-checks", CHECKED), "predicate", "verdict", to="failed")
    assert refusals(ADVISES, good(evidence=(read("data-checks", vague),)))


def test_no_quality_check_can_be_made_advice() -> None:
    assert not hasattr(Quality(), "advisory")

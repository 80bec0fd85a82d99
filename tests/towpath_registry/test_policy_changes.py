from __future__ import annotations

from typing import Any

import pytest

from policies import changed, content, policy, public
from towpath_core import estimators
from towpath_registry.policy import Policy, solo
from towpath_registry.policy_changes import Change, changes, weaker

TEAM = content("team")
IMPUTER = "sklearn.impute._base.SimpleImputer"
GONE = {"at": "2026-02-01", "reason": "left"}


def other(*pairs: tuple[str, Any]) -> Policy:
    """The team's policy with other values."""
    found = TEAM
    for key, value in pairs:
        found = changed(found, key, value)
    return Policy.of(found)


def test_the_same_policy_changes_nothing() -> None:
    assert changes(solo(), policy("solo")) == ()
    assert weaker(policy("strict"), policy("strict")) == ()


def test_each_setting_that_differs_is_told_by_its_key() -> None:
    pairs = [
        ("version", 2),
        ("people.max", ["methodologist", "business_owner"]),
        ("levels.staging.gates.quality.baseline", "rules"),
        ("levels.staging.approvals.methodologist", 2),
        ("levels.production.gates.scope", ...),
        ("signers.first-key.until", "2027-01-01"),
    ]
    assert set(changes(other(), other(*pairs))) == {
        Change("version", "1", "2"),
        Change("people.max", "none", "business_owner, methodologist"),
        Change("levels.staging.gates.quality.baseline", "better_than_baseline", "rules"),
        Change("levels.staging.approvals.methodologist", "1", "2"),
        Change(
            "levels.production.gates.scope.parts",
            "driver, population, parent_process, use_of_output, error_tolerance, stop_rule",
            "none",
        ),
        Change("signers.first-key.until", "none", "2027-01-01T00:00:00.000000Z"),
    }


def test_a_gate_without_settings_that_goes_is_a_change() -> None:
    assert changes(other(), other(("levels.staging.gates.model_format", ...))) == (
        Change("levels.staging.gates.model_format", "as it comes", "none"),
    )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("levels.production.gates.quality", ..., "production: the gate quality is gone"),
        ("levels.staging.gates.quality.baseline", "x", "staging: the gate quality is set differently"),
        ("levels.production.after", "", "production: a version need not have stood at staging before"),
        ("levels.staging.review_days", 366, "staging: the next look at it is due after 366 days instead of 365"),
        ("levels.staging.request_days", 15, "staging: a request lives 15 days instead of 14"),
        ("levels.staging.approvals", {}, "staging: 0 approvals of a methodologist instead of 1"),
        ("levels.staging.distinct_from", ["author"], "staging: the requester may approve as well"),
        ("levels.staging.distinct_from", ["requester"], "staging: the author may approve as well"),
        ("people.zoe", ["methodologist"], "zoe becomes methodologist"),
        ("people.bob", ["business_owner", "methodologist"], "bob becomes methodologist"),
        ("policy_role", "business_owner", "the policy may be set by a business_owner, instead of a methodologist"),
        ("signers.first-key.may", ["data-checks", "quality", "documentation", "approval"], "may sign approval as well"),
        ("signers.first-key.since", "2025-12-31", "counts from 2025-12-31 00:00 UTC on, instead of 2026-01-01 00:00"),
        ("signers.first-key.owner", "mia", "the key first-key of mia was that of dora"),
        ("signers.first-key.public", public(99).text, "the key first-key of dora is trusted, for data-checks, docume"),
        ("evidence.quality.valid_days", 181, "evidence of quality counts 181 days instead of 180"),
    ],
)
def test_what_is_asked_less_of_is_told(key: str, value: Any, told: str) -> None:
    (said,) = weaker(other(), other((key, value)))
    assert told in said


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "other"),
        ("version", 2),
        ("levels.staging.review_days", 30),
        ("levels.staging.request_days", 7),
        ("levels.production.gates.provenance.required", ["commit"]),
        ("signers.first-key.until", "2027-01-01"),
        ("evidence.quality.valid_days", 30),
        ("loading.without", [IMPUTER]),
        ("loading.list", estimators.PLATFORM.digest),
        ("people.zoe", ["clerk"]),
    ],
)
def test_what_asks_for_more_is_not_weaker(key: str, value: Any) -> None:
    told = weaker(other(), other((key, value)))
    assert told == (("production: the gate provenance is set differently",) if "gates" in key else ())
    assert weaker(other((key, value)), other()) or key in ("name", "version", "people.zoe")


def test_a_level_that_goes_is_told() -> None:
    fewer = other(("levels.production", ...), ("lifecycle", ["proof_of_concept", "valid_solution", "retired"]))
    assert weaker(other(), fewer) == ("production: the level is gone, and its alias can be moved by anybody",)


def test_an_earlier_stage_is_told() -> None:
    earlier = other(
        ("levels.production.stage", "valid_solution"), ("lifecycle", ["proof_of_concept", "valid_solution", "retired"])
    )
    stages = ("lifecycle", ["proof_of_concept", "valid_solution", "production", "retired"])
    assert weaker(other(), earlier) == ()  # the stage itself is gone
    more = ("levels.third", {**TEAM["levels"]["staging"], "stage": "production"})
    (told,) = weaker(other(), other(("levels.production.stage", "valid_solution"), more, stages))
    assert told == "production: it leads to valid_solution, which comes before production"


def test_fewer_signatures_are_told() -> None:
    two = policy("strict")
    one = Policy.of(changed(content("strict"), "evidence.quality.signatures", 1))
    assert weaker(two, one) == ("evidence of quality needs 1 signatures instead of 2",)


def test_approvals_without_signatures_are_told() -> None:
    unsigned = Policy.of(changed(content("strict"), "levels.staging.signed_approvals", False))
    assert weaker(policy("strict"), unsigned) == ("staging: approvals need no signature",)


def test_a_key_that_counts_again_is_told() -> None:
    second = {"owner": "mia", "public": public(99).text, "may": ["quality"], "since": "2026-01-01"}

    def with_second(**more: Any) -> Policy:
        return other(("signers.second", {**second, **more}))

    key = "the key second of mia"
    gone, lost = with_second(revoked=GONE), with_second(revoked={**GONE, "reason": "compromise"})
    later = with_second(revoked={**GONE, "at": "2026-03-01"})
    assert weaker(gone, with_second()) == (f"{key} is not revoked any more",)
    assert weaker(lost, gone) == (
        f"{key} is revoked as left, instead of compromise: what it signed before counts again",
    )
    assert weaker(gone, later) == (f"{key} is revoked from 2026-03-01 00:00 UTC on, instead of 2026-02-01 00:00 UTC",)
    assert weaker(with_second(until="2026-06-01"), with_second()) == (
        f"{key} counts until ever, instead of 2026-06-01 00:00 UTC",
    )
    assert weaker(with_second(), gone) == weaker(gone, lost) == ()


def test_more_types_are_told() -> None:
    fewer = other(("loading.without", [IMPUTER]))
    assert weaker(fewer, other()) == (f"more types may be loaded: {IMPUTER}",)


def test_a_list_that_is_no_longer_the_reviewed_one_is_told() -> None:
    reviewed = other(("loading.list", estimators.PLATFORM.digest))
    (told,) = weaker(reviewed, other())
    assert told.startswith("the list of types that may be loaded is as the platform brings it, instead of sha256:")


def test_from_a_team_back_to_one_person_everything_is_told() -> None:
    told = weaker(other(), solo())
    assert "the keys of whoever works at the machine are trusted, instead of named signers" in told
    assert "the policy may be set by anybody, instead of a methodologist" in told
    assert "production: 0 approvals of a business_owner instead of 1" in told


def test_from_one_person_to_a_team_nothing_is_weaker() -> None:
    assert weaker(solo(), other()) == ()

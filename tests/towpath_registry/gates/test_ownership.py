"""The gate over who answers for a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from candidates import DOCUMENTED_THEN, good, said
from towpath_registry.evidence import Read
from towpath_registry.gates.ownership import ROLES, Ownership


def refusals(documentation: Read, gate: Ownership | None = None, **other: object) -> list[str]:
    verdicts = (gate or Ownership()).judge(good(evidence=(documentation,), **other))
    return [verdict.reason for verdict in verdicts if not verdict.passed]


def owned(**owners: str) -> Read:
    return said("documentation", documented=replace(DOCUMENTED_THEN, owners={**DOCUMENTED_THEN.owners, **owners}))


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("who", ["", " \n", "\u200b"])
def test_each_role_must_be_somebodys_and_who_can_mend_it_is_told(role: str, who: str) -> None:
    (why,) = refusals(owned(**{role: who}))
    assert why.startswith(f"the {role.replace('_', ' ')} is ")
    assert why.endswith(f"expected a person (owners.{role} in the project's towpath.yaml; then towpath run)")


def test_a_role_that_nobody_wrote_down_is_nobodys() -> None:
    none = said("documentation", documented=replace(DOCUMENTED_THEN, owners={}))
    assert [why.partition(" is ")[2].partition(",")[0] for why in refusals(none)] == ["nobody"] * len(ROLES)


@pytest.mark.parametrize("day", ["", "2026-03-31", "soon", "2027-02-30", "20270331", "2027-W13-3"])
def test_the_next_review_must_be_a_day_to_come(day: str) -> None:
    late = said("documentation", documented=replace(DOCUMENTED_THEN, next_review=day))
    (why,) = refusals(late)
    assert why == (
        f"the next review is {day or 'on no day'}, expected a day to come, as YYYY-MM-DD"
        " (owners.next_review in the project's towpath.yaml; then towpath run)"
    )


def test_on_the_day_of_the_review_the_owners_still_answer() -> None:
    assert refusals(owned(), now=datetime(2027, 3, 30, 23, 59, tzinfo=UTC)) == []
    today = said("documentation", documented=replace(DOCUMENTED_THEN, next_review="2026-04-01"))
    assert refusals(today) == []


def test_one_person_may_have_all_roles_unless_the_policy_separates_them() -> None:
    alone = said("documentation", documented=replace(DOCUMENTED_THEN, owners=dict.fromkeys(ROLES, "Ada")))
    assert refusals(alone) == []
    assert refusals(alone, Ownership(separate=(("methodologist", "data_scientist"),))) == [
        (
            "who is methodologist and who is data scientist is Ada and Ada, expected two different persons"
            " (owners.methodologist, owners.data_scientist in the project's towpath.yaml; then towpath run)"
        )
    ]


@pytest.mark.parametrize("twin", ["ada", " Ada", "A\u200bda", "Аda"])
def test_one_person_under_two_spellings_is_one_person(twin: str) -> None:
    gate = Ownership(separate=(("methodologist", "data_scientist"),))
    (why,) = refusals(owned(methodologist="Ada", data_scientist=twin), gate)
    assert "expected two different persons" in why


def test_two_roles_that_nobody_has_are_not_two_persons() -> None:
    why = refusals(
        owned(methodologist="", data_scientist=""), Ownership(separate=(("methodologist", "data_scientist"),))
    )
    assert any(
        reason.startswith("who is methodologist and who is data scientist is nobody and nobody") for reason in why
    )


def test_owners_that_nobody_signed_for_are_none() -> None:
    (why,) = refusals(replace(owned(), statement=None, problem="the key x is not on the list of signers"))
    assert why.startswith("documentation.dsse.json of the run is not to be trusted: the key x is not on the list")


def test_a_gate_that_asks_for_no_role_lets_nobody_pass() -> None:
    assert refusals(owned(), Ownership(roles=())) == ["the owners is asked for in no role, expected a role or more"]

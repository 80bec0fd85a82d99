"""The gate over who answers for a model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from towpath_core.verdicts import Verdict
from towpath_registry.evidence import DOCUMENTATION, Documented
from towpath_registry.gates import Candidate
from towpath_registry.gates._evidence import proven, statements
from towpath_registry.names import folded

ROLES = ("business_owner", "methodologist", "data_scientist", "it_operator", "subject_matter_reviewer")


@dataclass(frozen=True, slots=True)
class Ownership:
    """Somebody answers for the model in each role, and the day on which that is looked at again is still to come.

    `separate` holds pairs of roles that two different persons must have.
    """

    roles: tuple[str, ...] = ROLES
    separate: tuple[tuple[str, str], ...] = ()

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        said = [found.documented for found in statements(candidate, DOCUMENTATION) if found.documented]
        verdicts = [verdict for documented in said for verdict in self._judged(documented, candidate)]
        nothing = (
            () if self.roles else (Verdict("ownership", False, "the owners", "asked for in no role", "a role or more"),)
        )
        return (*proven(candidate, "ownership", DOCUMENTATION), *verdicts, *nothing)

    def _judged(self, said: Documented, candidate: Candidate) -> list[Verdict]:
        roles = [self._role(said, role) for role in self.roles]
        pairs = [self._pair(said, *pair) for pair in self.separate]
        return [*roles, *pairs, _review(said, candidate)]

    def _role(self, said: Documented, role: str) -> Verdict:
        who = said.owners.get(role, "").strip()
        expected = f"a person (owners.{role} in the project's towpath.yaml; then towpath run)"
        return Verdict("ownership", bool(folded(who)), f"the {_words(role)}", who or "nobody", expected)

    def _pair(self, said: Documented, one: str, other: str) -> Verdict:
        first, second = said.owners.get(one, ""), said.owners.get(other, "")
        apart = bool(folded(first) and folded(second)) and folded(first) != folded(second)
        return Verdict(
            "ownership",
            apart,
            f"who is {_words(one)} and who is {_words(other)}",
            f"{first.strip() or 'nobody'} and {second.strip() or 'nobody'}",
            f"two different persons (owners.{one}, owners.{other} in the project's towpath.yaml; then towpath run)",
        )


def _review(said: Documented, candidate: Candidate) -> Verdict:
    try:
        day = date.fromisoformat(said.next_review)
        there = day.isoformat() == said.next_review and day >= candidate.now.date()
    except ValueError:
        there = False
    expected = "a day to come, as YYYY-MM-DD (owners.next_review in the project's towpath.yaml; then towpath run)"
    return Verdict("ownership", there, "the next review", said.next_review or "on no day", expected)


def _words(role: str) -> str:
    return role.replace("_", " ")


gate = Ownership

"""Approvals: whether the people who said yes are those that a level asks for.

A person is an identity as the server authenticated it. Each fills one place at most, however many roles they hold and
however often they say yes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from towpath_core.verdicts import Verdict
from towpath_registry.matching import unfilled
from towpath_registry.names import folded
from towpath_registry.nouns import Approval
from towpath_registry.policy import AUTHOR, REQUESTER, Asked, Level, Policy

GATE = "approvals"


def open_approvals(
    level: Level, policy: Policy, given: Sequence[Approval], requester: str, authors: Collection[str]
) -> tuple[Asked, ...]:
    """What is still asked for; empty when it is complete. An approval without a role counts in any that its giver has.

    `authors` are all who made the version: its run, its model, the version itself.
    """
    able: dict[str, set[str]] = {}
    for approval in given:
        if not _barred(approval.by, level, requester, authors):
            able.setdefault(approval.by, set()).update(_roles(approval.by, approval.role, policy))
    missing = Counter(unfilled(level.places, able))
    return tuple(Asked(role, count) for role, count in missing.items())


def eligible(
    by: str,
    role: str,
    level: Level,
    policy: Policy,
    given: Sequence[Approval],
    requester: str,
    authors: Collection[str],
) -> Verdict:
    """Whether somebody may approve in a role (empty: in any that they have), and if not, why."""
    asked = [asked.role for asked in level.approvals]
    if not asked:
        return Verdict(GATE, False, f"the level {level.name}", "one without approvals", "one that asks for them")
    subject, person = repr(by), policy.person(by)
    if person is None:
        might = [name for name in _holders(asked, policy) if not _barred(name, level, requester, authors)]
        return Verdict(GATE, False, subject, "not among the policy's people", " or ".join(might) or "one of them")
    if barred := _barred(by, level, requester, authors):
        return Verdict(GATE, False, subject, barred, "somebody else")
    fit = _roles(by, role, policy) & set(asked)
    wanted = " or ".join([role] if role in asked else asked)
    if not fit:
        as_if = f", and not {role}" if role and role not in person.roles else ""
        return Verdict(GATE, False, subject, f"{', '.join(person.roles)}{as_if}", wanted)
    before = {held for approval in given if approval.by == by for held in _roles(by, approval.role, policy)}
    if fit <= before:
        return Verdict(GATE, False, subject, "somebody who has approved already", "somebody else")
    return Verdict(GATE, True, subject, " and ".join(sorted(fit)), wanted)


def still_able(
    level: Level, policy: Policy, given: Sequence[Approval], requester: str, authors: Collection[str]
) -> tuple[str, ...]:
    """The people whose approval would fill a place that is open."""

    def places(approvals: Sequence[Approval]) -> int:
        return sum(asked.count for asked in open_approvals(level, policy, approvals, requester, authors))

    now, ever = places(given), datetime.min.replace(tzinfo=UTC)
    names = [person.name for person in policy.people]
    return tuple(name for name in names if places([*given, Approval(name, "", ever)]) < now)


def _roles(by: str, role: str, policy: Policy) -> set[str]:
    """The roles in which an approval counts: the one that it names, if its giver holds it, or all that they hold."""
    person = policy.person(by)
    held = set(person.roles) if person else set()
    return held & {role} if role else held


def _barred(by: str, level: Level, requester: str, authors: Collection[str]) -> str:
    """Why this very person may not approve, whatever their role; empty if they may."""
    seen = folded(by)
    if not seen:
        return "nobody"
    if REQUESTER in level.distinct_from:
        if not folded(requester):
            return "perhaps the requester, who is not known"
        if seen == folded(requester):
            return "the requester"
    if AUTHOR in level.distinct_from:
        if not any(folded(author) for author in authors):
            return "perhaps an author of the version, who are not known"
        if seen in {folded(author) for author in authors}:
            return "an author of the version"
    return ""


def _holders(roles: Collection[str], policy: Policy) -> list[str]:
    return list(dict.fromkeys(name for role in roles for name in policy.holders(role)))

"""What another policy would change, and what of it asks for less than before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from towpath_core.clock import short
from towpath_registry.plain_values import Keys
from towpath_registry.policy import FOLLOW, Level, Policy
from towpath_registry.trust import COMPROMISE, Signer

_NONE = "none"
_EVER = datetime.max.replace(tzinfo=UTC)


class Change(NamedTuple):
    """One setting, and what it says before and after; `none` where it is not there."""

    key: str
    before: str
    after: str


def changes(old: Policy, new: Policy) -> tuple[Change, ...]:
    """Every setting that differs, by its dotted key."""
    before, after = dict(_flat(old.content())), dict(_flat(new.content()))
    found = (Change(".".join(key), before.get(key, _NONE), after.get(key, _NONE)) for key in {**after, **before})
    return tuple(change for change in found if change.before != change.after)


def weaker(old: Policy, new: Policy) -> tuple[str, ...]:
    """In words, whatever would be asked less of, or let more through. Another setting of a gate counts, too: only a
    person can tell whether it asks for less."""
    return (
        *(told for level in old.levels for told in _level(level, new)),
        *_people(old, new),
        *_signers(old, new),
        *_evidence(old, new),
        *_loading(old, new),
        *_role(old, new),
    )


def _flat(content: Mapping[str, Any], keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, (*keys, key))
        elif isinstance(value, Mapping):
            yield (*keys, key), "as it comes" if keys[-1:] == ("gates",) else _NONE
        else:
            yield (*keys, key), _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value) or _NONE
    return str(value).lower() if isinstance(value, bool) else str(value or _NONE)


def _level(old: Level, policy: Policy) -> Iterator[str]:
    here = f"{old.name}:"
    new = next((level for level in policy.levels if level.name == old.name), None)
    if new is None:
        yield f"{here} the level is gone, and its alias can be moved by anybody"
        return
    yield from _gates(old, new)
    yield from _approvals(old, new)
    if old.after and new.after != old.after:
        yield f"{here} a version need not have stood at {old.after} before"
    stages = policy.lifecycle
    if old.stage in stages and stages.index(new.stage) < stages.index(old.stage):
        yield f"{here} it leads to {new.stage}, which comes before {old.stage}"
    if new.review_days > old.review_days:
        yield f"{here} the next look at it is due after {new.review_days} days instead of {old.review_days}"


def _gates(old: Level, new: Level) -> Iterator[str]:
    for name, gate in old.gates.items():
        if name not in new.gates:
            yield f"{old.name}: the gate {name} is gone"
        elif new.gates[name] != gate:
            yield f"{old.name}: the gate {name} is set differently"


def _approvals(old: Level, new: Level) -> Iterator[str]:
    after = {asked.role: asked.count for asked in new.approvals}
    for asked in old.approvals:
        if after.get(asked.role, 0) < asked.count:
            yield f"{old.name}: {after.get(asked.role, 0)} approvals of a {asked.role} instead of {asked.count}"
    for who in sorted({*old.distinct_from} - {*new.distinct_from}):
        yield f"{old.name}: the {who} may approve as well"
    if old.signed_approvals and not new.signed_approvals:
        yield f"{old.name}: approvals need no signature"
    if new.request_days > old.request_days:
        yield f"{old.name}: a request lives {new.request_days} days instead of {old.request_days}"


def _people(old: Policy, new: Policy) -> Iterator[str]:
    asked = {old.policy_role, *(role for level in old.levels for role in level.places)}
    for person in new.people:
        before = old.person(person.name)
        for role in person.roles:
            if role in asked and (before is None or role not in before.roles):
                yield f"{person.name} becomes {role}"


def _signers(old: Policy, new: Policy) -> Iterator[str]:
    if new.own_keys and not old.own_keys:
        yield "the keys of whoever works at the machine are trusted, instead of named signers"
    before = {signer.public: signer for signer in old.signers}
    for signer in () if old.own_keys else new.signers:
        yield from _signer(before.get(signer.public), signer)


def _signer(old: Signer | None, new: Signer) -> Iterator[str]:
    key = f"the key {new.name} of {new.owner}"
    if old is None:
        yield f"{key} is trusted, for {', '.join(new.may)}"
        return
    if old.owner != new.owner:
        yield f"{key} was that of {old.owner}"
    for kind in sorted({*new.may} - {*old.may}):
        yield f"{key} may sign {kind} as well"
    if new.since < old.since:
        yield f"{key} counts from {short(new.since)} on, instead of {short(old.since)}"
    if (new.until or _EVER) > (old.until or _EVER):
        yield f"{key} counts until {short(new.until) if new.until else 'ever'}, instead of {short(old.until or _EVER)}"
    yield from _revocation(key, old, new)


def _revocation(key: str, old: Signer, new: Signer) -> Iterator[str]:
    if old.revoked is None:
        return
    if new.revoked is None:
        yield f"{key} is not revoked any more"
    elif old.revoked.reason == COMPROMISE and new.revoked.reason != COMPROMISE:
        yield f"{key} is revoked as {new.revoked.reason}, instead of {COMPROMISE}: what it signed before counts again"
    elif new.revoked.at > old.revoked.at:
        yield f"{key} is revoked from {short(new.revoked.at)} on, instead of {short(old.revoked.at)}"


def _evidence(old: Policy, new: Policy) -> Iterator[str]:
    for kind, rule in old.evidence.items():
        after = new.evidence.get(kind)
        if after is None:
            continue  # such evidence proves nothing any more
        if after.valid_days > rule.valid_days:
            yield f"evidence of {kind} counts {after.valid_days} days instead of {rule.valid_days}"
        if after.signatures < rule.signatures:
            yield f"evidence of {kind} needs {after.signatures} signatures instead of {rule.signatures}"


def _loading(old: Policy, new: Policy) -> Iterator[str]:
    more = sorted(str(type_) for type_ in new.loading.types().names - old.loading.types().names)
    if more:
        yield f"more types may be loaded: {', '.join(more)}"
    if old.loading.list not in (FOLLOW, new.loading.list):
        now = "as the platform brings it" if new.loading.list == FOLLOW else new.loading.list[:19]
        yield f"the list of types that may be loaded is {now}, instead of {old.loading.list[:19]}"
    for format_ in sorted({*new.loading.formats} - {*old.loading.formats}):
        yield f"the format {format_} may be loaded as well"


def _role(old: Policy, new: Policy) -> Iterator[str]:
    if old.policy_role and new.policy_role != old.policy_role:
        who = f"a {new.policy_role}" if new.policy_role else "anybody"
        yield f"the policy may be set by {who}, instead of a {old.policy_role}"

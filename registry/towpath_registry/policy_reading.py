"""From plain values to a policy, by the standard library alone; what could not be meant is refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import MISSING, fields
from typing import get_type_hints

from towpath_core import estimators
from towpath_core.errors import CouldNot, Misused
from towpath_registry import gates, policy_checks
from towpath_registry.gates import EvidenceRule, Gate
from towpath_registry.keys import PublicKey
from towpath_registry.names import folded
from towpath_registry.plain_values import Faulty, Part, as_typed, is_word
from towpath_registry.policy import AUTHOR, FOLLOW, FORMATS, LIFECYCLE, REQUESTER, Asked, Level, Loading, Person, Policy
from towpath_registry.trust import COMPROMISE, LEFT, Revoked, Signer

# How a fault begins that the ready-made policies leave to their reader.
TO_FILL = "is still to be filled in"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_DAYS, _MOST_PEOPLE = 36_500, 100
# MLflow keeps these for itself: models:/name@latest, models:/name@v1.
_MLFLOW_S = re.compile(r"latest|v[0-9]+")


def read(content: object) -> Policy:
    """Raise Faulty, which names the key of each fault."""
    whole = Part.whole(content)
    made = None if whole.faults else _policy(whole)
    if made and not whole.faults:
        policy_checks.check(made, whole)
    if made is None or whole.faults:
        raise Faulty("the policy cannot be used", whole.faults)
    return made


def _policy(whole: Part) -> Policy:
    loading = whole.part("loading")
    policy = Policy(
        name=_word(whole, "name"),
        version=whole.number("version"),
        policy_role=whole.text("policy_role", ""),
        lifecycle=whole.texts("lifecycle", LIFECYCLE),
        people=tuple(sorted(_people(whole.part("people")), key=lambda person: person.name)),
        own_keys=whole.flag("own_keys"),
        signers=tuple(_signer(name, part) for name, part in sorted(whole.part("signers").items())),
        evidence={kind: _rule(part) for kind, part in whole.part("evidence").items()},
        loading=_loading(loading),
        levels=_levels(whole.part("levels")),
    )
    whole.close()
    return policy


def _word(part: Part, key: str, default: str | None = None) -> str:
    text = part.text(key, default)
    if text and not is_word(text):
        part.fault(f"is {text[:60]!r}, expected a word of small letters, digits, - and _", key)
    return text


def _people(part: Part) -> Iterable[Person]:
    seen: dict[str, str] = {}
    for name in part.content:
        roles = part.texts(name)
        if why := _odd(name) or _twin(name, seen):
            part.fault(why, name)
        if part.content[name] == []:
            part.fault("holds no role", name)
        for role in roles:
            if not is_word(role):
                part.fault(f"{role[:60]!r} is no role, expected a word of small letters, digits, - and _", name)
        yield Person(name, tuple(sorted(roles)))


def _signer(name: str, part: Part) -> Signer:
    since = part.moment("since")
    until = part.moment("until") if part.has("until") else None
    revoked = None
    if part.has("revoked"):
        inside = part.part("revoked")
        revoked = Revoked(inside.moment("at"), inside.choice("reason", (LEFT, COMPROMISE)))
        inside.close()
    signer = Signer(name, part.text("owner"), _public(part), tuple(sorted(part.texts("may"))), since, until, revoked)
    part.close()
    if _placeholder(signer.owner):
        part.fault(f"{TO_FILL}: write the name of {signer.owner[1:-1]} here, as under people", "owner")
    if why := _odd(name):
        part.fault(why)
    if not signer.may and part.has("may"):
        part.fault("is empty, expected what the key may sign", "may")
    return signer


def _public(part: Part) -> PublicKey:
    text = part.text("public")
    try:
        if text and not _placeholder(text):
            return PublicKey.of(text)
        if text:
            part.fault(f"{TO_FILL}: put what towpath keys show prints for its owner here", "public")
    except ValueError as error:
        part.fault(f"cannot be used: {error}", "public")
    return PublicKey(bytes(range(32)))  # stands in for it, in a policy that nobody will see


def _rule(part: Part) -> EvidenceRule:
    rule = EvidenceRule(part.number("valid_days", most=_LONGEST_DAYS), part.number("signatures", 1, most=_MOST_PEOPLE))
    part.close()
    return rule


def _loading(part: Part) -> Loading:
    loading = Loading(
        part.text("list", FOLLOW), tuple(sorted(part.texts("without", ()))), part.texts("formats", FORMATS)
    )
    part.text("effective", "")  # what it came to when it was written down; what counts is found anew
    part.close()
    if loading.list != FOLLOW and not _DIGEST.fullmatch(loading.list):
        part.fault(f"is {loading.list[:80]!r}, expected {FOLLOW}, or sha256: and 64 hex digits", "list")
    known = {str(type_) for type_ in estimators.PLATFORM.names}
    for name in loading.without:
        if name not in known:
            part.fault(f"{name[:120]!r} is not on the platform's list", "without")
    for format_ in loading.formats:
        if format_ not in FORMATS:
            part.fault(
                f"{format_[:60]!r} is no format that can be loaded, expected one of {', '.join(FORMATS)}", "formats"
            )
    if not loading.formats:
        part.fault(f"is empty, expected one of {', '.join(FORMATS)}", "formats")
    return loading


def _levels(part: Part) -> tuple[Level, ...]:
    seen: dict[str, str] = {}
    found = []
    for name, inside in part.items():
        if why := _twin(name, seen):
            inside.fault(why)
        if not is_word(name):
            inside.fault("is no name of a level, expected small letters, digits, - and _")
        if _MLFLOW_S.fullmatch(name):
            inside.fault("is a name that MLflow keeps for itself")
        found.append(_level(name, inside))
    if not part.content:
        part.fault("is empty, expected one level or more")
    return _lower_first(found)


def _level(name: str, part: Part) -> Level:
    approvals = part.part("approvals")
    level = Level(
        name,
        _gates(part.part("gates")),
        part.text("after", ""),
        part.text("stage"),
        tuple(Asked(role, approvals.number(role, most=_MOST_PEOPLE)) for role in sorted(approvals.content)),
        tuple(sorted(part.texts("distinct_from", (AUTHOR, REQUESTER)))),
        part.flag("signed_approvals", False),
        part.number("request_days", 14, most=_LONGEST_DAYS),
        part.number("review_days", 365, most=_LONGEST_DAYS),
    )
    part.close()
    for who in level.distinct_from:
        if who not in (AUTHOR, REQUESTER):
            part.fault(f"{who[:60]!r} is nobody, expected {AUTHOR}, {REQUESTER}", "distinct_from")
    return level


def _gates(part: Part) -> dict[str, Gate]:
    found = {}
    for name, inside in part.items():
        try:
            gate = _gate(name, gates.find(name), inside)
        except Misused as error:
            inside.fault(f"{error.message}, expected {error.hint}")
            continue
        if gate is not None:
            found[name] = gate
    return found


def _gate(name: str, kind: type[Gate], part: Part) -> Gate | None:
    """The gate with the settings that are given, and its own for the others; None where they do not fit.

    Raises: CouldNot for a gate whose settings cannot be told.
    """
    try:
        types = get_type_hints(kind)
    except Exception as error:  # somebody else's gate may name anything
        raise CouldNot(f"the settings of the gate {name} cannot be read: {error}") from error
    before, given = len(part.faults), {}
    for setting in (found for found in fields(kind) if found.init):
        value = part.content.get(setting.name)
        part.asked.add(setting.name)
        try:
            if value is not None:
                given[setting.name] = as_typed(value, types[setting.name])
            elif setting.default is MISSING and setting.default_factory is MISSING:
                part.fault("is missing", setting.name)
        except ValueError as error:
            part.fault(str(error), setting.name)
    part.close()
    try:
        return kind(**given) if len(part.faults) == before else None
    except ValueError as error:
        part.fault(f"cannot be set so: {error}")
        return None


def _lower_first(levels: Collection[Level]) -> tuple[Level, ...]:
    """Each after those that it names, and by name where that leaves a choice."""
    placed: list[Level] = []
    waiting = sorted(levels, key=lambda level: level.name)
    while waiting:
        names = {level.name for level in waiting}
        ready = next((level for level in waiting if level.after not in names), waiting[0])
        placed.append(ready)
        waiting.remove(ready)
    return tuple(placed)


def _placeholder(text: str) -> bool:
    return text.startswith("<") and text.endswith(">")


def _odd(name: str) -> str:
    """Why a person cannot be known, or a key called, by a name; empty if they can."""
    if _placeholder(name):
        return f"{TO_FILL}: write the name of {name[1:-1]} here, as the server knows it"
    if not name or len(name) > 200 or name != name.strip() or unicodedata.normalize("NFC", name) != name:
        return "is no name: empty, too long, with spaces around it, or written in an unusual form"
    if any(unicodedata.category(sign)[0] == "C" or (sign.isspace() and sign != " ") for sign in name):
        return "is no name: it has signs that nobody sees"
    return ""


def _twin(name: str, seen: dict[str, str]) -> str:
    """Whose name it could be taken for; notes it in `seen`."""
    first = seen.setdefault(folded(name), name)
    return "" if first == name else f"could be taken for {first!r}"

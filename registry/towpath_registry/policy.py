"""The policy: which levels there are, what each one asks, who may approve, whose evidence counts, what may be loaded.

It belongs to the registry, never to the model that it judges. `Policy.of` reads one from plain values, by the standard
library alone, and refuses whatever could not be meant.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from towpath_core import estimators
from towpath_core.clock import stamp
from towpath_core.errors import CouldNot, Misused
from towpath_registry import gates
from towpath_registry.gates import EvidenceRule, Gate
from towpath_registry.matching import unfilled
from towpath_registry.names import folded
from towpath_registry.nouns import LEVELS
from towpath_registry.plain_values import Faulty, Part, as_plain, as_typed

if TYPE_CHECKING:
    from towpath_registry.keys import PublicKey
    from towpath_registry.trust import Signer

# Who an approver must not be.
REQUESTER, AUTHOR = "requester", "author"
# What a signer may sign beside evidence: their own approvals.
APPROVAL = "approval"
# From the first experiment to the end; a level puts a version at one of the stages between the two.
FIRST, LAST = "proof_of_concept", "retired"
LIFECYCLE = (FIRST, "valid_solution", "production", LAST)
FORMATS = ("skops",)
FOLLOW = "platform"
# How a fault begins that the ready-made policies leave to their reader.
TO_FILL = "is still to be filled in"


@dataclass(frozen=True, slots=True)
class Asked:
    """So many approvals of different people in one role."""

    role: str
    count: int


@dataclass(frozen=True, slots=True)
class Level:
    """An alias that moves only through its gates; `after` names the level that a version must have stood at before.

    `distinct_from` says who an approver must not be. A request lives `request_days`; what stands at the level is to be
    looked at again after `review_days`.
    """

    name: str
    gates: Mapping[str, Gate]
    after: str = ""
    stage: str = LIFECYCLE[1]
    approvals: tuple[Asked, ...] = ()
    distinct_from: tuple[str, ...] = (AUTHOR, REQUESTER)
    signed_approvals: bool = False
    request_days: int = 14
    review_days: int = 365

    @property
    def places(self) -> list[str]:
        """The roles that are asked for, each as often as it is."""
        return [asked.role for asked in self.approvals for _ in range(asked.count)]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by the name that the server authenticates."""

    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Loading:
    """What may be loaded: the platform's list of types, as it was reviewed (a digest) or as it is, without some."""

    list: str = FOLLOW
    without: tuple[str, ...] = ()
    formats: tuple[str, ...] = FORMATS

    def types(self) -> estimators.Types:
        """None at all, and why, where the platform's list is not the one that was reviewed."""
        if "skops" not in self.formats:
            return estimators.Types(frozenset(), "empty: the policy allows no format that can be loaded")
        now = estimators.PLATFORM.digest
        if self.list not in (FOLLOW, now):
            return estimators.Types(frozenset(), f"{now[:19]}, and the policy was reviewed for {self.list[:19]}")
        return estimators.PLATFORM.without(self.without)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that is asked. With `own_keys` the keys that the ledger tells of are trusted, beside the signers.

    `policy_role` may set another policy; empty for anybody. `levels` stand in their order, the lower first.
    """

    name: str
    levels: tuple[Level, ...]
    version: int = 1
    people: tuple[Person, ...] = ()
    signers: tuple[Signer, ...] = ()
    own_keys: bool = False
    evidence: Mapping[str, EvidenceRule] = field(default_factory=dict)
    loading: Loading = field(default_factory=Loading)
    policy_role: str = ""
    lifecycle: tuple[str, ...] = LIFECYCLE

    @classmethod
    def of(cls, content: object) -> Policy:
        """From plain values, as `content` gives them. Raises: Faulty, which names the key of each fault."""
        whole = Part.whole(content)
        made = None if whole.faults else _policy(whole)
        if made and not whole.faults:
            _consistent(made, whole)
        if made is None or whole.faults:
            raise Faulty("the policy cannot be used", whole.faults)
        return made

    def level(self, name: str) -> Level:
        """Raise Misused for a level that the policy does not have."""
        found = [level for level in self.levels if level.name == name]
        if found:
            return found[0]
        raise Misused(f"there is no level {name!r}", hint=f"one of {', '.join(level.name for level in self.levels)}")

    def person(self, name: str) -> Person | None:
        return next((person for person in self.people if person.name == name), None)

    def holders(self, role: str) -> tuple[str, ...]:
        """The names of all who hold a role."""
        return tuple(person.name for person in self.people if role in person.roles)

    def stuck(self, level: Level) -> tuple[str, ...]:
        """Those for whose own requests there are not enough other people to say yes."""
        able = _able(level, self) if REQUESTER in level.distinct_from else {}
        others = {name: {other: roles for other, roles in able.items() if other != name} for name in able}
        return tuple(name for name in others if unfilled(level.places, others[name]))

    def stage_of(self, aliases: Collection[str], *, retired: bool = False) -> str:
        """Where in its life a version is: the furthest stage of the levels that point to it."""
        if retired:
            return self.lifecycle[-1]
        reached = [self.lifecycle.index(level.stage) for level in self.levels if level.name in aliases]
        return self.lifecycle[max(reached, default=0)]

    def content(self) -> dict[str, Any]:
        """All of it as plain values, every setting spelt out; `of` makes the same policy of it."""
        return {
            "name": self.name,
            "version": self.version,
            "policy_role": self.policy_role,
            "lifecycle": list(self.lifecycle),
            "people": {person.name: sorted(person.roles) for person in self.people},
            "own_keys": self.own_keys,
            "signers": {signer.name: _signer_content(signer) for signer in self.signers},
            "evidence": {kind: asdict(rule) for kind, rule in self.evidence.items()},
            "loading": {
                "list": self.loading.list,
                "without": sorted(self.loading.without),
                "formats": sorted(self.loading.formats),
                "effective": self.loading.types().digest,
            },
            "levels": {level.name: _level_content(level) for level in self.levels},
        }

    @property
    def canonical(self) -> bytes:
        """The content as the one JSON text that is kept and hashed."""
        return json.dumps(self.content(), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")

    @property
    def digest(self) -> str:
        """Changes with anything that is asked, and with the types that may be loaded; each decision carries it."""
        return f"sha256:{hashlib.sha256(self.canonical).hexdigest()}"


def solo() -> Policy:
    """The built-in policy, for one person at one machine; policies/solo.yaml is the same, with comments."""
    first, second = LEVELS
    asked = ("data-checks", "quality", "documentation")
    lower = ("data_checks", "quality", "provenance", "model_format", "documentation")
    upper = (*lower, "ownership", "scope")
    each = {name: gates.find(name)() for name in upper}
    return Policy(
        "solo",
        (
            Level(first, {name: each[name] for name in lower}, stage="valid_solution"),
            Level(second, each, after=first, stage="production"),
        ),
        own_keys=True,
        evidence={kind: EvidenceRule(valid_days=365, signatures=1) for kind in asked},
    )


def _signer_content(signer: Signer) -> dict[str, Any]:
    revoked = signer.revoked
    return {
        "owner": signer.owner,
        "public": signer.public.text,
        "may": sorted(signer.may),
        "since": stamp(signer.since),
        "until": stamp(signer.until) if signer.until else None,
        "revoked": {"at": stamp(revoked.at), "reason": revoked.reason} if revoked else None,
    }


def _level_content(level: Level) -> dict[str, Any]:
    return {
        "stage": level.stage,
        "after": level.after,
        "gates": {name: as_plain(asdict(gate)) for name, gate in level.gates.items()},
        "approvals": {asked.role: asked.count for asked in level.approvals},
        "distinct_from": sorted(level.distinct_from),
        "signed_approvals": level.signed_approvals,
        "request_days": level.request_days,
        "review_days": level.review_days,
    }


# Reading -------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,59}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST_DAYS, _MOST_PEOPLE = 36_500, 100
# MLflow keeps these for itself: models:/name@latest, models:/name@v1.
_MLFLOW_S = re.compile(r"latest|v[0-9]+")


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
    if text and not _WORD.fullmatch(text):
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
            if not _WORD.fullmatch(role):
                part.fault(f"{role[:60]!r} is no role, expected a word of small letters, digits, - and _", name)
        yield Person(name, tuple(sorted(roles)))


def _signer(name: str, part: Part) -> Signer:
    from towpath_registry.trust import COMPROMISE, LEFT, Revoked, Signer

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
    from towpath_registry.keys import PublicKey

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
        if not _WORD.fullmatch(name):
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


# What a value alone cannot show --------------------------------------------------------------------------------------


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


def _consistent(policy: Policy, whole: Part) -> None:
    for level in policy.levels:
        _check_level(level, policy, whole)
    _check_lifecycle(policy, whole)
    _check_signers(policy, whole)
    for kind, rule in policy.evidence.items():
        _check_rule(kind, rule, policy, whole)
    if policy.policy_role and not policy.holders(policy.policy_role):
        whole.fault(f"nobody holds the role {policy.policy_role!r}", "policy_role")
    if not policy.policy_role and any(level.approvals for level in policy.levels):
        whole.fault("is empty: anybody could set a policy without the approvals that this one asks for", "policy_role")


def _check_level(level: Level, policy: Policy, whole: Part) -> None:
    keys = ("levels", level.name)
    names = [other.name for other in policy.levels]
    if not level.gates:
        whole.fault("asks nothing, expected one gate or more", *keys, "gates")
    if level.after and level.after not in names:
        whole.fault(f"there is no level {level.after!r}", *keys, "after")
    elif _in_a_circle(level, policy):
        whole.fault(f"leads back to {level.name}: no version could ever stand there", *keys, "after")
    for name, gate in level.gates.items():
        kind = getattr(gate, "kind", None)
        if isinstance(kind, str) and kind not in policy.evidence:
            whole.fault(f"is missing, and the gate {name} of {level.name} asks for such evidence", "evidence", kind)
    _check_approvals(level, policy, whole)


def _in_a_circle(level: Level, policy: Policy) -> bool:
    after = {other.name: other.after for other in policy.levels}
    here, passed = level.after, set[str]()
    while here in after and here not in passed:
        if here == level.name:
            return True
        passed.add(here)
        here = after[here]
    return False


def _able(level: Level, policy: Policy) -> dict[str, tuple[str, ...]]:
    """In which roles each person can approve, if nobody bars them."""
    sign = {signer.owner for signer in policy.signers if APPROVAL in signer.may and not signer.revoked}
    return {p.name: p.roles for p in policy.people if not level.signed_approvals or p.name in sign}


def _check_approvals(level: Level, policy: Policy, whole: Part) -> None:
    keys = ("levels", level.name)
    if level.signed_approvals and not level.approvals:
        whole.fault("asks for signatures, but no approval is asked for", *keys, "signed_approvals")
    able = _able(level, policy)
    held = {role for roles in able.values() for role in roles}
    how = " and a key that may sign approvals" if level.signed_approvals else ""
    nobody = [asked.role for asked in level.approvals if asked.role not in held]
    for role in nobody:
        whole.fault(f"nobody holds this role{how}", *keys, "approvals", role)
    if not nobody and (empty := unfilled(level.places, able)):
        told = f"asks for {len(level.places)} different people, and there are not enough with the role{how}"
        whole.fault(f"{told}: {', '.join(dict.fromkeys(empty))}", *keys, "approvals")


def _check_lifecycle(policy: Policy, whole: Part) -> None:
    stages = policy.lifecycle
    if stages[:1] != (FIRST,) or stages[-1:] != (LAST,) or not all(_WORD.fullmatch(stage) for stage in stages):
        whole.fault(f"expected words in their order, from {FIRST} to {LAST}", "lifecycle")
        return
    for level in policy.levels:
        keys = ("levels", level.name, "stage")
        if level.stage not in stages[1:-1]:
            whole.fault(f"is {level.stage[:60]!r}, expected one of {', '.join(stages[1:-1])}", *keys)
            continue
        before = next((other for other in policy.levels if other.name == level.after), level)
        if before.stage in stages and stages.index(before.stage) > stages.index(level.stage):
            whole.fault(f"is {level.stage}, which comes before that of {before.name}", *keys)
    for stage in stages[1:-1]:
        if stage not in {level.stage for level in policy.levels}:
            whole.fault(f"no level leads to {stage}", "lifecycle")


def _check_signers(policy: Policy, whole: Part) -> None:
    if not policy.own_keys and not policy.signers:
        whole.fault("nobody is trusted to sign evidence: expected signers, or own_keys: true", "signers")
    if policy.own_keys and policy.signers:
        whole.fault("are not trusted beside own_keys: true, expected one or the other", "signers")
    seen: dict[str, str] = {}
    for signer in policy.signers:
        keys = ("signers", signer.name)
        if policy.person(signer.owner) is None:
            whole.fault(f"{signer.owner[:200]!r} is not among the people", *keys, "owner")
        first = seen.setdefault(signer.public.id, signer.name)
        if first != signer.name:
            whole.fault(f"is the key of {first!r}, too: a key stands once", *keys, "public")
        if signer.until is not None and signer.until <= signer.since:
            whole.fault("is not after since", *keys, "until")
        if signer.revoked is not None and signer.revoked.at < signer.since:
            whole.fault("is before since", *keys, "revoked", "at")
        for kind in signer.may:
            if kind != APPROVAL and kind not in policy.evidence:
                known = ", ".join([*policy.evidence, APPROVAL])
                whole.fault(f"{kind[:60]!r} is nothing that the policy knows, expected some of {known}", *keys, "may")


def _check_rule(kind: str, rule: EvidenceRule, policy: Policy, whole: Part) -> None:
    if not _WORD.fullmatch(kind):
        whole.fault("is no kind of evidence, expected a word of small letters, digits and -", "evidence", kind)
    owners = {signer.owner for signer in policy.signers if kind in signer.may and not signer.revoked}
    if not policy.own_keys and rule.signatures > len(owners):
        told = f"asks for {rule.signatures} different owners of keys, and {len(owners)} may sign {kind}"
        whole.fault(told, "evidence", kind, "signatures")

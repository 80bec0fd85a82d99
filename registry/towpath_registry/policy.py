"""The policy: which levels there are, what each one asks, who may approve, whose evidence counts, what may be loaded.

It belongs to the registry, never to the model that it judges.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from towpath_core import estimators
from towpath_core.clock import stamp
from towpath_core.errors import Misused
from towpath_registry import gates
from towpath_registry.gates import EvidenceRule, Gate
from towpath_registry.matching import unfilled
from towpath_registry.nouns import LEVELS
from towpath_registry.plain_values import as_plain

if TYPE_CHECKING:
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
    _digest: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, content: object) -> Policy:
        """From plain values, as `content` gives them. Raises: Faulty, which names the key of each fault."""
        from towpath_registry import policy_reading  # which is made of what stands here

        return policy_reading.read(content)

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

    def able(self, level: Level) -> dict[str, tuple[str, ...]]:
        """In which roles each person can approve, if nobody bars them."""
        sign = {signer.owner for signer in self.signers if APPROVAL in signer.may and not signer.revoked}
        return {p.name: p.roles for p in self.people if not level.signed_approvals or p.name in sign}

    def stuck(self, level: Level) -> tuple[str, ...]:
        """Those for whose own requests there are not enough other people to say yes."""
        able = self.able(level) if REQUESTER in level.distinct_from else {}
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
        if not self._digest:  # a decision asks five times, and nothing in it ever changes
            self._digest.append(f"sha256:{hashlib.sha256(self.canonical).hexdigest()}")
        return self._digest[0]


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

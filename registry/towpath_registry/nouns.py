"""What the registry talks about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from towpath_core.verdicts import Verdict

DIGEST = "towpath.digest"
MONITORING = "towpath.monitoring"
IMPORTED_FROM = "towpath.imported_from"
# The seven versions behind a model; each is the tag `towpath.<name>` of its version.
PROVENANCE = ("commit", "data", "params", "environment", "pipeline", "nomenclature", "threshold")

# The levels of the built-in policies, the lower first.
LEVELS = ("staging", "production")
WORKSPACE = "default"

# What a ledger entry can tell of.
REGISTERED = "registered"  # a version was made, with this evidence
REQUESTED = "requested"
APPROVED = "approved"
REJECTED = "rejected"
CANCELLED = "cancelled"
EXPIRED = "expired"
PROMOTED = "promoted"
ROLLED_BACK = "rolled_back"
RETIRED = "retired"
REFUSED = "refused"  # a gate or a guard said no
IMPORTED = "imported"  # found at a level when the registry came under towpath
POLICY_SET = "policy_set"
KEY_ADDED = "key_added"
KEY_REVOKED = "key_revoked"
# Those that put a version at a level; after the last of them it stands there, until it is retired.
MOVES = (PROMOTED, ROLLED_BACK, IMPORTED)
# Those that change an alias.
CHANGES = (*MOVES, RETIRED)
# Those that end a request.
ENDINGS = (REJECTED, CANCELLED, EXPIRED, *CHANGES)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One registered version. `digest` is what it was registered with; empty if it was registered without one."""

    name: str
    version: int
    created: datetime
    run_id: str
    source: str
    digest: str
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    description: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}/{self.version}"

    def provenance(self) -> dict[str, str]:
        """The seven versions, in their order; empty where the version does not say."""
        return {name: self.tags.get(f"towpath.{name}", "") for name in PROVENANCE}


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model: its newest version (None: there is none), and where its aliases point."""

    name: str
    latest: int | None
    updated: datetime
    aliases: Mapping[str, int]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's yes, in one role, to one request."""

    by: str
    role: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be recorded, and done if `event` changes an alias: `level` of `model` goes to `version`, or nowhere.

    `previous` is where the alias stood when the decision was made; if it stands elsewhere by then, nothing is done.
    """

    model: str
    event: str
    level: str
    version: int
    previous: int | None
    actor: str
    reason: str
    digest: str
    policy: str
    verdicts: tuple[Verdict, ...]
    request: str = ""
    approvals: tuple[Approval, ...] = ()
    evidence: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        return self.event in CHANGES


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A decision as it was recorded; `hash` covers every other field, and `prev` is the hash of the entry before.

    `evidence` are the SHA-256 digests of the envelopes that it relied on; `version` is 0 where there is none.
    """

    seq: int
    time: datetime
    model: str
    event: str
    level: str
    version: int
    previous: int | None
    actor: str
    reason: str
    digest: str
    policy: str
    verdicts: tuple[Verdict, ...]
    hash: str
    prev: str
    workspace: str = WORKSPACE
    request: str = ""
    approvals: tuple[Approval, ...] = ()
    evidence: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries about a model are asked for; an empty field asks for nothing. `newest` is how many, 0 for all."""

    events: tuple[str, ...] = ()
    level: str = ""
    version: int = 0
    request: str = ""
    newest: int = 0

    def wants(self, entry: LedgerEntry) -> bool:
        return (
            (not self.events or entry.event in self.events)
            and self.level in ("", entry.level)
            and self.version in (0, entry.version)
            and self.request in ("", entry.request)
        )

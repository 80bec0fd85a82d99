"""A request for one version, one level, one digest, as the ledger's entries about it tell it.

REQUESTED → APPROVED / REJECTED / CANCELLED / EXPIRED → APPLIED. The entries are the only place where a request lives.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from towpath_core.clock import from_stamp, stamp
from towpath_core.errors import Mismatch
from towpath_core.verdicts import Verdict
from towpath_registry import nouns
from towpath_registry.nouns import Approval, LedgerEntry, ModelVersion
from towpath_registry.policy import Asked

WAITING, READY, APPLIED = "requested", "approved", "applied"
_ENDS = {nouns.REJECTED: "rejected", nouns.CANCELLED: "cancelled", nouns.EXPIRED: "expired"}


@dataclass(frozen=True, slots=True)
class Promotion:
    """One request. `event` is what applying it will record; `expires` is None where a request lives for ever.

    `state` is `requested`, `approved` (by all who are asked), or how it ended. `missing` are the approvals that it
    lacks, and `waits_for` says so, and who can give them.
    """

    id: str
    event: str
    model: str
    version: int
    level: str
    previous: int | None
    digest: str
    policy: str
    requester: str
    reason: str
    requested: datetime
    expires: datetime | None
    state: str
    verdicts: tuple[Verdict, ...]
    evidence: tuple[str, ...]
    authors: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    ended_by: str = ""
    ended_reason: str = ""
    made: str = ""
    missing: tuple[Asked, ...] = ()
    waits_for: str = ""
    history: tuple[LedgerEntry, ...] = field(default=(), repr=False)

    @property
    def is_open(self) -> bool:
        return self.state in (WAITING, READY)

    @property
    def ref(self) -> str:
        return f"{self.model}/{self.version}"

    @property
    def move(self) -> str:
        """What it asks for, in a few words."""
        ways = {nouns.RETIRED: "away from", nouns.ROLLED_BACK: "back to"}
        return f"{self.ref} {ways.get(self.event, 'to')} {self.level}"

    def expired(self, now: datetime) -> bool:
        return self.expires is not None and now >= self.expires


def details(event: str, expires: datetime | None, authors: Sequence[str], version: ModelVersion) -> dict[str, str]:
    """What the entry of a request says beside what every entry says."""
    return {
        "event": event,
        "expires": stamp(expires) if expires else "",
        "authors": json.dumps(list(authors)),
        "made": made(version),
    }


def made(version: ModelVersion) -> str:
    """Tells a version from another one that took its number after it was deleted."""
    return f"{stamp(version.created)} {version.source}"


def folded(entries: Sequence[LedgerEntry]) -> Promotion:
    """The request that the entries with its id tell of, oldest first. Raises: Mismatch where they tell of none."""
    first = entries[0] if entries else None
    if first is None or first.event != nouns.REQUESTED:
        raise Mismatch("the ledger tells of a request that was never made", hint="towpath audit")
    try:
        until, authors = first.details["expires"], tuple(json.loads(first.details["authors"]))
        event = first.details["event"]
        expires = from_stamp(until) if until else None
    except (KeyError, ValueError, TypeError) as error:
        raise Mismatch(f"entry {first.seq} of the ledger is no request", hint="towpath audit") from error
    state, by, why = WAITING, "", ""
    approvals: list[Approval] = []
    for entry in entries[1:]:
        if entry.event == nouns.APPROVED:
            approvals.append(Approval(entry.actor, entry.details.get("role", ""), entry.time))
        elif entry.event in nouns.ENDINGS:
            state, by, why = _ENDS.get(entry.event, APPLIED), entry.actor, entry.reason
    return Promotion(
        id=first.request,
        event=event,
        model=first.model,
        version=first.version,
        level=first.level,
        previous=first.previous,
        digest=first.digest,
        policy=first.policy,
        requester=first.actor,
        reason=first.reason,
        requested=first.time,
        expires=expires,
        state=state,
        verdicts=first.verdicts,
        evidence=first.evidence,
        authors=authors,
        approvals=tuple(approvals),
        ended_by=by,
        ended_reason=why,
        made=first.details.get("made", ""),
        history=tuple(entries),
    )

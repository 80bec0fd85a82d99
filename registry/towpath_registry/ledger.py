"""The ledger: a chain of entries, each of which carries the hash of the one before.

`hash = SHA-256(0x00 || prev || body)`, where `body` is the entry's exact bytes. Changing, dropping, inserting or
reordering entries breaks the chain at a place that can be named. Whoever owns the whole store can rewrite the whole
chain; that shows only against a hash that was written down elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from towpath_core.clock import from_stamp, stamp
from towpath_core.errors import CouldNot, Mismatch
from towpath_core.verdicts import Verdict
from towpath_registry.nouns import CHANGES, RETIRED, ROLLED_BACK, WORKSPACE, Approval, Decision, LedgerEntry

GENESIS = bytes(32)
PATIENCE = timedelta(minutes=5)
_SCHEMA = 2
_ADDED = {"workspace": WORKSPACE, "request": "", "approvals": [], "evidence": [], "details": {}}  # since schema 1


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is stored."""

    seq: int
    body: bytes
    prev: bytes
    hash: bytes


def digest(prev: bytes, body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + prev + body).digest()


def next_link(head: Link | None, decision: Decision, now: datetime, workspace: str = WORKSPACE) -> Link:
    """The decision as the entry after `head`; its time is never before the head's.

    Raises: CouldNot when `now` is behind the head by more than a clock's usual error.
    """
    seq, prev = (head.seq + 1, head.hash) if head else (1, GENESIS)
    if head:
        last = from_stamp(json.loads(head.body)["time"])
        if last - now > PATIENCE:
            raise CouldNot(
                f"this machine's clock says {stamp(now)}, but the ledger's last entry is of {stamp(last)}",
                hint="set the clock, then run the same command again; if it is right, another's was ahead then",
            )
        now = max(now, last)
    body = _body(seq, decision, now, workspace)
    return Link(seq, body, prev, digest(prev, body))


def verify(links: Iterable[Link]) -> None:
    """Raise Mismatch at the first entry that is not what the one before says it must be."""
    prev, expected = GENESIS, 1
    for link in links:
        if link.seq != expected:
            raise _broken(expected, f"the next entry has number {link.seq}")
        if link.prev != prev:
            raise _broken(link.seq, "it does not follow the entry before")
        if digest(prev, link.body) != link.hash:
            raise _broken(link.seq, "its content was changed")
        prev, expected = link.hash, expected + 1


@functools.lru_cache(maxsize=1024)  # one decision reads the same entries several times
def entry(link: Link) -> LedgerEntry:
    """Raise Mismatch if the body is not one of ours."""
    try:
        said: dict[str, Any] = json.loads(link.body)
        schema = said.pop("schema")
        if schema not in (1, _SCHEMA) or said.pop("seq") != link.seq:
            raise ValueError("another schema or number")
        if schema == 1:
            said |= _ADDED
        moment, verdicts = from_stamp(said.pop("time")), tuple(Verdict(**v) for v in said.pop("verdicts"))
        approvals = tuple(Approval(a["by"], a["role"], from_stamp(a["time"])) for a in said.pop("approvals"))
        return LedgerEntry(
            seq=link.seq,
            time=moment,
            verdicts=verdicts,
            approvals=approvals,
            evidence=tuple(said.pop("evidence")),
            hash=link.hash.hex(),
            prev=link.prev.hex(),
            **said,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(link.seq, f"it cannot be read ({error})") from error


def standing(entries: Sequence[LedgerEntry], level: str) -> list[LedgerEntry]:
    """The moves that count at `level`, oldest first: the last one stands there now, a rollback goes to the one before.

    A rollback takes back what came after the version that it returns to, so that two in a row go two versions back.
    After a retirement nothing stands there, and there is nothing to go back to.
    """
    found: list[LedgerEntry] = []
    held: Counter[tuple[int, str]] = Counter()
    for move in entries:
        if move.level != level or move.event not in CHANGES:
            continue
        if move.event == RETIRED:
            found.clear()
            held.clear()
            continue
        what = _what(move)
        back = move.event == ROLLED_BACK and held[what] > 0
        while found and (_what(found[-1]) == what or back):
            last = _what(found.pop())
            held[last] -= 1
            back = back and last != what
        found.append(move)
        held[what] += 1
    return found


def _what(move: LedgerEntry) -> tuple[int, str]:
    return move.version, move.digest


def _body(seq: int, decision: Decision, now: datetime, workspace: str) -> bytes:
    verdicts = [
        {"gate": v.gate, "passed": v.passed, "subject": v.subject, "got": v.got, "expected": v.expected}
        for v in decision.verdicts
    ]
    content = {
        "schema": _SCHEMA,
        "seq": seq,
        "time": stamp(now),
        "model": decision.model,
        "event": decision.event,
        "level": decision.level,
        "version": decision.version,
        "previous": decision.previous,
        "actor": decision.actor,
        "reason": decision.reason,
        "digest": decision.digest,
        "policy": decision.policy,
        "verdicts": verdicts,
        "workspace": workspace,
        "request": decision.request,
        "approvals": [{"by": a.by, "role": a.role, "time": stamp(a.time)} for a in decision.approvals],
        "evidence": list(decision.evidence),
        "details": dict(decision.details),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


def _broken(seq: int, why: str) -> Mismatch:
    return Mismatch(
        f"the ledger was changed by other means than towpath: entry {seq}: {why}",
        hint="compare it with a backup; nothing can be promoted until it is whole",
    )

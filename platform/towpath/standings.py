"""Where a version stands, who put it there, and until when somebody should look at it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from towpath_core.clock import from_stamp, short, stamp
from towpath_core.errors import Mismatch
from towpath_registry.nouns import CHANGES, RETIRED, LedgerEntry, ModelVersion, Question

if TYPE_CHECKING:
    from towpath_registry.store import Register


@dataclass(frozen=True, slots=True)
class Standing:
    """A version at a level. `entry` is the move that put it there; None when the ledger tells of none."""

    model: str
    level: str
    version: int
    entry: LedgerEntry | None
    review_by: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        return self.review_by is not None and now >= self.review_by

    def content(self, now: datetime) -> dict[str, Any]:
        """For --json."""
        entry = self.entry
        return {
            "level": self.level,
            "since": stamp(entry.time) if entry else None,
            "by": entry.actor if entry else "",
            "event": entry.event if entry else "",
            "reason": entry.reason if entry else "",
            "ledger_entry": entry.seq if entry else None,
            "review_by": stamp(self.review_by) if self.review_by else None,
            "overdue": self.overdue(now),
        }

    def warning(self, now: datetime) -> str:
        """What is wrong with it, for people; empty if nothing is."""
        what = f"{self.level} of {self.model}"
        if self.entry is None:
            return f"Warning: {what} stands at {self.model}/{self.version}, which no entry of the ledger tells of."
        if self.review_by is not None and self.overdue(now):
            return f"Warning: {what} was to be looked at again by {short(self.review_by)}."
        return ""


def standing(register: Register, model: str, level: str, version: int) -> Standing:
    """What the ledger tells of a version that stands at a level. Raises: Mismatch for what cannot be read."""
    moves = register.ledger(model, Question(events=CHANGES, level=level, newest=1))
    if not moves or moves[-1].event == RETIRED or moves[-1].version != version:
        return Standing(model, level, version, None)
    until = moves[-1].details.get("review_by", "")
    try:
        return Standing(model, level, version, moves[-1], from_stamp(until) if until else None)
    except ValueError as error:
        raise Mismatch(
            f"entry {moves[-1].seq} of the ledger names no time for a review", hint="towpath audit"
        ) from error


def standings(register: Register, model: str, version: int, levels: Iterable[str]) -> tuple[Standing, ...]:
    return tuple(standing(register, model, level, version) for level in levels)


def retired(register: Register, version: ModelVersion) -> bool:
    """Whether the last that happened to the version's place was that it was taken away."""
    last = register.ledger(version.name, Question(events=CHANGES, version=version.version, newest=1))
    return bool(last) and last[0].event == RETIRED

"""`towpath history`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, table, with_console
from towpath_core.clock import short, stamp, utc_now
from towpath_core.errors import Misused, NotFound

if TYPE_CHECKING:
    from towpath_registry.nouns import Approval, LedgerEntry
    from towpath_registry.store import Store

_DAY = timedelta(days=1, microseconds=-1)
_WIDE = 100  # characters of a reason that the table shows; --json holds it all


@click.command("history")
@click.argument("model")
@click.option("--as-of", default="", metavar="DATE", help="What stood where then: 2026-03-31, or with a time, in UTC.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(0), help="So many newest entries; 0 for all."
)
@with_console
def command(console: Console, model: str, as_of: str, limit: int) -> None:
    """Show who moved what, when and why, what was asked for, approved and refused; the newest comes last.

    With --as-of: which version stood at each level at the end of that day, since when, who put it there, and who had
    approved it. Each entry that is shown is verified, with --as-of and --limit 0 the whole ledger: one that was changed
    by other means gives exit code 5.

    \b
    towpath history occupation-coder
    towpath history occupation-coder --as-of 2026-03-31
    towpath history occupation-coder --limit 0 --json
    """
    from towpath_core.refs import check_name
    from towpath_registry.nouns import Question
    from towpath_registry.store import open_store

    moment = _moment(as_of, utc_now()) if as_of else None
    store = open_store(os.environ)
    check_name(model)
    if moment:
        console.result(*_as_of(model, moment, store.ledger(model)))
        return
    found = store.ledger(model, Question(newest=limit + 1) if limit else None)
    entries = found[-limit:]
    past = _moved_past(store, model, entries)
    more = len(found) > len(entries)
    content = {
        "model": model,
        "entries": [_content(entry) for entry in entries],
        "earlier_entries": more,
        "moved_past_the_ledger": past,
    }
    earlier = [f"Earlier entries are not shown: towpath history {model} --limit 0"] if more else []
    console.result(content, "\n".join([*earlier, _text(model, entries), *_notes(model, past)]))


def _moment(text: str, now: datetime) -> datetime:
    """The end of a day, or a time, in UTC. Raises: Misused for what is neither, and for what is yet to come."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misused(f"{text!r} is no day and no time", hint="write 2026-03-31, or 2026-03-31T14:05") from error
    begins = said.astimezone(UTC) if said.tzinfo else said.replace(tzinfo=UTC)
    if begins > now:
        raise Misused(f"{text} is yet to come", hint="towpath show tells what stands where now")
    return min(begins + _DAY, now) if len(text) == len("2026-03-31") else begins


def _as_of(model: str, moment: datetime, entries: list[LedgerEntry]) -> tuple[dict[str, Any], str]:
    """What stood at each level, as JSON and as text. Raises: NotFound where the ledger does not reach back so far."""
    from towpath_registry.nouns import CHANGES, RETIRED

    known = [entry for entry in entries if entry.time <= moment]
    if not known:
        first = f"its first entry is of {short(entries[0].time)}" if entries else "nothing has happened to it"
        raise NotFound(
            f"the ledger knows nothing of {model} as of {short(moment)}: {first}", hint=f"towpath history {model}"
        )
    last = {entry.level: entry for entry in known if entry.event in CHANGES}
    levels = {level: None if move.event == RETIRED else move for level, move in last.items()}
    content = {
        "model": model,
        "as_of": stamp(moment),
        "levels": {level: _content(move) if move else None for level, move in levels.items()},
    }
    rows = [
        (
            level,
            None if move.event == RETIRED else move.version,
            short(move.time),
            f"{move.event.replace('_', ' ')} by {move.actor}",
            _people(move.approvals) or None,
            move.seq,
            move.reason or None,
        )
        for level, move in last.items()
    ]
    head = ("level", "version", "since", "how", "approved by", "entry", "why")
    said = table(head, rows) if rows else "No version stood at any level."
    return content, f"{model} as of {short(moment)}\n\n{said}"


def _moved_past(store: Store, model: str, entries: list[LedgerEntry]) -> dict[str, int | None]:
    """Levels that stand elsewhere than the ledger says, with the version that stands there."""
    from towpath_core.refs import ModelRef
    from towpath_registry.nouns import CHANGES, LEVELS, RETIRED, Question

    told: dict[str, int] = {}
    stands: dict[str, int] = {}
    levels = dict.fromkeys([*LEVELS, *(entry.level for entry in entries if entry.event in CHANGES)])
    for level in levels:
        last = store.ledger(model, Question(events=CHANGES, level=level, newest=1))
        told |= {level: last[0].version} if last and last[0].event != RETIRED else {}
        with contextlib.suppress(NotFound):
            stands[level] = store.version(ModelRef(model, alias=level)).version
    if not stands and told and model not in [summary.name for summary in store.models()]:
        return {}  # a deleted model's history stays
    return {level: stands.get(level) for level in levels if stands.get(level) != told.get(level)}


def _notes(model: str, past: dict[str, int | None]) -> list[str]:
    said = {level: f"stands at {model}/{version}" if version else "was removed" for level, version in past.items()}
    return [
        f"\nNote: {level} {what}, which no entry tells of: it was moved past towpath." for level, what in said.items()
    ]


def _content(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "time": stamp(entry.time),
        "event": entry.event,
        "level": entry.level,
        "version": entry.version,
        "previous": entry.previous,
        "actor": entry.actor,
        "reason": entry.reason,
        "digest": entry.digest,
        "policy": entry.policy,
        "verdicts": [asdict(v) for v in entry.verdicts],
        "request": entry.request,
        "approvals": [{"by": a.by, "role": a.role, "time": stamp(a.time)} for a in entry.approvals],
        "evidence": list(entry.evidence),
        "details": dict(entry.details),
        "hash": entry.hash,
        "prev": entry.prev,
    }


def _text(model: str, entries: list[LedgerEntry]) -> str:
    if not entries:
        return f"Nothing has happened to {model} yet.\nNext: towpath show {model}"
    rows = [
        (
            e.seq,
            short(e.time),
            e.event.replace("_", " "),
            e.level or None,
            e.version or None,
            e.previous,
            e.actor,
            _why(e),
        )
        for e in entries
    ]
    return table(("entry", "time", "event", "level", "version", "before", "by", "why"), rows)


def _why(entry: LedgerEntry) -> str | None:
    """What the entry belongs to and who agreed, then the first gate that refused; last, in quotes, what a person wrote.

    Only what a person wrote, or a gate said, is cut when it is long.
    """
    from towpath_registry.nouns import APPROVED, REGISTERED

    failed = [f"{verdict.gate}: {verdict.reason}" for verdict in entry.verdicts if not verdict.passed]
    role = entry.details.get("role", "") if entry.event == APPROVED else ""
    people = _people(entry.approvals) if entry.event != APPROVED else ""
    parts = [
        f"as {_words(role)}" if role else "",
        f"request {entry.request}" if entry.request else "",
        f"approved by {people}" if people else "",
        f"{len(entry.evidence)} statements of evidence" if entry.event == REGISTERED and entry.evidence else "",
        *map(_short, failed[:1]),
        f"“{_short(entry.reason)}”" if entry.reason else "",
    ]
    return "; ".join(part for part in parts if part) or None


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _people(approvals: Sequence[Approval]) -> str:
    return ", ".join(f"{a.by} ({_words(a.role)})" if a.role else a.by for a in approvals)


def _words(role: str) -> str:
    return role.replace("_", " ")

"""`towpath history`."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from towpath.console import Console, table, with_console
from towpath_core.clock import short, stamp

if TYPE_CHECKING:
    from towpath_registry.nouns import LedgerEntry
    from towpath_registry.store import ModelStore

_WIDE = 90  # characters of a reason that the table shows; --json holds it all


@click.command("history")
@click.argument("model")
@with_console
def command(console: Console, model: str) -> None:
    """Show who moved what, when and why, and what was refused; the newest comes last.

    Reads the ledger and verifies its chain first: a ledger that was changed by other means gives exit code 5.

    \b
    towpath history occupation-coder
    towpath history occupation-coder --json
    """
    from towpath_core.refs import check_name
    from towpath_registry.store import open_store

    store = open_store(os.environ)
    entries = store.ledger(check_name(model))
    past = _moved_past(store, model, entries)
    content = {"model": model, "entries": [_content(entry) for entry in entries], "moved_past_the_ledger": past}
    console.result(content, "\n".join([_text(model, entries), *_notes(model, past)]))


def _moved_past(store: ModelStore, model: str, entries: list[LedgerEntry]) -> dict[str, int | None]:
    """Levels that stand elsewhere than the ledger says, with the version that stands there."""
    from towpath_core.errors import NotFound
    from towpath_registry.ledger import standing
    from towpath_registry.nouns import LEVELS

    try:
        stands = {alias: version.version for version in store.versions(model) for alias in version.aliases}
    except NotFound:  # a deleted model's history stays
        return {}
    told = {level: moves[-1].version for level in LEVELS if (moves := standing(entries, level))}
    return {level: stands.get(level) for level in LEVELS if stands.get(level) != told.get(level)}


def _notes(model: str, past: dict[str, int | None]) -> list[str]:
    said = {level: f"stands at {model}/{version}" if version else "was removed" for level, version in past.items()}
    return [
        f"\nNote: {level} {what}, which no entry tells of: it was moved past towpath." for level, what in said.items()
    ]


def _content(entry: LedgerEntry) -> dict[str, object]:
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
        "hash": entry.hash,
        "prev": entry.prev,
    }


def _text(model: str, entries: list[LedgerEntry]) -> str:
    if not entries:
        return f"Nothing has happened to {model} yet.\nNext: towpath show {model}"
    rows = [
        (e.seq, short(e.time), e.event.replace("_", " "), e.level, e.version, e.previous, e.actor, _why(e))
        for e in entries
    ]
    return table(("entry", "time", "event", "level", "version", "before", "by", "why"), rows)


def _why(entry: LedgerEntry) -> str | None:
    failed = [f"{verdict.gate}: {verdict.reason}" for verdict in entry.verdicts if not verdict.passed]
    told = "; ".join([*([entry.reason] if entry.reason else []), *failed[:1]])
    return (told if len(told) <= _WIDE else f"{told[: _WIDE - 1]}…") or None

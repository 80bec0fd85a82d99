"""`towpath history`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from towpath.console import Console, table, with_console
from towpath_core.clock import short, stamp

if TYPE_CHECKING:
    from towpath_registry.nouns import LedgerEntry


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

    entries = open_store(os.environ).ledger(check_name(model))
    console.result({"model": model, "entries": [_content(entry) for entry in entries]}, _text(model, entries))


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
        "verdicts": [
            {"gate": v.gate, "passed": v.passed, "subject": v.subject, "got": v.got, "expected": v.expected}
            for v in entry.verdicts
        ],
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
    return "; ".join([*([entry.reason] if entry.reason else []), *failed[:1]]) or None

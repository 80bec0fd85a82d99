"""What `towpath promote` and `towpath rollback` share: show the plan, ask, do it, say what came of it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, mark, table
from towpath_core.errors import Misused
from towpath_registry.actor import actor
from towpath_registry.nouns import ROLLED_BACK
from towpath_registry.promotion import apply

_WIDTH = 48

if TYPE_CHECKING:
    from towpath_core.verdicts import Verdict
    from towpath_registry.nouns import LedgerEntry
    from towpath_registry.promotion import Plan
    from towpath_registry.store import ModelStore


def settle(
    console: Console, store: ModelStore, plan: Plan, reason: str, *, dry_run: bool, yes: bool, verbose: bool
) -> int:
    """Do what the plan says as far as it may be done; the exit code. `verbose` shows every verdict.

    Raises: Misused without a terminal to ask and without `yes`.
    """
    if plan.done or dry_run:
        console.result(content(plan, None), text(plan, _outcome(plan, None), verbose=verbose))
        return 0 if plan.allowed else 1
    if plan.allowed and not yes and not _asked(plan, verbose):
        console.say("Nothing was changed.")
        return 1
    entry = apply(store, plan, actor(os.environ), reason)
    outcome = _outcome(plan, entry)
    console.result(content(plan, entry), text(plan, outcome, verbose=verbose) if yes or not plan.allowed else outcome)
    return 0 if plan.allowed else 1


def _asked(plan: Plan, verbose: bool) -> bool:
    if not sys.stdin.isatty():
        raise Misused("there is no terminal to ask on", hint="look with --dry-run, then say yes with -y")
    click.echo(text(plan, verbose=verbose), err=True)
    return click.confirm("\nDo it?", err=True)


def content(plan: Plan, entry: LedgerEntry | None) -> dict[str, Any]:
    """For --json; `entry` is the ledger's, None when nothing was recorded."""
    return {
        "plan": plan.id,
        "model": plan.version.name,
        "version": plan.version.version,
        "level": plan.level,
        "from": plan.stands,
        "event": plan.event,
        "digest": plan.version.digest,
        "policy": plan.policy,
        "allowed": plan.allowed,
        "already_there": plan.done,
        "moved": entry is not None and plan.allowed,
        "ledger_entry": entry.seq if entry else None,
        "verdicts": [asdict(v) for v in plan.verdicts],
    }


def text(plan: Plan, end: str = "", *, verbose: bool = False) -> str:
    """The plan for a person: what changes, what each gate says, and how it ended.

    A gate with several verdicts is one line, and one more for each that failed; with `verbose` every verdict is one.
    """
    if plan.done:
        return f"{plan.version.ref} is at {plan.level} already; nothing to do."
    stands = f"{plan.version.name}/{plan.stands}" if plan.stands else "no version"
    verb = "Roll back" if plan.event == ROLLED_BACK else "Promote"
    what = f"{verb} {plan.level} of {plan.version.name}: from {stands} to {plan.version.ref}"
    rows = [row for gate in dict.fromkeys(v.gate for v in plan.verdicts) for row in _rows(gate, plan, verbose)]
    verdicts = table(("gate", "verdict", "subject", "got", "expected"), rows)
    return "\n".join([what, f"plan {plan.id}", "", verdicts, *(["", end] if end else [])])


def _rows(gate: str, plan: Plan, verbose: bool) -> list[tuple[str, ...]]:
    said = [verdict for verdict in plan.verdicts if verdict.gate == gate]
    whole = verbose or len(said) == 1
    shown = said if whole else [verdict for verdict in said if not verdict.passed]
    rows: list[tuple[str, ...]]
    rows = [(gate, mark(verdict.passed), verdict.subject, *_cells(verdict)) for verdict in shown]
    if whole:
        return rows
    held = len(said) - len(shown)
    return [(gate, mark(not shown), f"{len(said)} verdicts", f"{held} hold", f"all {len(said)}"), *rows]


def _cells(verdict: Verdict) -> tuple[str, str]:
    """Got and expected; those of a pass are cut to what a line holds, those of a refusal stand in full."""
    width = _WIDTH if verdict.passed else sys.maxsize
    got, expected = (
        text if len(text) <= width else f"{text[: width - 1]}…" for text in (verdict.got, verdict.expected)
    )
    return got, expected


def _outcome(plan: Plan, entry: LedgerEntry | None) -> str:
    ref, level = plan.version.ref, plan.level
    if plan.allowed:
        if entry is None:
            return "Every gate agrees. Nothing was changed (--dry-run)."
        return f"Done: {ref} is at {level}. Ledger entry {entry.seq}, by {entry.actor}.\n{_next(plan)}"
    recorded = f" The refusal is ledger entry {entry.seq}." if entry else ""
    failed = [f"  {verdict.gate}: {verdict.reason}" for verdict in plan.verdicts if not verdict.passed]
    return clean("\n".join([f"Refused: {ref} does not move to {level}.{recorded}", *failed]))


def _next(plan: Plan) -> str:
    if plan.event == ROLLED_BACK or plan.level == "production":
        return f"Next: towpath build {plan.version.name}@{plan.level}"
    return f"Next: towpath promote {plan.version.ref} --to production"

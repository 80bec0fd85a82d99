"""What the commands that move a model share: show the plan, ask, do it or ask others, say what came of it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, mark, one_line, table
from towpath_core.clock import short, stamp
from towpath_core.errors import Misused
from towpath_registry.actor import actor
from towpath_registry.nouns import RETIRED, ROLLED_BACK
from towpath_registry.requests import APPLIED, READY, Promotion

_WIDTH = 48
PENDING = 4  # the exit code where others must agree first

if TYPE_CHECKING:
    from towpath_core.verdicts import Verdict
    from towpath_registry.governing import Desk
    from towpath_registry.nouns import LedgerEntry
    from towpath_registry.plans import Plan


def settle(console: Console, desk: Desk, plan: Plan, reason: str, *, dry_run: bool, yes: bool, verbose: bool) -> int:
    """Do what the plan says as far as it may be done; the exit code. `verbose` shows every verdict.

    Raises: Misused without a terminal to ask and without `yes`.
    """
    if plan.done or dry_run:
        console.result(content(plan, None), text(plan, _untouched(plan), verbose=verbose))
        return 0 if plan.allowed else 1
    if plan.allowed and not yes and not _asked(plan, verbose):
        console.say("Nothing was changed.")
        return 1
    came = desk.settle(plan, actor(os.environ), reason)
    outcome = standing(came) if isinstance(came, Promotion) else _outcome(plan, came)
    console.result(content(plan, came), text(plan, outcome, verbose=verbose) if yes or not plan.allowed else outcome)
    if isinstance(came, Promotion):
        return PENDING
    return 0 if plan.allowed else 1


def tell(console: Console, promotion: Promotion) -> int:
    """Show a request after something was said to it; the exit code, 4 while it waits."""
    console.result({"request": request_content(promotion)}, standing(promotion))
    return PENDING if promotion.is_open and promotion.missing else 0


def done(console: Console, promotion: Promotion, entry: LedgerEntry) -> int:
    """Show what came of a request that was applied."""
    told = f"Done: {entry.model}/{entry.version} {_came_to(entry.event, entry.level)}. Ledger entry {entry.seq}."
    following = "" if entry.event == RETIRED else f"\n{_next(entry.model, entry.version, entry.level, entry.event)}"
    applied = {**request_content(promotion), "state": APPLIED, "ledger_entry": entry.seq}
    console.result({"request": applied}, told + following)
    return 0


def _asked(plan: Plan, verbose: bool) -> bool:
    if not sys.stdin.isatty():
        raise Misused("there is no terminal to ask on", hint="look with --dry-run, then say yes with -y")
    click.echo(text(plan, verbose=verbose), err=True)
    question = "\nAsk for the approvals?" if plan.asked else "\nDo it?"
    return click.confirm(question, err=True)


def content(plan: Plan, came: LedgerEntry | Promotion | None) -> dict[str, Any]:
    """For --json; `came` is None when nothing was recorded."""
    request = came if isinstance(came, Promotion) else None
    entry = None if isinstance(came, Promotion) else came
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
        "approvals_asked": [asdict(asked) for asked in plan.asked],
        "request": request_content(request) if request else None,
        "verdicts": [asdict(v) for v in plan.verdicts],
    }


def request_content(promotion: Promotion) -> dict[str, Any]:
    """A request for --json."""
    return {
        "id": promotion.id,
        "state": promotion.state,
        "event": promotion.event,
        "model": promotion.model,
        "version": promotion.version,
        "level": promotion.level,
        "from": promotion.previous,
        "digest": promotion.digest,
        "policy": promotion.policy,
        "requester": promotion.requester,
        "reason": promotion.reason,
        "requested": stamp(promotion.requested),
        "expires": stamp(promotion.expires) if promotion.expires else None,
        "authors": list(promotion.authors),
        "approvals": [{"by": a.by, "role": a.role, "time": stamp(a.time)} for a in promotion.approvals],
        "missing": [asdict(asked) for asked in promotion.missing],
        "waits_for": promotion.waits_for,
        "ended_by": promotion.ended_by,
        "ended_reason": promotion.ended_reason,
        "verdicts": [asdict(v) for v in promotion.verdicts],
    }


def text(plan: Plan, end: str = "", *, verbose: bool = False) -> str:
    """The plan for a person: what changes, what each gate says, whose approval is asked for, and how it ended.

    A gate with several verdicts is one line, and one more for each that failed; with `verbose` every verdict is one.
    """
    if plan.done:
        return f"{plan.version.ref} is at {plan.level} already; nothing to do."
    head = f"{what(plan.event, plan.version.name, plan.version.version, plan.level, plan.stands)}\nplan {plan.id}"
    asked = " and ".join(f"{a.count} × {a.role}" for a in plan.asked)
    whose = [f"\nApprovals asked for: {asked}"] if asked else []
    return "\n".join([head, "", verdict_table(plan.verdicts, verbose=verbose), *whose, *(["", end] if end else [])])


def what(event: str, model: str, version: int, level: str, stands: int | None) -> str:
    """The move in one line."""
    if event == RETIRED:
        return f"Retire {model}/{version} from {level}: nothing will stand there"
    before = f"{model}/{stands}" if stands else "no version"
    verb = "Roll back" if event == ROLLED_BACK else "Promote"
    return f"{verb} {level} of {model}: from {before} to {model}/{version}"


def verdict_table(verdicts: tuple[Verdict, ...], *, verbose: bool) -> str:
    rows = [row for gate in dict.fromkeys(v.gate for v in verdicts) for row in _rows(gate, verdicts, verbose)]
    return table(("gate", "verdict", "subject", "got", "expected"), rows)


def _rows(gate: str, verdicts: tuple[Verdict, ...], verbose: bool) -> list[tuple[str, ...]]:
    said = [verdict for verdict in verdicts if verdict.gate == gate]
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


def _untouched(plan: Plan) -> str:
    if not plan.allowed:
        return _refusal(plan, None)
    then = "It would be asked for, and wait for approval" if plan.asked else "Nothing was changed"
    return f"Every gate agrees. {then} (--dry-run)."


def _outcome(plan: Plan, entry: LedgerEntry) -> str:
    if not plan.allowed:
        return _refusal(plan, entry)
    told = f"Done: {plan.version.ref} {_came_to(plan.event, plan.level)}. Ledger entry {entry.seq}, by {entry.actor}."
    if plan.event == RETIRED:
        return told
    return f"{told}\n{_next(plan.version.name, plan.version.version, plan.level, plan.event)}"


def _refusal(plan: Plan, entry: LedgerEntry | None) -> str:
    recorded = f" The refusal is ledger entry {entry.seq}." if entry else ""
    failed = [f"  {verdict.gate}: {verdict.reason}" for verdict in plan.verdicts if not verdict.passed]
    return clean("\n".join([f"Refused: {plan.version.ref} does not move to {plan.level}.{recorded}", *failed]))


def standing(promotion: Promotion) -> str:
    """How a request stands, and the next step."""
    head = f"Request {promotion.id}, {promotion.move}"
    if promotion.state == READY:
        return f"{head}: approved by all who are asked.\nNext: towpath promote --apply {promotion.id}"
    if promotion.is_open:
        until = f" It is open until {short(promotion.expires)}." if promotion.expires else ""
        return f"{head}: {promotion.waits_for}.{until}\nNext: towpath approve {promotion.id} (as one of them)"
    why = f": {promotion.ended_reason}" if promotion.ended_reason else ""
    by = f" by {promotion.ended_by}" if promotion.ended_by else ""
    return one_line(f"{head}: {promotion.state}{by}{why}.")


def _came_to(event: str, level: str) -> str:
    return f"no longer stands at {level}" if event == RETIRED else f"is at {level}"


def _next(model: str, version: int, level: str, event: str) -> str:
    if event == ROLLED_BACK or level == "production":
        return f"Next: towpath build {model}@{level}"
    return f"Next: towpath promote {model}/{version} --to production"

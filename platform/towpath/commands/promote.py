"""`towpath promote`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused


@click.command("promote")
@click.argument("ref", metavar="MODEL/VERSION", required=False)
@click.option("--to", "level", metavar="LEVEL", help="The level to move it to: staging, production.")
@click.option("--apply", "request", metavar="REQUEST", help="Do what an approved request asks.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the verdicts; change and record nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@click.option("-v", "--verbose", is_flag=True, help="Every verdict, not one line for each gate.")
@with_console
def command(
    console: Console,
    ref: str | None,
    level: str | None,
    request: str | None,
    dry_run: bool,
    yes: bool,
    verbose: bool,
    reason: str,
) -> int:
    """Move a version to a level, if its gates agree and those who are asked approve.

    Shows what would change and what each gate says: the data checks, the quality against limits and baseline, the
    provenance, the model's format, the model card. If one refuses, nothing moves, the refusal is recorded, and the exit
    code is 1. If all agree and the policy asks for nobody's approval, the MLflow alias moves and the ledger gains an
    entry, both or neither. If it does ask, a request is made, and the exit code is 4 until it is approved and applied.

    \b
    towpath promote occupation-coder/1 --to staging
    towpath promote occupation-coder@staging --to production -y --reason "quarterly release"
    towpath promote --apply 3f2a9c0d1b7e
    """
    from towpath import promoting
    from towpath_core.refs import ModelRef
    from towpath_registry.actor import actor
    from towpath_registry.governing import desk

    if (request is None) == (ref is None) or (ref is None) != (level is None):
        raise Misused(
            "promote what, to where?",
            hint="towpath promote MODEL/VERSION --to LEVEL, or towpath promote --apply REQUEST",
        )
    registry = desk(os.environ)
    if request is not None:
        entry = registry.apply(request, actor(os.environ), reason)
        return promoting.done(console, registry.promotion(request), entry)
    plan = registry.plan(ModelRef.parse(ref or ""), level or "")
    return promoting.settle(console, registry, plan, reason, dry_run=dry_run, yes=yes, verbose=verbose)

"""`towpath rollback`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused


@click.command("rollback")
@click.argument("model")
@click.option("--to-previous", is_flag=True, help="To the version that stood there before, as the ledger tells it.")
@click.option("--level", default="production", show_default=True, metavar="LEVEL", help="The level to roll back.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the verdicts; change and record nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@click.option("-v", "--verbose", is_flag=True, help="Every verdict, not one line for each gate.")
@with_console
def command(
    console: Console, model: str, to_previous: bool, level: str, dry_run: bool, yes: bool, verbose: bool, reason: str
) -> int:
    """Put the version back that stood at a level before.

    A rollback is a promotion of an earlier version: the same gates judge it, its evidence as of the day on which it was
    put there, the same people approve it, and the ledger tells of it. Two rollbacks go two versions back.

    \b
    towpath rollback occupation-coder --to-previous
    towpath rollback occupation-coder --to-previous --level staging -y --reason "too many wrong codes"
    """
    from towpath.promoting import settle
    from towpath_core.refs import check_name
    from towpath_registry.governing import desk

    if not to_previous:
        raise Misused("rollback to which version?", hint=f"towpath rollback {model} --to-previous")
    registry = desk(os.environ)
    plan = registry.plan_rollback(check_name(model), level)
    return settle(console, registry, plan, reason, dry_run=dry_run, yes=yes, verbose=verbose)

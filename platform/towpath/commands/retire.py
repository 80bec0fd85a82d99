"""`towpath retire`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("retire")
@click.argument("model")
@click.option("--level", default="production", show_default=True, metavar="LEVEL", help="The level to take it from.")
@click.option("--dry-run", is_flag=True, help="Show what would change; change and record nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the ledger.")
@with_console
def command(console: Console, model: str, level: str, dry_run: bool, yes: bool, reason: str) -> int:
    """Take a model away from a level; nothing stands there afterwards.

    The version, its evidence and its history stay. Where the policy asks for approvals, retiring asks for them too.

    \b
    towpath retire occupation-coder --reason "replaced by the new nomenclature's model"
    towpath retire occupation-coder --level staging -y --reason "not pursued"
    """
    from towpath.promoting import settle
    from towpath_core.refs import check_name
    from towpath_registry.governing import desk

    registry = desk(os.environ)
    plan = registry.plan_retirement(check_name(model), level)
    return settle(console, registry, plan, reason, dry_run=dry_run, yes=yes, verbose=False)

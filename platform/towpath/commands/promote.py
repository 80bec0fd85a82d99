"""`towpath promote`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("promote")
@click.argument("ref", metavar="MODEL/VERSION")
@click.option("--to", "level", required=True, metavar="LEVEL", help="The level to move it to: staging, production.")
@click.option("--dry-run", is_flag=True, help="Show the plan and the verdicts; change and record nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@click.option("-v", "--verbose", is_flag=True, help="Every verdict, not one line for each gate.")
@with_console
def command(console: Console, ref: str, level: str, dry_run: bool, yes: bool, verbose: bool, reason: str) -> int:
    """Move a version to a level, if its gates agree.

    Shows what would change and what each gate says: the data checks, the quality against limits and baseline, the
    provenance, the model's format, the model card. If all agree, the MLflow alias moves and the ledger gains an entry,
    both or neither. If one refuses, nothing moves, the refusal is recorded, and the exit code is 1.

    \b
    towpath promote occupation-coder/1 --to staging
    towpath promote occupation-coder@staging --to production -y --reason "quarterly release"
    """
    from towpath.promoting import settle
    from towpath_core.refs import ModelRef
    from towpath_registry.policy import solo
    from towpath_registry.promotion import plan
    from towpath_registry.store import open_store

    store = open_store(os.environ)
    made = plan(store, ModelRef.parse(ref), level, solo())
    return settle(console, store, made, reason, dry_run=dry_run, yes=yes, verbose=verbose)

"""`towpath cancel`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("cancel")
@click.argument("request")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@with_console
def command(console: Console, request: str, reason: str) -> None:
    """Take back a request that you made.

    \b
    towpath cancel 3f2a9c0d1b7e --reason "a newer version is ready"
    """
    from towpath import promoting
    from towpath_registry.actor import actor
    from towpath_registry.governing import desk

    promoting.tell(console, desk(os.environ).cancel(request, actor(os.environ), reason))

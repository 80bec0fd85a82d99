"""`towpath reject`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("reject")
@click.argument("request")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever asked, and for the ledger.")
@with_console
def command(console: Console, request: str, reason: str) -> None:
    """Say no to a request; that ends it.

    Whoever may approve it may reject it. The same version can be asked for again.

    \b
    towpath reject 3f2a9c0d1b7e --reason "accuracy of division 9 is too low"
    """
    from towpath import promoting
    from towpath_registry.actor import actor
    from towpath_registry.governing import desk

    promoting.tell(console, desk(os.environ).reject(request, actor(os.environ), reason))

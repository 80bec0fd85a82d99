"""`towpath approve`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("approve")
@click.argument("request")
@click.option("--as", "role", default="", metavar="ROLE", help="The role to approve in, if you have several.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@with_console
def command(console: Console, request: str, role: str, reason: str) -> int:
    """Say yes to a request.

    Who may approve is the policy's to say: somebody with a role that the level asks for, who neither asked for it nor
    made the model. Where the policy wants it signed, it is signed with your own key. The exit code is 4 while others
    are still to approve; nothing moves before it is applied.

    \b
    towpath approve 3f2a9c0d1b7e
    towpath approve 3f2a9c0d1b7e --as methodologist --reason "gain holds in every division"
    """
    from towpath import promoting
    from towpath_registry.actor import actor
    from towpath_registry.governing import desk, signature

    registry = desk(os.environ)
    signed = signature(os.environ, registry, request, role)
    return promoting.tell(console, registry.approve(request, actor(os.environ), reason, role, signed))

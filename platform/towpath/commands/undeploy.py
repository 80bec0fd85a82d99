"""`towpath undeploy`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("undeploy")
@click.argument("name")
@with_console
def command(console: Console, name: str) -> None:
    """Stop what deploy started.

    NAME is the model's name. Its image and its versions stay.

    \b
    towpath undeploy occupation-coder
    """
    from towpath import deployments
    from towpath_core.refs import check_name

    stopped = deployments.undeploy(deployments.Desk.at(os.environ, console.say), check_name(name))
    console.result({"name": name, "stopped": stopped}, f"{name} is no longer deployed")

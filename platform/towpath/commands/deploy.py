"""`towpath deploy`."""

from __future__ import annotations

import os
from dataclasses import asdict

import click

from towpath.console import Console, with_console


@click.command("deploy")
@click.argument("ref", required=False)
@click.option(
    "--target",
    default="auto",
    show_default=True,
    metavar="TARGET",
    help="docker, process, or auto: Docker if an engine answers, else a process of this machine.",
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(1, 65535), help="Where it answers.")
@with_console
def command(console: Console, ref: str | None, target: str, port: int) -> None:
    """Start a version, prove it, and keep it running.

    The new version is started on a spare port. Only when it is healthy and answers the model's own examples as they
    were answered at evaluation does it take the port; otherwise what ran before keeps running. It answers on this
    machine's loopback. Deploying what runs already changes nothing. Without REF the project's version in production
    is deployed.

    \b
    towpath deploy occupation-coder@production
    towpath deploy occupation-coder/3 --target process --port 8081
    """
    from towpath import deployments, releases

    desk = deployments.Desk.at(os.environ, console.say)
    with releases.opened(ref, os.environ) as release:
        made, changed = deployments.deploy(desk, release, deployments.choose(desk, target), port)
    text = f"{made.model} {'answers' if changed else 'answers already'} at {made.url}/predict ({made.target})"
    console.result({**asdict(made), "url": made.url, "changed": changed}, text)

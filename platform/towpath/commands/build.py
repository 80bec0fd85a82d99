"""`towpath build`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from towpath.console import Console, with_console


@click.command("build")
@click.argument("ref", required=False)
@click.option("--tag", default="", metavar="NAME:TAG", help="The image's name; else the model's name and version.")
@click.option(
    "--base-image", default="python:3.11-slim", show_default=True, metavar="IMAGE", help="What it is built on."
)
@click.option(
    "--wheelhouse",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder with the wheels of the model's lock; else one in TOWPATH_HOME.",
)
@click.option("--download", is_flag=True, help="Fill the wheelhouse with pip first, where a wheel is missing.")
@with_console
def command(
    console: Console, ref: str | None, tag: str, base_image: str, wheelhouse: Path | None, download: bool
) -> None:
    """Build an image with one model version.

    The image carries the model, the prediction server and the libraries of the model's lock, and nothing else. It is
    built without a network, from wheels that were downloaded before. Without REF the project's version in production
    is built.

    \b
    towpath build occupation-coder/3 --download
    towpath build occupation-coder@production --tag registry.example.org/coder:3
    """
    from towpath import images, releases
    from towpath.targets.docker_door import Engine
    from towpath_registry import places

    engine = Engine(os.environ)
    order = images.Order(tag, base_image, wheelhouse, download)
    with releases.opened(ref, os.environ) as release:
        built = images.build(engine, release, order, places.home(os.environ), console.say)
        content = {
            "image": built.tag,
            "id": built.id,
            "model": release.ref,
            "digest": release.digest,
            "base_image": base_image,
            "labels": dict(built.labels),
        }
        console.result(content, f"{built.tag} carries {release.ref} ({release.digest[:19]}…): {built.id[:19]}")

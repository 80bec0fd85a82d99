"""`towpath list`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from towpath.console import Console, table, with_console
from towpath_core.clock import short, stamp

if TYPE_CHECKING:
    from towpath_registry.nouns import ModelSummary

_EMPTY = """The registry is empty. Make a first model:
  towpath new occupation-coder --template coding
  cd occupation-coder && towpath run"""


@click.command("list")
@with_console
def command(console: Console) -> None:
    """List the models of the registry, with their newest version and where their aliases point.

    \b
    towpath list
    towpath list --json
    """
    from towpath_registry.store import open_store

    models = open_store(os.environ).models()
    console.result({"models": [_content(model) for model in models]}, _text(models))


def _content(model: ModelSummary) -> dict[str, object]:
    return {
        "name": model.name,
        "latest": model.latest,
        "aliases": dict(model.aliases),
        "updated": stamp(model.updated),
        "description": model.description,
    }


def _text(models: list[ModelSummary]) -> str:
    if not models:
        return _EMPTY
    rows = [
        (
            model.name,
            model.latest,
            ", ".join(f"{alias} → {version}" for alias, version in model.aliases.items()) or None,
            short(model.updated),
        )
        for model in models
    ]
    return table(("model", "newest", "aliases", "updated"), rows)

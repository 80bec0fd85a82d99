"""`towpath list`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from towpath.console import Console, clean, table, with_console
from towpath_core.clock import short, stamp, utc_now

if TYPE_CHECKING:
    from towpath.standings import Standing
    from towpath_registry.nouns import ModelSummary
    from towpath_registry.store import Store

_EMPTY = """The registry is empty. Make a first model:
  towpath new occupation-coder --template coding
  cd occupation-coder && towpath run"""


@click.command("list")
@with_console
def command(console: Console) -> None:
    """List the models of the registry, with their newest version and where their aliases point.

    Warns of what stands at a level although its review is overdue.

    \b
    towpath list
    towpath list --json
    """
    from towpath_registry.store import open_store

    store, now = open_store(os.environ), utc_now()
    models = store.models()
    late = [standing for standing in _standings(store, models) if standing.overdue(now)]
    content = {
        "models": [_content(model) for model in models],
        "overdue": [{"model": s.model, "version": s.version, **s.content(now)} for s in late],
    }
    console.result(content, "\n".join([_text(models), *_warnings([standing.warning(now) for standing in late])]))


def _standings(store: Store, models: list[ModelSummary]) -> list[Standing]:
    """What the ledger tells of each alias; one that is no level, it tells nothing of."""
    from towpath.standings import standing

    return [standing(store, model.name, alias, at) for model in models for alias, at in model.aliases.items()]


def _warnings(told: list[str]) -> list[str]:
    return ["", *map(clean, told), "Next: towpath show MODEL@LEVEL"] if told else []


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

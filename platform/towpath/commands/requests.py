"""`towpath requests`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from towpath.console import Console, one_line, table, with_console
from towpath_core.clock import short

if TYPE_CHECKING:
    from towpath_registry.requests import Promotion

_WAYS = {"promoted": "to", "rolled_back": "back to", "retired": "away from"}


@click.command("requests")
@click.argument("request", required=False)
@click.option("--model", default="", metavar="MODEL", help="Only those about one model.")
@with_console
def command(console: Console, request: str | None, model: str) -> None:
    """Show what waits for approval; with a request's id, all about it.

    \b
    towpath requests
    towpath requests 3f2a9c0d1b7e
    towpath requests --model occupation-coder --json
    """
    from towpath.promoting import request_content
    from towpath_registry.governing import desk

    registry = desk(os.environ)
    if request:
        found = registry.promotion(request)
        console.result({"request": request_content(found)}, _one(found))
        return
    waiting = registry.promotions(model)
    console.result({"requests": [request_content(promotion) for promotion in waiting]}, _many(waiting))


def _many(waiting: list[Promotion]) -> str:
    if not waiting:
        return "Nothing waits for approval."
    rows = [
        (
            p.id,
            p.ref,
            f"{_WAYS[p.event]} {p.level}",
            p.requester,
            short(p.requested),
            p.waits_for.removeprefix("it waits for ") or "to be applied",
        )
        for p in waiting
    ]
    return table(("request", "version", "where", "asked by", "asked", "waits for"), rows)


def _one(promotion: Promotion) -> str:
    from towpath import promoting

    head = promoting.what(promotion.event, promotion.model, promotion.version, promotion.level, promotion.previous)
    asked = f"asked for by {promotion.requester} on {short(promotion.requested)}"
    why = f": {one_line(promotion.reason)}" if promotion.reason else ""
    said = [(a.by, a.role or "any role", short(a.time)) for a in promotion.approvals]
    approvals = table(("approved by", "as", "on"), said) if said else "Nobody has approved it yet."
    parts = [f"{head}\n{asked}{why}", promoting.verdict_table(promotion.verdicts, verbose=False), approvals]
    return "\n\n".join([*parts, promoting.standing(promotion)])

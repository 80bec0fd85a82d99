"""How a page is written: every value is text, whatever it holds, and nothing in it reaches a browser as more."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from towpath_core.clock import short, stamp
from towpath_registry.nouns import LedgerEntry

_HIDDEN = "\N{REPLACEMENT CHARACTER}"
_JOINERS = "\u200c\u200d"  # which Persian and Hindi are written with
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
_DONE = {
    "registered": "registered",
    "requested": "asked for",
    "approved": "approved",
    "rejected": "rejected",
    "cancelled": "taken back",
    "expired": "ran out of time",
    "promoted": "promoted",
    "rolled_back": "rolled back",
    "retired": "retired",
    "refused": "refused",
    "imported": "found there",
}


def page(template: str, /, **values: Any) -> str:
    """The page of that template."""
    return _environment().get_template(f"{template}.html.jinja").render(**values)


def visible(text: str) -> str:
    """The text with a mark for each character that nobody sees, but a terminal or a line's order would obey."""
    return "".join(char if _is_seen(char) else _HIDDEN for char in text)


def _is_seen(char: str) -> bool:
    return char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in _UNSEEN


def _shown(value: object) -> object:
    if isinstance(value, Markup):
        return value
    return "" if value is None else visible(str(value))


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")


def _words(name: str) -> str:
    """A role, or another name of a file's, as people write it."""
    return name.replace("_", " ").replace("it operator", "IT operator")


def _heading(name: str) -> str:
    return _words(name)[:1].upper() + _words(name)[1:]


def _done(entry: LedgerEntry) -> str:
    return _DONE.get(entry.event, entry.event.replace("_", " "))


def _failed(entry: LedgerEntry) -> list[str]:
    return [f"{verdict.gate}: {verdict.reason}" for verdict in entry.verdicts if not verdict.passed]


@cache
def _environment() -> Environment:
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    made = Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"short": short, "stamp": stamp, "day": _day, "done": _done, "failed": _failed}
    made.filters |= {"words": _words, "heading": _heading}
    return made

"""How results and progress reach a person or a program.

Results go to standard output, as text or as JSON; progress goes to standard error.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

SCHEMA = 1
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_BREAKS = re.compile("[\n\t\u2028\u2029]")
_HALVES = re.compile("[\ud800-\udfff]")  # an argument that is not UTF-8 comes as half characters, which nothing writes
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Console:
    """What `--json` and `--quiet` were set to."""

    json: bool = False
    quiet: bool = False

    def say(self, line: str) -> None:
        """Progress, for a person who waits; on standard error."""
        if not self.quiet:
            click.echo(line, err=True)

    def result(self, content: Mapping[str, Any], text: str) -> None:
        """The one result: `content` with `--json` (a `schema` is added), else `text`."""
        if self.json:
            whole = json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False, allow_nan=False)
            click.echo(_HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", whole))
        elif text:
            click.echo(_HALVES.sub("\ufffd", text))


def with_console(function: F) -> F:
    """Adds `--json` and `--quiet` to a command; its function gets them as `console: Console`."""
    import functools

    @functools.wraps(function)
    def wrapped(*args: Any, json: bool, quiet: bool, **kwargs: Any) -> Any:
        return function(*args, console=Console(json=json, quiet=quiet), **kwargs)

    wrapped = click.option("-q", "--quiet", is_flag=True, help="No progress on standard error.")(wrapped)
    return click.option("--json", is_flag=True, help="The result as JSON on standard output.")(wrapped)  # type: ignore[return-value]


def clean(text: str) -> str:
    """Foreign text without what could rewrite a terminal or turn the order of letters round; newlines and tabs stay."""
    kept = (c for c in text if c in "\n\t" or (unicodedata.category(c) != "Cc" and c not in _TURNING))
    return _HALVES.sub("\ufffd", "".join(kept))


def one_line(text: str) -> str:
    """Foreign text as a part of one line: a line more could be taken for one of ours."""
    return _BREAKS.sub(" ", clean(text))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns under a head, two spaces apart; missing values as a dash. Each row is one line."""
    lines = [[one_line("–" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *lines, strict=True)]
    whole = [list(head), *lines]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in whole)


def decimals(value: float | None) -> str | None:
    """Three decimals; what would show as 0.000 and is more as `<0.001`."""
    if value is None:
        return None
    return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def mark(passed: bool | None) -> str:
    """yes, no, or not assessed, as a word that reads the same without colour."""
    return {True: "pass", False: "FAIL", None: "n/a "}[passed]

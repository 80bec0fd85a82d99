"""`towpath new`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused

if TYPE_CHECKING:
    from towpath.scaffold import Made, Template


@click.command("new")
@click.argument("name")
@click.option("-t", "--template", "template_name", default="", metavar="TEMPLATE", help="coding or tabular.")
@click.option("--data", "answers", multiple=True, metavar="KEY=VALUE", help="An answer; may be given more than once.")
@click.option("--defaults", is_flag=True, help="Ask nothing: unanswered questions get their defaults.")
@click.option("--directory", type=click.Path(path_type=Path), help="The folder to make.  [default: NAME]")
@with_console
def command(
    console: Console, name: str, template_name: str, answers: tuple[str, ...], defaults: bool, directory: Path | None
) -> None:
    """Scaffold a project from a template.

    NAME is the project's and the model's name: lower-case letters, digits and single hyphens. The project is a git
    repository with one commit; its data are tracked by DVC. Templates: coding (short texts to codes), tabular (columns
    to a label).

    \b
    towpath new occupation-coder --template coding --defaults
    towpath new employment --template tabular --data organisation="Statistics Office"
    """
    from towpath import scaffold
    from towpath_core.refs import check_name

    check_name(name)
    template = scaffold.find(template_name, scaffold.shelf())
    given = _pairs(answers)
    ask = not defaults and _unanswered(template, given, can_ask=_terminal() and not console.json)
    made = scaffold.scaffold(template, name, given, folder=directory or Path(name), ask=ask)
    if made.inside:
        console.say(f"Note: it lies inside another git repository ({made.inside}), but is one of its own.")
    console.result(_content(name, made), _text(name, made))


def _pairs(answers: tuple[str, ...]) -> dict[str, str]:
    pairs = [answer.partition("=") for answer in answers]
    if wrong := [key for key, equals, _ in pairs if not equals or not key]:
        raise Misused(f"--data {wrong[0]}: expected KEY=VALUE", hint='as in --data title="Occupation coder"')
    return {key: value for key, _, value in pairs}


def _unanswered(template: Template, given: dict[str, str], *, can_ask: bool) -> bool:
    """Whether a person is to be asked. Raises: Misused if that is so and there is nobody to ask."""
    missing = [question for question in template.questions if question not in given]
    if missing and not can_ask:
        raise Misused(
            f"the template {template.name} asks for {', '.join(missing)}, and there is no terminal to ask on",
            hint=f"add --defaults, or answer with --data {missing[0]}=…",
        )
    return bool(missing)


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _content(name: str, made: Made) -> dict[str, object]:
    return {
        "name": name,
        "path": str(made.path),
        "template": made.template,
        "version": made.version,
        "inside_repository": str(made.inside) if made.inside else None,
        "next": _next(made),
    }


def _text(name: str, made: Made) -> str:
    first, *others = _next(made)
    rest = "\n".join(f"       {line}" for line in others)
    return f"Made {name} from the template {made.template} {made.version}.\nNext:  {first}\n{rest}"


def _next(made: Made) -> list[str]:
    return [f"cd {shlex.quote(os.path.relpath(made.path))}", "towpath check", "towpath run"]

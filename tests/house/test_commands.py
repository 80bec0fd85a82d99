"""Every verb is one module, explains itself with an example, and speaks JSON."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from towpath.cli import SYNONYMS, VERBS, towpath

ROOT = Path(__file__).parents[2]
# Verbs that hand over to something with a voice of its own, or that print one thing only.
WITHOUT_JSON = {"ui", "serve", "completion", "help"}


def command(verb: str) -> click.Command:
    found = importlib.import_module(f"towpath.commands.{VERBS[verb][0]}").command
    assert isinstance(found, click.Command)
    return found


def explained(verb: str) -> str:
    with click.Context(towpath, info_name="towpath") as whole, click.Context(command(verb), whole, verb) as here:
        return command(verb).get_help(here)


def test_modules_and_verbs_are_the_same_set() -> None:
    modules = {path.stem for path in (ROOT / "platform/towpath/commands").glob("*.py")} - {"__init__"}
    assert modules == {module for module, _, _ in VERBS.values()}


def test_synonyms_lead_to_verbs_and_hide_none() -> None:
    assert set(SYNONYMS.values()) <= set(VERBS)
    assert not set(SYNONYMS) & set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_is_named_after_its_verb(verb: str) -> None:
    assert command(verb).name == verb


@pytest.mark.parametrize("verb", VERBS)
def test_its_help_has_an_example(verb: str) -> None:
    assert re.search(rf"^ +towpath {verb}\b", explained(verb), flags=re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_says_what_it_does(verb: str) -> None:
    options = [parameter for parameter in command(verb).params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("verb", sorted(set(VERBS) - WITHOUT_JSON))
def test_it_speaks_json_and_can_be_quiet(verb: str) -> None:
    names = {name for parameter in command(verb).params for name in parameter.opts}
    assert {"--json", "--quiet", "-q"} <= names


@pytest.mark.parametrize("verb", VERBS)
def test_its_one_line_in_the_table_is_a_sentence(verb: str) -> None:
    _, line, _ = VERBS[verb]
    assert line[0].isupper()
    assert line.endswith(".")

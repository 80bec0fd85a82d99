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
WITHOUT_JSON = {"ui", "serve", "completion", "help", "audit verifier"}


def command(verb: str) -> click.Command:
    found = importlib.import_module(f"towpath.commands.{VERBS[verb][0]}").command
    assert isinstance(found, click.Command)
    return found


def leaves(words: str, found: click.Command) -> dict[str, click.Command]:
    """What can be called: the command itself, or those of the group, by all of their words."""
    inner = found.commands if isinstance(found, click.Group) else {}
    below = [leaves(f"{words} {name}", command) for name, command in inner.items()]
    itself = {} if isinstance(found, click.Group) and not found.invoke_without_command else {words: found}
    return {**itself, **{name: leaf for part in below for name, leaf in part.items()}}


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


LEAVES = {words: leaf for verb in VERBS for words, leaf in leaves(verb, command(verb)).items()}


@pytest.mark.parametrize("words", LEAVES)
def test_each_command_of_a_group_has_an_example(words: str) -> None:
    assert re.search(rf"^ +towpath {words}\b", LEAVES[words].help or "", flags=re.MULTILINE)


@pytest.mark.parametrize("words", LEAVES)
def test_every_option_says_what_it_does(words: str) -> None:
    options = [parameter for parameter in LEAVES[words].params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("words", sorted(words for words in LEAVES if words not in WITHOUT_JSON))
def test_it_speaks_json_and_can_be_quiet(words: str) -> None:
    names = {name for parameter in LEAVES[words].params for name in parameter.opts}
    assert {"--json", "--quiet", "-q"} <= names


@pytest.mark.parametrize("verb", VERBS)
def test_its_one_line_in_the_table_is_a_sentence(verb: str) -> None:
    _, line, _ = VERBS[verb]
    assert line[0].isupper()
    assert line.endswith(".")

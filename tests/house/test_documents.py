"""The documents say what is so: help texts, commands, links."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from towpath.cli import VERBS, towpath

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)|(?:src|srcset|href)=\"(?!https?:|#)([^\"#]+)")
ENDS_A_COMMAND = {"|", "||", "&&", ";", ">", ">>", "2>", "&"}


def name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `towpath …` in the fenced blocks, where a line starts, after a prompt, after && and so on."""
    for language, block in FENCE.findall(text):
        if language not in ("", "bash", "sh", "console"):
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.strip().removeprefix("$ "), comments=True) if "towpath " in line else []
            yield from split(words)


def split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if word in ENDS_A_COMMAND:
            while command and re.fullmatch(r"[A-Z_]+=.*", command[0]):
                command = command[1:]
            if command[:1] == ["towpath"]:
                yield command
            command = []
        else:
            command.append(word)


COMMANDS = sorted({(name(d), *words) for d in DOCUMENTS if d.exists() for words in commands(d.read_text())})


def test_every_help_text_in_a_document_is_what_help_says() -> None:
    script = [sys.executable, str(ROOT / "docs" / "help_blocks.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 0, f"run `make help-blocks`: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_in_a_document_is_one_that_towpath_takes(command: tuple[str, ...]) -> None:
    _, _, *words = command
    try:
        with towpath.make_context("towpath", list(words)) as whole:
            verb, found, rest = towpath.resolve_command(whole, [*whole._protected_args, *whole.args])
            assert found is not None
            found.make_context(verb, rest, parent=whole)
    except click.exceptions.Exit:
        pass  # --help and --version answer while they are parsed
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # a file of the reader's
            raise


def test_documents_show_commands() -> None:
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_handbook_with_its_help(verb: str) -> None:
    handbook = "".join(page.read_text() for page in (ROOT / "docs" / "handbook").glob("*.md"))
    assert f"```console\n$ towpath {verb} --help\n" in handbook


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    found = [one or other for one, other in LINK.findall(FENCE.sub("", document.read_text()))]
    assert [target for target in found if not (document.parent / target).exists()] == []


def test_every_decision_is_in_the_list_of_decisions() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    decisions = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [page.name for page in decisions if f"({page.name})" not in listed] == []
    assert [page.name[:4] for page in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]


def test_no_page_of_the_handbook_is_left_out_of_its_index() -> None:
    handbook = ROOT / "docs" / "handbook"
    index = (handbook / "index.md").read_text() + "(index.md)"
    assert [page.name for page in handbook.glob("*.md") if f"({page.name})" not in index] == []

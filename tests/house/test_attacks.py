"""The list of attacks in the handbook names tests that there are, and that ask why something fails."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "handbook" / "attacks.md").read_text()
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| attack |")]
NAMED = sorted(set(re.findall(r"`([\w/]+\.py::\w+)`", PAGE)))
GUARDING = ("platform/towpath_core", "platform/towpath_serve", "registry/towpath_registry")


@cache
def functions_in(file: str) -> dict[str, ast.FunctionDef]:
    path = ROOT / "tests" / file
    found = ast.parse(path.read_text()).body if path.is_file() else []
    return {node.name: node for node in found if isinstance(node, ast.FunctionDef)}


def silent(test: ast.FunctionDef) -> Iterator[int]:
    """The lines at which something must fail, for whatever reason."""
    kept = {id(item.context_expr) for node in ast.walk(test) if isinstance(node, ast.With) for item in node.items
            if item.optional_vars is not None}  # fmt: skip
    for node in ast.walk(test):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        asked = [argument for argument in node.args if not (isinstance(argument, ast.Constant) and not argument.value)]
        if called == "raises" and id(node) not in kept and "match" not in {word.arg for word in node.keywords}:
            yield node.lineno
        if called == "refused" and not asked:
            yield node.lineno


def test_every_attack_has_what_refuses_it_and_a_test() -> None:
    assert len(ROWS) > 100
    for row in ROWS:
        attack, refuses, tests = (cell.strip() for cell in row.strip("|").split(" | "))
        assert attack, row
        assert refuses, row
        assert all(test.strip("`") in NAMED for test in tests.split("<br>")), row


@pytest.mark.parametrize("test", NAMED)
def test_each_test_that_is_named_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions_in(file)


def test_each_test_that_is_named_asks_why_something_fails() -> None:
    vague = [
        f"{test}:{line}"
        for test in NAMED
        if (found := functions_in(test.partition("::")[0]).get(test.partition("::")[2]))
        for line in silent(found)
    ]
    assert vague == []


def test_no_guard_is_an_assert() -> None:
    """`python -O` takes them away; what they may say is what the type checker cannot know."""
    sources = [path for folder in GUARDING for path in (ROOT / folder).rglob("*.py")]
    asserted = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assert) and not ast.unparse(node.test).startswith("isinstance(")
    ]
    assert sources
    assert asserted == []

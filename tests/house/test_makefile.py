"""The Makefile documents itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z][a-z-]*):", TEXT, flags=re.MULTILINE)


def test_make_alone_says_what_each_target_does() -> None:
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(re.findall(r"^  make ([a-z-]+) ", said, flags=re.MULTILINE)) == sorted(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_no_target_is_taken_for_a_file(target: str) -> None:
    assert f".PHONY: {target}\n{target}:" in TEXT


@pytest.mark.parametrize("target", sorted({*TARGETS} - {"clean", "help"}))
def test_every_target_can_be_planned(target: str) -> None:
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)

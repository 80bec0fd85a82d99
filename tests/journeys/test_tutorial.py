"""The tutorial's commands work, one after the other, as a newcomer would type them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script(page: str) -> str:
    """All `sh` blocks as one program that stops at the first failure; `# ends with N` allows exactly N."""
    lines = ["set -euo pipefail"]
    for block in _BLOCK.findall(page):
        for line in block.splitlines():
            command, _, code = line.partition(" # ends with ")
            lines.append(f"echo '+ {command.split(chr(39))[0]}' >&2")
            expected = f'code=0; {command} || code=$?; [ "$code" = {code} ]'
            lines.append(expected if code else command)
    return "\n".join(lines)


def test_the_tutorial_can_be_followed(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "handbook" / "tutorial.md").read_text()
    environment = {key: value for key, value in os.environ.items() if key != "TOWPATH_HOME"}
    environment |= {"TOWPATH": str(repository), "TOWPATH_ACTOR": "newcomer@example.invalid"}
    done = subprocess.run(
        ["bash", "-c", script(page)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert '"label":' in done.stdout
    assert "Nothing changed: occupation-coder/1 stands." in done.stdout

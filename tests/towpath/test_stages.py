"""What a person reads when a project's own script breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """import pandas as pd
import towpath.stages
pd.to_numeric(pd.Series(["1", "a record"]))
"""


def told(folder: Path, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    (folder / "prepare.py").write_text(script)
    env = {**os.environ, **environ}
    return subprocess.run([sys.executable, "prepare.py"], cwd=folder, env=env, capture_output=True, text=True)


def test_an_error_that_nobody_foresaw_is_told_by_place_and_kind_without_quoting_a_record(tmp_path: Path) -> None:
    done = told(tmp_path, SCRIPT)
    assert done.returncode == 3
    assert done.stderr == (
        "Error: prepare.py, line 3: ValueError\n"
        "Next:  TOWPATH_DEBUG=1 towpath run shows the traceback, which may quote records\n"
    )


def test_whoever_debugs_a_stage_gets_its_traceback(tmp_path: Path) -> None:
    done = told(tmp_path, SCRIPT, TOWPATH_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "a record" in done.stderr


@pytest.mark.parametrize(("kind", "code"), [("Refused", 1), ("Misused", 2), ("CouldNot", 3)])
def test_our_own_errors_keep_their_exit_code(tmp_path: Path, kind: str, code: int) -> None:
    done = told(tmp_path, f"import towpath.stages\nfrom towpath_core.errors import {kind}\nraise {kind}('no')\n")
    assert (done.returncode, done.stderr) == (code, "Error: no\n")

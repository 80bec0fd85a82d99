"""The demo walks the path, twice in the same folder, and leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from towpath import demo as demos


def walk(folder: Path, environment: dict[str, str], *options: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "towpath.demo", str(folder), *options]
    # No engine: what a container adds is the deploy command's to test.
    env = {**environment, "DOCKER_HOST": "unix:///nowhere/docker.sock", "TOWPATH_ACTOR": "walker@example.invalid"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    return done.stdout


def typed(said: str) -> list[str]:
    """What the demo shows as a command, options left out."""
    return re.findall(r"^   \$ towpath ([a-z]+)", said, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_demo_walks_the_whole_path_and_a_second_time_beside_the_first(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    first = walk(tmp_path / "demo", environment)
    whole_path = ["new", "check", "run", "list", "show", "promote", "promote", "history", "audit"]
    assert typed(first) == [*whole_path, "deploy", "score", "monitor", "undeploy"]
    assert '"label":' in first
    assert "rejected,text: empty" in first
    assert "It ended with 1: limits are broken." in first
    assert first.splitlines()[-1].endswith("towpath ui")

    second = walk(tmp_path / "demo", environment)
    assert "There is a project occupation-coder from an earlier walk; this one is called occupation-coder-2." in second
    assert "occupation-coder-2/1 is at production" in second
    assert not Path(environment["TOWPATH_HOME"]).exists(), "the demo has a registry of its own"


@pytest.mark.slow
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "towpath.demo", str(tmp_path / "demo")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as it:
        assert it.stdout is not None
        for line in it.stdout:
            if "train " in line and "running" in line:
                break
        it.send_signal(signal.SIGTERM)
        rest = it.stdout.read()
        assert it.wait(timeout=60) == 130, rest
    deadline = time.monotonic() + 20
    while (left := working_in(tmp_path)) and time.monotonic() < deadline:
        os.sched_yield()
    assert left == []


def working_in(folder: Path) -> list[str]:
    """The command lines of the processes whose working folder lies below."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "towpath.demo", str(tmp_path / "file" / "below")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 3
    assert "Next:  name another folder: make demo DIR=…" in done.stderr


def test_its_help_says_what_it_does() -> None:
    said = CliRunner().invoke(demos.demo, ["--help"]).stdout
    assert "from an empty folder to a monitored service" in said

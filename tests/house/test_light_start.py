"""What a command may import before it works: a start is paid for at every call."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from towpath.cli import VERBS

# Each of these costs more than the whole of a light command.
HEAVY = {
    *("mlflow", "pandas", "numpy", "scipy", "sklearn", "skops", "matplotlib", "pyarrow"),
    *("dvc", "great_expectations", "docker", "copier", "sqlalchemy", "requests", "uvicorn", "starlette"),
}
# `--help` and completion need not even read a project's settings.
HEAVIER_THAN_HELP = HEAVY | {"yaml", "pydantic", "jinja2", "sqlite3", "asyncio", "urllib.request", "importlib.metadata"}


def loaded(environment: dict[str, str], *arguments: str, code: int = 0) -> set[str]:
    """The modules that a command had imported when it ended, as dotted names and their first parts."""
    program = (
        "import sys; from towpath.cli import run; code = run(sys.argv[1:]);"
        " print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    names = done.stderr.splitlines()[-1].split()
    return {*names, *(name.partition(".")[0] for name in names)}


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    assert not loaded(environment, "--help") & HEAVIER_THAN_HELP


def test_completion_imports_nothing_heavy_and_no_command(environment: dict[str, str]) -> None:
    program = "import sys, atexit; atexit.register(lambda: print(*sys.modules)); from towpath.cli import run; run([])"
    env = {**environment, "COMP_WORDS": "towpath ", "COMP_CWORD": "1", "_TOWPATH_COMPLETE": "bash_complete"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    names = set(done.stdout.splitlines()[-1].split())
    assert "plain,promote" in done.stdout
    assert not names & HEAVIER_THAN_HELP
    assert not any(name.startswith("towpath.commands.") for name in names)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_help_of_a_command_imports_nothing_heavy(environment: dict[str, str], verb: str) -> None:
    assert not loaded(environment, verb, "--help") & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show", "occupation-coder/1"), ("history", "occupation-coder"), ("policy", "show"), ("doctor",)],
)
def test_reading_the_registry_imports_nothing_heavy(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    code = 0 if arguments == ("doctor",) else 3  # there is no registry yet, and a mere read makes none
    assert not loaded(environment, *arguments, code=code) & HEAVY
    assert not Path(environment["TOWPATH_HOME"]).exists()


def test_the_module_search_path_holds_nothing_of_the_working_folder(tmp_path: Path) -> None:
    """A project's own `click.py` or `json.py` is not what towpath runs."""
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong click')")
    script = str(Path(sys.executable).parent / "towpath")
    done = subprocess.run([script, "--version"], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

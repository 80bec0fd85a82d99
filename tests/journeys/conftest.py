"""A project that has walked the path once, for each template: made, run, promoted. Tests work on copies of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import Answer

NAMES = {"coding": "occupation-coder", "tabular": "employment-status"}


@dataclass(frozen=True)
class World:
    """A project in a folder, and a registry of its own."""

    name: str
    project: Path
    home: Path

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, code: int = 0) -> Answer:
        """Run towpath in the project; the test fails on another exit code, or on a traceback."""
        done = subprocess.run(
            [sys.executable, "-m", "towpath", *arguments],
            cwd=self.project if self.project.exists() else self.project.parent,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
        )
        said = f"towpath {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, said
        assert "Traceback" not in done.stderr, said
        return Answer(done.returncode, done.stdout, done.stderr)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TOWPATH_HOME": str(self.home)}

    def copy(self, to: Path) -> World:
        """The same world elsewhere; its registry still names the files of the first one, which stay as they are."""
        shutil.copytree(self.project, to / self.project.name, symlinks=True)
        shutil.copytree(self.home, to / "home", symlinks=True)
        return World(self.name, to / self.project.name, to / "home")


def made(template: str, folder: Path) -> World:
    """A new project, not yet run."""
    world = World(NAMES[template], folder / NAMES[template], folder / "home")
    world("new", world.name, "--template", template, "--defaults")
    return world


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """`fresh("coding")`: a new project of that template that nobody has run."""
    return lambda template: made(template, tmp_path_factory.mktemp(f"fresh-{template}"))


@pytest.fixture(scope="session")
def coding(tmp_path_factory: pytest.TempPathFactory) -> World:
    return walked("coding", tmp_path_factory.mktemp("coding"))


@pytest.fixture(scope="session")
def tabular(tmp_path_factory: pytest.TempPathFactory) -> World:
    return walked("tabular", tmp_path_factory.mktemp("tabular"))


@pytest.fixture(params=sorted(NAMES))
def world(request: pytest.FixtureRequest) -> World:
    """Each template's walked project in turn. Only to be read: take a copy to change it."""
    found: World = request.getfixturevalue(request.param)
    return found


def walked(template: str, folder: Path) -> World:
    world = made(template, folder)
    world("run")
    world("promote", f"{world.name}/1", "--to", "staging", "--yes")
    world("promote", f"{world.name}/1", "--to", "production", "--yes")
    return world

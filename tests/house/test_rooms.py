"""The rooms: source roots, never packages; what the wheel carries; who may import whom."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("platform", "checks", "registry", "templates")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {"towpath", "towpath_core", "towpath_serve", "towpath_checks", "towpath_registry", "towpath_templates"}


def built(kind: str, source: Path, into: Path) -> Path:
    """A wheel or an sdist of `source`, by the build backend that is installed, without the network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next(into.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def carried(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def kept(room: str) -> Iterator[str]:
    """The files of a room's packages that git knows or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", room]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        inside = name.removeprefix(f"{room}/")
        if "/" in inside and (ROOT / name).is_file():
            yield inside


def imports(path: Path) -> set[str]:
    """The first names of all that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def imported_by(package: Path) -> set[str]:
    return set().union(*(imports(path) for path in package.rglob("*.py")))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_a_source_root_and_never_a_package(room: str) -> None:
    assert (ROOT / room).is_dir()
    assert not (ROOT / room / "__init__.py").exists()


def test_the_standard_library_s_platform_is_what_python_finds_in_the_repository() -> None:
    code = "import platform; print(platform.__file__); platform.system()"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not said.stdout.startswith(str(ROOT / "platform"))


def test_the_packages_of_the_rooms_are_those_that_are_declared() -> None:
    there = {f"{room}/{package.name}" for room in ROOMS for package in (ROOT / room).iterdir() if package.is_dir()}
    there = {name for name in there if not name.endswith("__pycache__")}
    declared = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert there == set(declared)
    assert {Path(name).name for name in declared} == PACKAGES
    assert PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"] == list(ROOMS)


def test_the_wheel_carries_every_file_of_the_packages_and_nothing_else(tmp_path: Path) -> None:
    assert carried(built("wheel", ROOT, tmp_path)) == {name for room in ROOMS for name in kept(room)}


@pytest.mark.slow
def test_a_wheel_made_from_the_source_distribution_is_the_same(tmp_path: Path) -> None:
    shutil.unpack_archive(built("sdist", ROOT, tmp_path), tmp_path / "unpacked")
    (source,) = (tmp_path / "unpacked").iterdir()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert carried(built("wheel", source, tmp_path / "one")) == carried(built("wheel", ROOT, tmp_path / "two"))


@pytest.mark.slow
def test_the_floors_and_the_doors_hold() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_ground_floor_stands_on_the_standard_library() -> None:
    assert imported_by(ROOT / "platform/towpath_core") <= set(sys.stdlib_module_names) | {"towpath_core"}


def test_what_ships_inside_an_image_imports_only_what_ships_with_it() -> None:
    """The import names of the extra `serve`; the two that differ from their distribution's are spelt out."""
    named = {"scikit-learn": "sklearn"}
    distributions = {line.split(">")[0].split("=")[0] for line in PROJECT["project"]["optional-dependencies"]["serve"]}
    shipped = {named.get(name, name) for name in distributions}
    allowed = set(sys.stdlib_module_names) | shipped | {"towpath_core", "towpath_serve"}
    assert imported_by(ROOT / "platform/towpath_serve") <= allowed


def test_nobody_imports_the_templates() -> None:
    rooms = [ROOT / "platform", ROOT / "checks", ROOT / "registry"]
    assert "towpath_templates" not in set().union(*(imported_by(room) for room in rooms))


def test_no_module_is_named_like_a_room() -> None:
    sources = [path for room in ROOMS[:3] for path in (ROOT / room).rglob("*.py")]
    assert sources
    assert not {name for path in sources for name in imports(path)} & {"checks", "registry", "templates"}

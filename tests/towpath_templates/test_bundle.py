"""The bundles: the shipped folder is the newest version, and a rebuild changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from towpath import scaffold


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A copy of the coding template and its bundle."""
    for name in ("coding", "coding.bundle"):
        source = scaffold.shelf() / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, tmp_path / name)
    return tmp_path


def bundle(repository: Path, shelf: Path, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, str(repository / "templates/bundle.py"), "--shelf", str(shelf), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def versions(bundle: Path) -> dict[str, str]:
    heads = subprocess.run(
        ["git", "bundle", "list-heads", str(bundle)], check=True, capture_output=True, text=True
    ).stdout
    found = (line.split() for line in heads.splitlines())
    return {ref.removeprefix("refs/tags/"): commit for commit, ref in found if ref.startswith("refs/tags/")}


def test_every_shipped_bundle_has_its_folder_as_its_newest_version(repository: Path) -> None:
    assert scaffold.names(scaffold.shelf()) == ["coding", "tabular"]
    bundle(repository, scaffold.shelf(), "check")


def test_a_changed_folder_is_noticed(repository: Path, shelf: Path) -> None:
    (shelf / "coding/params.yaml").write_text("changed: true\n")
    assert "coding.bundle is not its folder" in bundle(repository, shelf, "check", code=1)


def test_a_rebuild_gives_the_same_commit(repository: Path, shelf: Path) -> None:
    before = versions(shelf / "coding.bundle")
    bundle(repository, shelf, "build", "coding", "1.0.0")
    assert versions(shelf / "coding.bundle") == before


def test_a_new_version_keeps_the_earlier_ones(repository: Path, shelf: Path) -> None:
    before = versions(shelf / "coding.bundle")
    (shelf / "coding/params.yaml").write_text("changed: true\n")
    bundle(repository, shelf, "build", "coding", "1.1.0")
    bundle(repository, shelf, "check")
    after = versions(shelf / "coding.bundle")
    assert after.keys() == {*before, "v1.1.0"}
    assert before.items() <= after.items()


@pytest.mark.parametrize(("version", "said"), [("0.9.0", "is not newer than v1.0.0"), ("1.1", "no version such as")])
def test_an_older_version_and_no_version_are_refused(repository: Path, shelf: Path, version: str, said: str) -> None:
    before = (shelf / "coding.bundle").read_bytes()
    assert said in bundle(repository, shelf, "build", "coding", version, code=2)
    assert (shelf / "coding.bundle").read_bytes() == before

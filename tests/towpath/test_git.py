"""What git is asked of a project."""

from __future__ import annotations

from pathlib import Path

import pytest

from towpath import git
from towpath_core.errors import CouldNot


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git.git(tmp_path, "init", "--quiet")
    (tmp_path / "towpath.yaml").write_text("name: x\n")
    git.commit(tmp_path, ["towpath.yaml"], "Start")
    return tmp_path


def test_a_committed_project_has_a_head_and_nothing_changed(project: Path) -> None:
    assert len(git.head(project)) == 40
    assert git.changed(project) == []


def test_changed_and_new_files_are_listed_but_for_what_is_left_out(project: Path) -> None:
    (project / "towpath.yaml").write_text("name: y\n")
    (project / "a b.txt").write_text("new")
    (project / "reports").mkdir()
    (project / "reports" / "metrics.json").write_text("{}")
    assert git.changed(project, but=("reports",)) == ["a b.txt", "towpath.yaml"]


def test_only_the_named_files_are_committed(project: Path) -> None:
    (project / "dvc.lock").write_text("lock")
    (project / "mine.txt").write_text("mine")
    assert git.commit(project, ["dvc.lock", "reports"], "Run")
    assert git.changed(project) == ["mine.txt"]
    assert not git.commit(project, ["dvc.lock"], "Run")


def test_a_project_in_a_folder_of_a_larger_repository_sees_its_own_files(project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    (inner / "x.txt").write_text("x")
    (project / "outside.txt").write_text("y")
    assert git.changed(inner) == ["x.txt"]


def test_a_folder_without_a_commit_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match="no commit") as caught:
        git.head(tmp_path)
    assert "git init" in caught.value.hint

"""What a project says of its data, and the version of the data before: from git, counts only."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import plain_project
from towpath import git, meanings
from towpath import project as projects
from towpath.project import Project
from towpath_checks.dataset import Columns
from towpath_core.errors import NotFound

DATA: dict[str, Any] = {
    **plain_project.DATA,
    "inputs": [{"name": "text", "type": "string"}, {"name": "mode", "type": "category"}],
}
SETTINGS: dict[str, Any] = {**plain_project.SETTINGS, "data": DATA}


def make(folder: Path, **changes: Any) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "towpath.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}, sort_keys=False))
    return projects.load(folder)


def records(text: str = "a jane canary doe") -> pd.DataFrame:
    return pd.DataFrame({"text": [text] * 50, "mode": ["web"] * 50, "code": ["0111", "0222"] * 25})


def now() -> datetime:
    return datetime(2026, 11, 23, 23, 59, tzinfo=UTC)


def committed(project: Project) -> str:
    git.git(project.root, "init", "--quiet")
    git.commit(project.root, ["."], "The data were fit")
    return git.head(project.root)[:12]


def test_what_is_not_said_is_empty(tmp_path: Path) -> None:
    known = meanings.known(make(tmp_path), records(), now)
    assert (known["columns"], known["correspondence"], known["previous"]) == (Columns(), None, None)
    assert (known["categories"], known["version"], known["today"]) == (("mode",), "2010", now().date())


def test_what_is_said_is_handed_on(tmp_path: Path) -> None:
    data = {**DATA, "group": "household", "domains": ["region"], "identifiers": ["phone"]}
    nomenclature = {**SETTINGS["nomenclature"], "correspondence": "from_2000.csv"}
    project = make(tmp_path, data=data, nomenclature=nomenclature)
    with pytest.raises(NotFound, match=r"no correspondence table from_2000\.csv"):
        meanings.known(project, records(), now)
    (tmp_path / "from_2000.csv").write_text("from_code,to_code\n0110,0111\n")
    known = meanings.known(project, records(), now)
    assert known["columns"] == Columns(group="household", domains=("region",), identifiers=("phone",))
    assert known["correspondence"].new("0110") == "0111"


@pytest.mark.parametrize("folder", [".", "deep/inside"])
def test_the_version_of_the_data_before_is_the_last_that_was_committed(tmp_path: Path, folder: str) -> None:
    """Also where the project is a folder of a larger repository."""
    project = make(tmp_path / folder)
    meanings.keep(project, records())
    assert meanings.known(project, records(), now)["previous"] is None
    git.git(tmp_path, "init", "--quiet")
    git.commit(tmp_path, ["."], "The data were fit")
    known = meanings.known(project, records(), now)
    assert known["previous"].shown == f"commit {git.head(tmp_path)[:12]}"
    assert known["previous"].profile == json.loads(project.path(meanings.KEPT).read_text())
    assert list(known["features"].columns) == ["characters", "words", "unknown_words"]
    assert "canary" not in project.path(meanings.KEPT).read_text()


def test_a_damaged_profile_is_handed_on_as_none_that_can_be_used(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.path(meanings.KEPT).parent.mkdir()
    project.path(meanings.KEPT).write_text("{")
    committed(project)
    assert meanings.known(project, records(), now)["previous"].profile == {}


def test_records_without_a_profile_leave_none(tmp_path: Path) -> None:
    project = make(tmp_path)
    meanings.keep(project, records())
    meanings.keep(project, records().head(2))
    assert not project.path(meanings.KEPT).exists()


def test_a_remembered_verdict_depends_on_the_profile_and_on_the_day_where_that_counts(tmp_path: Path) -> None:
    assert meanings.settled(make(tmp_path), now) == {"previous": "", "today": ""}
    project = make(tmp_path, data={**DATA, "period": "month"})
    assert meanings.settled(project, now)["today"] == "2026-11-23"
    meanings.keep(project, records())
    committed(project)
    assert meanings.settled(project, now)["previous"].startswith("sha256:")

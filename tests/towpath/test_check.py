"""`towpath check` and the check stage, as a person and as DVC call them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from plain_project import SETTINGS

SUITE = {
    "name": "prepared",
    "expectations": [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}}],
}
PREPARE = """\
import pandas as pd
pd.read_csv("data/raw.csv", dtype=str).to_parquet("data/prepared.parquet")
"""
CANARY = "jane canary doe"


def records() -> pd.DataFrame:
    codes = ["0111", "0222"] * 5
    ids = [f"r{i}" for i in range(10)]
    return pd.DataFrame({"record_id": ids, "text": [f"{CANARY} {i}" for i in ids], "code": codes, "wave": "base"})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose data are fit and prepared, without DVC."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "checks").mkdir()
    (root / "towpath.yaml").write_text(yaml.safe_dump(SETTINGS, sort_keys=False))
    (root / "checks" / "suite.json").write_text(json.dumps(SUITE))
    (root / "soc.csv").write_text("code,title\n0111,a\n0222,b\n")
    (root / "prepare.py").write_text(PREPARE)
    records().to_csv(root / "data" / "raw.csv", index=False)
    records().to_parquet(root / "data" / "prepared.parquet")
    return root


def unfit(project: Path) -> Path:
    path = project / "new.csv"
    records().assign(code="0333").to_csv(path, index=False)
    return path


def stage(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "towpath.stages.check"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_fit_data_end_with_zero_and_leave_three_reports(towpath: Any, project: Path) -> None:
    said = towpath("check", cwd=project)
    assert said.out.startswith("data/prepared.parquet is fit: nothing failed, ")
    assert "not assessed until the split exists" in said.out
    assert sorted(path.name for path in (project / "reports").iterdir()) == ["checks.html", "checks.json", "gx.json"]
    assert "canary" not in said.out + said.err


@pytest.mark.slow
def test_unfit_data_end_with_one_and_another_file_leaves_nothing_behind(towpath: Any, project: Path) -> None:
    before = sorted(project.rglob("*"))
    said = towpath("check", str(unfit(project)), "--json", "-q", cwd=project, code=1)
    assert said.json["verdict"] == "failed"
    assert said.json["schema"] == 2
    failed = [finding["gate"] for finding in said.json["findings"] if finding["blocks"]]
    assert {"class_size", "codes_in_nomenclature", "constant_columns"} <= set(failed)
    left = [path for path in project.rglob("*") if ".towpath" not in path.parts]
    assert sorted(left) == sorted([*before, project / "new.csv"])


@pytest.mark.slow
def test_reports_on_another_file_go_where_they_are_told_to(towpath: Any, project: Path, tmp_path: Path) -> None:
    towpath("check", str(unfit(project)), "--output", str(tmp_path / "out"), cwd=project, code=1)
    assert json.loads((tmp_path / "out" / "checks.json").read_text())["data"] == {"file": "new.csv", "records": 10}
    assert not (project / "reports").exists()


def test_outside_a_project_and_without_the_file_the_next_step_is_told(
    towpath: Any, project: Path, tmp_path: Path
) -> None:
    assert "towpath new" in towpath("check", cwd=tmp_path, code=3).err
    assert "there is no file nowhere.csv" in towpath("check", "nowhere.csv", cwd=project, code=3).err
    (project / "data" / "raw.csv").unlink()
    said = towpath("check", cwd=project, code=3)
    assert "the raw data data/raw.csv are missing" in said.err
    assert "dvc pull" in said.err


def test_a_file_that_cannot_be_read_is_unfit_data(towpath: Any, project: Path) -> None:
    (project / "data" / "prepared.parquet").write_bytes(b"PAR1 and no more")
    said = towpath("check", cwd=project, code=1)
    assert "readable: data/prepared.parquet" in said.out
    assert json.loads((project / "reports" / "checks.json").read_text())["verdict"] == "failed"


def test_a_broken_suite_is_told_by_name_and_line(towpath: Any, project: Path) -> None:
    (project / "checks" / "suite.json").write_text('{"name": "prepared",\n "expectations": [}\n')
    said = towpath("check", cwd=project, code=2)
    assert "suite.json is not JSON" in said.err
    assert "line 2" in said.err


@pytest.mark.slow
def test_the_stage_leaves_the_same_reports_as_the_command(towpath: Any, project: Path) -> None:
    assert stage(project).returncode == 0
    made = {path.name: path.read_bytes() for path in (project / "reports").iterdir()}
    parts = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
    pd.DataFrame({"record_id": records()["record_id"], "part": parts}).to_parquet(project / "data" / "splits.parquet")
    for told in ("This verdict is remembered", ""):
        said = towpath("check", *(() if told else ("--again",)), cwd=project).out
        assert "nothing failed" in said
        assert re.search(r"^pass  leakage  ", said, re.MULTILINE)
        assert {path.name: path.read_bytes() for path in (project / "reports").iterdir()} == made


@pytest.mark.slow
def test_the_stage_says_no_with_every_finding_and_its_reports(project: Path) -> None:
    records().assign(code="0333").to_parquet(project / "data" / "prepared.parquet")
    done = stage(project)
    assert done.returncode == 1
    assert "codes_in_nomenclature: the label: 10 of 10 records (100 %)" in done.stderr
    assert "for example 0333" in done.stderr
    assert "Error: data/prepared.parquet is NOT fit" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert len(list((project / "reports").iterdir())) == 3


@pytest.mark.slow
def test_data_that_are_older_than_what_they_are_made_from_are_prepared_first(towpath: Any, project: Path) -> None:
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], cwd=project, check=True)
    stages = {
        "prepare": {
            "cmd": "python prepare.py",
            "deps": ["data/raw.csv", "prepare.py"],
            "outs": ["data/prepared.parquet"],
        }
    }
    (project / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (project / "data" / "prepared.parquet").unlink()
    first = towpath("check", cwd=project)
    assert "prepare    running" in first.err
    assert "prepare  " not in towpath("check", cwd=project).err
    raw = project / "data" / "raw.csv"
    records().assign(code="0333").to_csv(raw, index=False)
    later = (project / "data" / "prepared.parquet").stat().st_mtime + 5
    os.utime(raw, (later, later))
    again = towpath("check", cwd=project, code=1)
    assert "prepare    running" in again.err
    assert "0333" in again.out


@pytest.mark.slow
def test_by_a_suite_alone_too_a_declared_identifier_names_no_record(towpath: Any, project: Path) -> None:
    declared = {**SETTINGS, "data": {**SETTINGS["data"], "identifiers": ["record_id"]}}
    records().assign(text=None, record_id=CANARY).to_csv(project / "new.csv", index=False)
    by_suite = ("check", "new.csv", "--suite", "checks/suite.json")
    assert f"such as   {CANARY}" in towpath(*by_suite, cwd=project, code=1).out
    (project / "towpath.yaml").write_text(yaml.safe_dump(declared, sort_keys=False))
    assert "canary" not in towpath(*by_suite, cwd=project, code=1).out

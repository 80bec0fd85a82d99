"""The split stage: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from small_project import SETTINGS, TITLES
from towpath import project as projects
from towpath import running
from towpath.project import Project
from towpath.stages.split import split
from towpath_core.errors import Misused, Refused

CODES = list(TITLES)
COLUMNS = {"group": "enterprise", "period": "quarter", "block": "cell"}


def records(n: int = 400) -> pd.DataFrame:
    """Each tenth text comes back after half of the time; 40 enterprises, 8 quarters, 20 cells; the last wave is new."""
    return pd.DataFrame(
        {
            "record_id": [f"{i:05d}" for i in range(n)],
            "text": [f"worker number {i - (i % 10 == 9) * (i >= n // 2) * n // 2}" for i in range(n)],
            "code": [CODES[i % 3] for i in range(n)],
            "wave": ["base"] * (n - 20) + ["2016"] * 20,
            "enterprise": [f"e{i % 40}" for i in range(n)],
            "mode": "web",
            "quarter": [f"{2020 + i * 2 // n}-Q{i * 8 // n % 4 + 1}" for i in range(n)],
            "cell": [f"c{i % 20}" for i in range(n)],
        }
    )


def make(
    folder: Path, columns: dict[str, str] | None = None, rules: dict[str, Any] | None = None, **how: Any
) -> Project:
    for name in ("data", "reports"):
        (folder / name).mkdir(exist_ok=True)
    data = {**SETTINGS["data"], **(columns or {})}
    settings = {**SETTINGS, "data": data, "checks": {"rules": rules or {}}}
    (folder / "towpath.yaml").write_text(json.dumps(settings))
    (folder / "params.yaml").write_text(yaml.safe_dump({"split": {"seed": 1, "test": 0.2, "validation": 0.1, **how}}))
    (folder / "nomenclature.csv").write_text("code,title\n" + "".join(f"{code},title\n" for code in CODES))
    records().to_parquet(folder / "data" / "prepared.parquet")
    return projects.load(folder)


def made(project: Project) -> pd.DataFrame:
    split(project)
    return pd.read_parquet(project.splits).merge(pd.read_parquet(project.prepared), on="record_id")


@pytest.mark.parametrize("kind", ["stratified", "grouped", "temporal", "spatial"])
def test_each_kind_leaves_a_table_of_record_ids_and_no_leak(tmp_path: Path, kind: str) -> None:
    columns = {} if kind == "stratified" else {name: COLUMNS[name] for name in (_setting(kind),)}
    project = make(tmp_path, columns, kind=kind)
    frame = made(project)
    table = pd.read_parquet(project.splits)
    assert list(table.columns) == ["record_id", "part"]
    assert len(table) == 380
    assert set(table["part"].dropna()) == {"train", "validation", "test"}
    found = json.loads((project.reports / "leakage.json").read_text())
    assert found["passed"] is True
    if kind in ("grouped", "spatial"):
        assert (frame.dropna().groupby(COLUMNS[_setting(kind)])["part"].nunique() == 1).all()
    if kind == "temporal":
        times = {part: sorted(set(rows["quarter"])) for part, rows in frame.dropna().groupby("part")}
        assert times["train"][-1] < times["validation"][0]
        assert times["validation"][-1] < times["test"][0]
        assert set(frame.loc[frame["part"].isna(), "text"]) <= set(frame.loc[frame["part"] == "train", "text"])


def _setting(kind: str) -> str:
    return {"grouped": "group", "temporal": "period", "spatial": "block"}[kind]


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    project = make(tmp_path, COLUMNS, kind="grouped")
    split(project)
    before = project.splits.read_bytes()
    split(project)
    assert project.splits.read_bytes() == before


def test_how_many_were_left_out_is_told_and_no_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = made(make(tmp_path, COLUMNS, {"leakage_by_group": {"severity": "warning"}}, kind="temporal"))
    told = capsys.readouterr().err
    left = int(frame["part"].isna().sum())
    assert left
    assert told.startswith("split: temporal, train ")
    assert f"; {left} left out, as an earlier part has the same for the model\n" in told
    assert "worker" not in told


def test_a_group_that_is_divided_is_refused_and_the_way_out_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"the split leaks: leakage_by_group: \d+ groups") as refused:
        split(make(tmp_path, COLUMNS))
    assert refused.value.hint == "params.yaml, split.kind: grouped"
    assert "e1" not in refused.value.message


def test_a_finding_about_groups_and_time_goes_with_the_evidence(tmp_path: Path) -> None:
    project = make(tmp_path, COLUMNS, {"leakage_by_group": {"severity": "warning"}}, kind="temporal")
    split(project)
    found = {f["gate"]: f for f in json.loads((project.reports / "leakage.json").read_text())["others"]}
    assert found["leakage_by_group"]["passed"] is False
    assert (found["leakage_by_time"]["passed"], found["leakage_by_time"]["severity"]) == (True, "error")


def test_a_group_that_cannot_be_read_is_not_taken_as_undivided(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="leakage_by_group: not assessed: the records have no column house"):
        split(make(tmp_path, {"group": "house"}))


def test_what_the_split_was_checked_for_goes_into_the_evidence_of_the_version(tmp_path: Path) -> None:
    project = make(tmp_path, {"group": "enterprise"}, kind="grouped")
    split(project)
    (project.reports / "checks.json").write_text('{"findings": []}')
    assert [(verdict.gate, verdict.passed) for verdict in running.checked(project)] == [
        ("leakage", True),
        ("leakage_by_group", True),
    ]


@pytest.mark.parametrize("kind", ["grouped", "temporal", "spatial"])
def test_a_kind_without_its_column_is_refused(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Misused, match=f"data.{_setting(kind)} names no column"):
        split(make(tmp_path, kind=kind))
    with pytest.raises(Misused, match="the prepared data lack nothing"):
        split(make(tmp_path, {_setting(kind): "nothing"}, kind=kind))


@pytest.mark.parametrize("kind", ["grouped", "temporal"])
def test_on_records_that_belong_together_a_stratified_test_part_promises_too_much(kind: str) -> None:
    """Each enterprise, and each quarter, has an offset of its own: who has seen its siblings knows it already."""
    from towpath.holdouts import Holdout, parts

    random = np.random.default_rng(2)
    unit = np.repeat(np.arange(60), 20)
    offset = random.integers(0, 3, 60)[unit]
    label = np.where(random.random(1200) < 0.8, offset, random.integers(0, 3, 1200)).astype(str)
    names = [f"{1960 + u}" for u in unit]
    frame = pd.DataFrame({"key": [f"k{i}" for i in range(1200)], "label": label, "unit": names})

    def accuracy(part: pd.Series[Any]) -> float:
        train, test = (frame[part == name] for name in ("train", "test"))
        known = train.groupby("unit")["label"].agg(lambda labels: labels.mode().iloc[0])
        return float((test["unit"].map(known).fillna(train["label"].mode().iloc[0]) == test["label"]).mean())

    shown = accuracy(parts(Holdout(0.2, 0.1, 1), frame["key"], frame["label"]))
    true = accuracy(parts(Holdout(0.2, 0.1, 1, kind), frame["key"], frame["label"], frame["unit"]))  # type: ignore[arg-type]
    assert shown > 0.75
    assert true < 0.5

"""The model trained in other ways by the project's own script, and what each answers to the test records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from small_project import evaluated, small_project
from towpath.project import Project
from towpath.stages import alternatives, part_of
from towpath_core.errors import CouldNot, Misused, Refused

SCRIPT = """
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from towpath.stages import params, save_model, training_data

settings = params()["train"]
columns = ColumnTransformer([("words", TfidfVectorizer(), "text")])
model = Pipeline([("columns", columns), ("classifier", LogisticRegression(C=settings["C"]))])
save_model(model.fit(*training_data("train")))
"""
WEAK = {"kind": "algorithm", "name": "a weak one", "train": {"C": 0.001}}
SAME = {"kind": "seed", "name": "seed 2", "train": {"seed": 2}}


def prepared(folder: Path, *asked: dict[str, Any], script: str = SCRIPT) -> Project:
    project = small_project(folder)
    params = {"split": {"test": 0.3, "validation": 0.2, "seed": 1}, "train": {"seed": 1, "C": 10.0}}
    (folder / "params.yaml").write_text(json.dumps({**params, "alternatives": list(asked)}))
    (folder / "mine.py").write_text(script)
    return project


@pytest.fixture
def makes(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(project: Project) -> pd.DataFrame:
        monkeypatch.chdir(project.root)
        alternatives.make(project, "mine")
        return pd.read_parquet(project.path(alternatives.FILE))

    return make


def test_each_alternative_answers_every_test_record_and_the_trained_model_stays(tmp_path: Path, makes: Any) -> None:
    project = prepared(tmp_path, WEAK, SAME)
    before = project.trained.read_bytes()
    table = makes(project)
    ids = part_of(project, "test")["record_id"]
    assert table.groupby("name")["record_id"].agg(set).to_dict() == {"a weak one": set(ids), "seed 2": set(ids)}
    assert project.trained.read_bytes() == before
    weak, same = alternatives.read(project, ids)
    assert weak[:2] == ("algorithm", "a weak one")
    assert weak[3].mean() < same[3].mean()


def test_the_report_says_how_far_the_published_shares_move(tmp_path: Path, makes: Any) -> None:
    project = prepared(tmp_path, WEAK, SAME)
    makes(project)
    _, content = evaluated_again(project)
    found = {row["name"]: row for row in content["figures"]}
    assert found["sensitivity_seed"]["value"] == 0
    assert found["sensitivity_algorithm"]["value"] is not None
    assert "a weak one" in found["sensitivity_algorithm"]["note"]


def evaluated_again(project: Project) -> tuple[Project, dict[str, Any]]:
    from towpath.stages.evaluate import evaluate

    evaluate(project)
    return project, json.loads((project.reports / "quality.json").read_text())


def test_nothing_asked_makes_an_empty_table(tmp_path: Path, makes: Any) -> None:
    project = prepared(tmp_path)
    assert len(makes(project)) == 0
    assert alternatives.read(project, part_of(project, "test")["record_id"]) == []


def test_a_pipeline_without_the_stage_has_none(tmp_path: Path) -> None:
    project, content = evaluated(tmp_path)
    assert alternatives.read(project, part_of(project, "test")["record_id"]) == []
    [row] = [row for row in content["figures"] if row["name"] == "sensitivity_seed"]
    assert row["value"] is None


def test_answers_to_other_records_are_refused(tmp_path: Path, makes: Any) -> None:
    project = prepared(tmp_path, SAME)
    makes(project)
    with pytest.raises(Refused, match="other records"):
        alternatives.read(project, part_of(project, "test")["record_id"].iloc[1:])


def test_a_training_that_fails_is_told_by_its_name(tmp_path: Path, makes: Any) -> None:
    with pytest.raises(CouldNot, match="training the alternative seed 2 failed"):
        makes(prepared(tmp_path, SAME, script="raise SystemExit(1)"))
    assert not (tmp_path / alternatives.FILE).exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("seed 2", "alternatives: expected a list"),
        ([{"kind": "luck", "name": "a", "train": {"C": 1}}], "alternatives.0: expected"),
        ([{"kind": "seed", "name": "a", "train": {}}], "alternatives.0: expected"),
        ([{"kind": "seed", "name": "a"}], "alternatives.0: expected"),
        ([SAME, {**SAME, "train": {"sed": 2}}], "alternatives.1.train: train has no sed"),
        ([SAME, SAME], "a name stands twice"),
    ],
)
def test_what_cannot_be_understood_is_told_with_its_place(content: Any, told: str) -> None:
    with pytest.raises(Misused, match=told):
        alternatives.asked({"train": {"seed": 1, "C": 1.0}, "alternatives": content})

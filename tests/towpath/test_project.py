from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from towpath import project
from towpath_core.errors import CouldNot, Misused, NotFound

SETTINGS: dict[str, Any] = {
    "schema": 1,
    "name": "occupation-coder",
    "task": "coding",
    "title": "Occupations from job titles",
    "owners": {"methodologist": "A. Person"},
    "scope": {"driver": "less clerical coding"},
    "data": {
        "raw": "data/raw.csv.gz",
        "inputs": [{"name": "text", "type": "string"}],
        "target": "code",
        "wave": "wave",
        "train_waves": ["base"],
    },
    "nomenclature": {"name": "SOC", "version": "2010", "file": "nomenclature/soc2010.csv", "levels": [1, 4]},
    "threshold": {"target": 0.9},
    "limits": {"accuracy": {"at_least": 0.5}},
    "examples": [{"text": "baker"}],
}


def make(folder: Path, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "towpath.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}, sort_keys=False))
    return folder


def refusal(folder: Path, **changes: Any) -> str:
    with pytest.raises(Misused) as refused:
        project.load(make(folder, **changes))
    return refused.value.message


def test_a_project_is_found_from_any_folder_below_it(tmp_path: Path) -> None:
    root = make(tmp_path / "coder")
    below = root / "src" / "occupation_coder"
    below.mkdir(parents=True)
    found = project.load(below)
    assert (found.root, found.name, found.input_names()) == (root, "occupation-coder", ["text"])


def test_the_nearest_project_counts(tmp_path: Path) -> None:
    make(tmp_path / "outer")
    inner = make(tmp_path / "outer" / "inner", name="inner-model")
    assert project.load(inner).name == "inner-model"


def test_outside_a_project_the_way_in_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no towpath\.yaml here or above") as refused:
        project.load(tmp_path)
    assert refused.value.hint == "cd into a project, or make one: towpath new occupation-coder --template coding"


def test_a_day_needs_no_quotes(tmp_path: Path) -> None:
    path = make(tmp_path / "coder", owners={}) / "towpath.yaml"
    path.write_text(path.read_text().replace("owners: {}", "owners:\n  next_review: 2027-03-31"))
    assert project.load(tmp_path / "coder").settings.owners.next_review == "2027-03-31"


def test_a_projects_own_code_does_not_get_the_passphrase_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWPATH_KEY_PASSPHRASE", "secret")
    assert "secret" not in project.stage_environment().values()


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone, before = tmp_path / "gone", Path.cwd()
    gone.mkdir()
    try:
        os.chdir(gone)
        gone.rmdir()
        with pytest.raises(CouldNot, match="the working folder is gone"):
            project.load()
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": 2}, "schema: expected 1"),
        ({"name": "Occupation Coder"}, "name: 'Occupation Coder' is not a good name; use lower-case letters"),
        ({"owners": {"next_review": "soon"}}, "owners.next_review: 'soon' is no day, expected one such as 2027-03-31"),
        ({"owners": {"next_review": "20270331"}}, "owners.next_review: '20270331' is no day"),
        ({"owners": {"director": "A"}}, "owners.director: no such key"),
        ({"limits": {}}, "limits: "),
        ({"limits": {"accuracy": {}}}, "limits.accuracy: expected at_least or at_most"),
        ({"threshold": {"target": 1.0}}, "threshold.target: expected less than 1"),
        ({"threshold": {"target": 0.9, "when": "later"}}, "threshold.when: no such key"),
        ({"data": {**SETTINGS["data"], "inputs": []}}, "data.inputs: "),
        ({"data": {**SETTINGS["data"], "train_waves": []}}, "data.train_waves: "),
        ({"data": {**SETTINGS["data"], "train_waves": [2015]}}, "data.train_waves.0: expected text"),
        ({"examples": []}, "examples: "),
        ({"examples": [{"txt": "baker"}]}, "examples.0 has txt, which data.inputs does not name"),
        ({"surprise": 1}, "surprise: no such key"),
        ({"limits": {"accuracy": {"at_least": "high"}}}, "limits.accuracy.at_least: expected a valid number"),
        ({"nomenclature": {**SETTINGS["nomenclature"], "levels": [4, 1]}}, "nomenclature.levels: expected lengths"),
        ({"nomenclature": {**SETTINGS["nomenclature"], "levels": [-1, 4]}}, "nomenclature.levels: expected lengths"),
        ({"data": {**SETTINGS["data"], "target": "text"}}, "data.target: the model would see the answer"),
        ({"data": {**SETTINGS["data"], "record_id": "text"}}, "data.target: the model would see the record's name"),
    ],
)
def test_settings_that_do_not_fit_are_told_by_key(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    message = refusal(tmp_path, **changes)
    assert told in message
    assert message.startswith("towpath.yaml, line ")


def test_a_limit_that_nothing_can_reach_or_miss_is_refused(tmp_path: Path) -> None:
    path = make(tmp_path) / "towpath.yaml"
    path.write_text(path.read_text().replace("at_least: 0.5", "at_least: 1e999"))
    with pytest.raises(Misused, match=r"limits\.accuracy: expected a finite number"):
        project.load(tmp_path)


def test_what_nobody_set_has_a_careful_default(tmp_path: Path) -> None:
    settings = project.load(make(tmp_path)).settings
    assert (settings.checks.min_per_class, settings.monitoring.psi, settings.threshold.confidence) == (2, 0.2, 0.95)


def test_a_project_knows_where_its_files_lie(tmp_path: Path) -> None:
    found = project.load(make(tmp_path))
    places = (found.prepared, found.splits, found.trained, found.package, found.reports, found.path("params.yaml"))
    assert [place.relative_to(tmp_path).as_posix() for place in places] == [
        "data/prepared.parquet",
        "data/splits.parquet",
        "model/model.skops",
        "package",
        "reports",
        "params.yaml",
    ]


def test_stages_run_with_the_python_that_runs_towpath() -> None:
    import sys

    assert project.stage_environment()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


MEANINGS = {
    "group": "household",
    "period": "month",
    "block": "county",
    "domains": ["region", "mode"],
    "label_source": "coded_by",
    "label_date": "coded_on",
    "label_version": "coded_with",
    "identifiers": ["phone"],
}


def test_what_a_column_means_may_be_said_and_need_not(tmp_path: Path) -> None:
    said = project.load(make(tmp_path / "said", data={**SETTINGS["data"], **MEANINGS})).settings.data
    assert {name: getattr(said, name) for name in MEANINGS} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in MEANINGS.items()
    }
    unsaid = project.load(make(tmp_path / "unsaid")).settings.data
    assert not any(getattr(unsaid, name) for name in MEANINGS)


@pytest.mark.parametrize("name", ["label_source", "label_date", "label_version"])
def test_a_model_does_not_see_what_comes_with_the_label(tmp_path: Path, name: str) -> None:
    told = refusal(tmp_path / "coder", data={**SETTINGS["data"], name: "text"})
    assert told.endswith(f"data.{name}: the model would see what comes with the answer: text is in data.inputs")


@pytest.mark.parametrize("name", ["domains", "identifiers"])
@pytest.mark.parametrize("columns", [["region", "region"], [""]])
def test_a_list_of_columns_names_each_once(tmp_path: Path, name: str, columns: list[str]) -> None:
    told = refusal(tmp_path / "coder", data={**SETTINGS["data"], name: columns})
    assert told.endswith(f"data.{name}: expected names of columns, each once")

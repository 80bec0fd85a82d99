"""The path, end to end, on real data: both templates walk it by the same commands."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from tests.journeys.conftest import World

pytestmark = pytest.mark.slow


def test_a_run_leaves_a_version_with_its_seven_origins(world: World) -> None:
    shown = world("show", f"{world.name}/1", "--json").json
    origins = shown["provenance"]
    assert set(origins) == {"commit", "data", "params", "environment", "pipeline", "nomenclature", "threshold"}
    assert all(origins.values())
    known = subprocess.run(
        ["git", "cat-file", "-t", origins["commit"]], cwd=world.project, capture_output=True, text=True
    )
    assert known.stdout.strip() == "commit"


def test_the_commit_of_a_version_holds_the_lock_of_its_pipeline(world: World) -> None:
    commit = world("show", f"{world.name}/1", "--json").json["provenance"]["commit"]
    lock = subprocess.run(["git", "show", f"{commit}:dvc.lock"], cwd=world.project, capture_output=True).stdout
    assert lock == (world.project / "dvc.lock").read_bytes()


def test_a_second_run_with_nothing_changed_does_nothing(world: World) -> None:
    again = world("run", "--json").json
    assert not again["new"]
    assert again["version"] == 1
    assert set(again["stages"].values()) == {"unchanged"}
    assert [model["latest"] for model in world("list", "--json").json["models"]] == [1]


def test_the_model_keeps_its_limits_and_beats_its_baseline(world: World) -> None:
    report = json.loads((world.project / "reports" / "metrics.json").read_text())
    assert {finding["gate"] for finding in report["findings"]} >= {"better_than_baseline"}
    assert all(finding["passed"] for finding in report["findings"]), report["findings"]


def test_the_coding_model_is_as_good_as_this_data_allows(coding: World) -> None:
    flat = json.loads((coding.project / "reports" / "metrics.json").read_text())["flat"]
    assert 0.54 < flat["accuracy_4"] < 0.62
    assert 0.70 < flat["accuracy_1"] < 0.78
    assert flat["ece"] < 0.06
    assert flat["baseline_accuracy_4"] < flat["accuracy_4"] - 0.1
    assert flat["automatic_coding_rate"] > 0.05


def test_history_tells_who_moved_what(world: World) -> None:
    events = world("history", world.name, "--json", env={"TOWPATH_ACTOR": "nobody"}).json["entries"]
    assert [(event["event"], event["level"], event["version"]) for event in events] == [
        ("registered", "", 1),
        ("promoted", "staging", 1),
        ("promoted", "production", 1),
    ]
    assert {event["actor"] for event in events} != {""}


def test_promoting_again_changes_nothing(world: World) -> None:
    world("promote", f"{world.name}/1", "--to", "production", "--yes")
    assert len(world("history", world.name, "--json").json["entries"]) == 3


def test_scores_carry_codes_probabilities_decision_and_version(coding: World, tmp_path: Path) -> None:
    records = tmp_path / "in.csv"
    records.write_text("record_id,text\n007,night nurse\n008,\n009,farm worker\n")
    coding("score", str(records), str(tmp_path / "out.parquet"))
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert out["record_id"].tolist() == ["007", "008", "009"]
    assert out["decision"].tolist()[1] == "rejected"
    assert set(out["model"]) == {"occupation-coder/1"}
    assert out["top_1"].iloc[0].isdigit()
    assert len(out["top_1"].iloc[0]) == 4
    assert out["p_1"].iloc[0] >= out["p_5"].iloc[0] > 0
    assert out["threshold"].notna().all()


def test_later_entries_of_the_index_raise_an_alarm(coding: World, tmp_path: Path) -> None:
    copy = coding.copy(tmp_path)
    watch = copy("monitor", "--json", code=1).json
    assert [wave["wave"] for wave in watch["waves"]] == ["2010", "2013", "2014", "2015", "2016"]
    failed = {wave["wave"]: {f["gate"] for f in wave["findings"] if not f["passed"]} for wave in watch["waves"]}
    assert "drift/answer" in failed["2014"]
    assert "accuracy_4" in failed["2014"]
    assert {"drift/unknown_words", "drift/confidence", "accuracy_4"} <= failed["2016"]


def test_stable_survey_years_raise_none(tabular: World, tmp_path: Path) -> None:
    watch = tabular.copy(tmp_path)("monitor", "--json").json
    assert [wave["wave"] for wave in watch["waves"]] == ["2016", "2017", "2018"]
    assert watch["passed"]


def test_monitoring_twice_writes_its_waves_once(tabular: World, tmp_path: Path) -> None:
    copy = tabular.copy(tmp_path)
    first = copy("monitor", "--json", "--wave", "2016").json
    second = copy("monitor", "--json").json
    assert [wave["measures"] for wave in second["waves"]][:1] == [wave["measures"] for wave in first["waves"]]
    from towpath_registry.mlflow_door import Tracking

    tracking = Tracking(f"sqlite:///{copy.home / 'towpath.db'}")
    runs = tracking.find_runs(second["experiment"], {"towpath.wave": "2016"})
    assert len(runs) == 1


def test_a_wave_keeps_its_place_in_time_and_other_limits_are_another_verdict(tabular: World, tmp_path: Path) -> None:
    copy = tabular.copy(tmp_path)
    experiment = copy("monitor", "--json", "--wave", "2018").json["experiment"]
    with contextlib.closing(sqlite3.connect(copy.home / "towpath.db")) as database:
        steps = {row[0] for row in database.execute("SELECT step FROM metrics WHERE key LIKE 'drift/%'")}
    assert steps == {2}
    settings = copy.project / "towpath.yaml"
    settings.write_text(settings.read_text().replace("accuracy_drop: 0.05", "accuracy_drop: 0.04"))
    copy("monitor", "--wave", "2018")
    from towpath_registry.mlflow_door import Tracking

    tracking = Tracking(f"sqlite:///{copy.home / 'towpath.db'}")
    assert len(tracking.find_runs(experiment, {"towpath.wave": "2018"})) == 2


def test_a_model_of_other_data_is_not_compared_with_these(coding: World, tabular: World, tmp_path: Path) -> None:
    told = coding.copy(tmp_path)("monitor", "employment-status/1", env={"TOWPATH_HOME": str(tabular.home)}, code=2)
    assert "employment-status/1 is no model of these data: it takes AGEP" in told.err


def test_the_project_works_without_towpath(world: World, tmp_path: Path) -> None:
    copy = world.copy(tmp_path)
    status = subprocess.run(["dvc", "status", "--json"], cwd=copy.project, capture_output=True, text=True)
    assert json.loads(status.stdout) == {}
    tests = subprocess.run(["python", "-m", "pytest", "-q"], cwd=copy.project, capture_output=True, text=True)
    assert tests.returncode == 0, tests.stdout


def test_a_plain_mlflow_loads_the_package(world: World) -> None:
    program = """
import json, sys, mlflow.pyfunc, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
records = pd.DataFrame(json.load(open(sys.argv[1] + "/input_example.json")))
print(json.dumps([str(label) for label in model.predict(records)]))
"""
    package = world.project / "package"
    said = subprocess.run(
        ["python", "-c", program, str(package)], capture_output=True, text=True, env=world.environment
    )
    expected = [answer["label"] for answer in json.loads((package / "expected.json").read_text())]
    assert json.loads(said.stdout.splitlines()[-1]) == expected, said.stderr


def test_nothing_in_a_project_or_in_its_package_tells_of_this_machine(world: World, tmp_path: Path) -> None:
    traces = (str(Path.home()), str(world.project.parent), str(tmp_path.parent))
    files = subprocess.run(["git", "ls-files"], cwd=world.project, capture_output=True, text=True).stdout.split()
    paths = [world.project / name for name in files] + [
        p for p in (world.project / "package").rglob("*") if p.is_file()
    ]
    for path in paths:
        content = path.read_bytes()
        assert not any(trace.encode() in content for trace in traces), path


def test_the_run_over_time_holds_a_picture_with_intervals_and_limit(tabular: World, tmp_path: Path) -> None:
    from towpath_registry.mlflow_door import Tracking

    copy = tabular.copy(tmp_path)
    experiment = copy("monitor", "--json").json["experiment"]
    tracking = Tracking(f"sqlite:///{copy.home / 'towpath.db'}")
    (series,) = tracking.find_runs(experiment, {"towpath.series": "true"})
    picture = tracking.download(series, "accuracy.png", tmp_path)
    assert picture.read_bytes().startswith(b"\x89PNG")

"""What the door writes can be read again, and nothing of it stays in the process."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from towpath_core.clock import stamp, utc_now
from towpath_core.errors import CouldNot, NotFound
from towpath_core.refs import ModelRef
from towpath_registry.mlflow_door import Point, RunRecord, Source, Tracking
from towpath_registry.places import artifacts, ensure_home, tracking_uri
from towpath_registry.store import open_store

pytestmark = pytest.mark.slow
NOW = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)


@pytest.fixture
def environ(home: Path) -> dict[str, str]:
    found = {"TOWPATH_HOME": str(home)}
    ensure_home(found)
    return found


def tracking(environ: dict[str, str]) -> Tracking:
    return Tracking(tracking_uri(environ), artifacts(environ), "ann@example.invalid")


def record(folder: Path) -> RunRecord:
    folder.mkdir()
    (folder / "report.json").write_text("{}")
    return RunRecord(
        "first",
        NOW,
        NOW,
        tags={"towpath.commit": "4f5c"},
        params={f"p{i}": str(i) for i in range(120)},
        metrics=[Point("accuracy", 0.5, NOW), Point("accuracy", 0.6, NOW, 1)],
        artifacts=folder,
        sources=[Source("data/raw.csv.gz", "https://towpath.invalid/raw", "9e107d9d372bb6826bd81d3542a419d6")],
    )


def test_a_version_is_written_byte_for_byte_and_read_by_the_store(environ: dict[str, str], tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "model.skops").write_bytes(b"\x00 exactly these bytes")
    door = tracking(environ)
    experiment = door.experiment("coder")
    run_id = door.log_run(experiment, record(tmp_path / "run"))
    model_id = door.log_model(experiment, run_id, "coder", package, [Point("accuracy", 0.6, NOW)])
    assert door.register("coder", model_id, run_id, {"towpath.task": "coding"}, "described") == 1
    store = open_store(environ)
    version = store.version(ModelRef("coder", 1))
    assert version.tags["towpath.task"] == "coding"
    assert store.metrics(version) == {"accuracy": 0.6}
    with store.model_folder(version) as folder:
        assert (folder / "model.skops").read_bytes() == b"\x00 exactly these bytes"
    assert door.download(run_id, "report.json", tmp_path).read_text() == "{}"


def test_nothing_is_left_in_the_process_that_another_registry_would_find(
    environ: dict[str, str], tmp_path: Path
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "model.skops").write_bytes(b"x")
    door = tracking(environ)
    experiment = door.experiment("coder")
    run_id = door.log_run(experiment, record(tmp_path / "run"))
    door.register("coder", door.log_model(experiment, run_id, "coder", package, []), run_id, {}, "")
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_an_experiment_is_made_once_and_its_files_lie_in_the_home(environ: dict[str, str], home: Path) -> None:
    door = tracking(environ)
    assert door.experiment("coder/monitoring") == door.experiment("coder/monitoring", {"towpath.model": "coder"})
    run_id = door.log_run(door.experiment("coder/monitoring"), RunRecord("w", NOW, NOW, tags={"towpath.wave": "2016"}))
    assert list(door.find_runs(door.experiment("coder/monitoring"), {"towpath.wave": "2016"})) == [run_id]
    assert door.find_runs(door.experiment("coder/monitoring"), {"towpath.wave": "2017"}) == {}
    assert not list(Path.cwd().glob("mlruns"))
    assert home.is_dir()


def test_a_run_that_a_killed_writer_left_open_is_ended_by_the_next(environ: dict[str, str]) -> None:
    from mlflow import MlflowClient

    door = tracking(environ)
    experiment = door.experiment("coder")
    client = MlflowClient(tracking_uri(environ))
    ours = {"mlflow.source.name": "towpath"}
    old = client.create_run(experiment, tags={**ours, "towpath.opened": "2026-01-01T00:00:00.000000Z"}).info.run_id
    young = client.create_run(experiment, tags={**ours, "towpath.opened": stamp(utc_now())}).info.run_id
    foreign = client.create_run(experiment, tags={}).info.run_id
    door.log_run(experiment, RunRecord("next", NOW, NOW))
    status = {run: client.get_run(run).info.status for run in (old, young, foreign)}
    assert status == {old: "KILLED", young: "RUNNING", foreign: "RUNNING"}


def test_what_is_not_there_is_not_found(environ: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises((NotFound, CouldNot)) as caught:
        tracking(environ).download("0" * 32, "report.json", tmp_path)
    assert caught.value.hint


def test_a_server_that_is_away_is_said() -> None:
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    try:
        with pytest.raises(CouldNot, match="does not answer") as caught:
            Tracking("http://127.0.0.1:9").experiment("coder")
    finally:
        del os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]
    assert "MLFLOW_TRACKING_URI" in caught.value.hint

"""A registry as an office has it that used MLflow alone: runs of runs, long metrics, old stages, versions gone."""

from __future__ import annotations

import math
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CODER, ODD = "occupation-coder", "Odd_Name"
MANY = 1_100  # values of one metric, more than MLflow takes at once
BEGAN = 1_700_000_000_000


@dataclass(frozen=True)
class Plain:
    """What was made: the ids that MLflow gave."""

    uri: str
    experiment: str
    parent: str
    child: str
    logged: str


def fill(uri: str, artifacts: Path | None = None) -> Plain:
    """Write a plain registry by MLflow's own client; a database's files go below `artifacts`."""
    import mlflow
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, LoggedModelOutput, Metric, Param

    client: Any = mlflow.MlflowClient(uri, uri)
    mlflow.set_tracking_uri(uri)
    place = (artifacts / "occupations").as_uri() if artifacts else None
    experiment = client.create_experiment("occupations", place, {"office": "one"})
    parent = client.create_run(experiment, BEGAN, {"mlflow.user": "ann"}, "parent").info.run_id
    tags = {"mlflow.user": "ann", "mlflow.parentRunId": parent, "note": "größer", "towpath.imported": "by hand"}
    child = client.create_run(experiment, BEGAN + 1, tags, "child").info.run_id
    client.log_batch(child, params=[Param("alpha", "0.1"), Param("long", "x" * 5_000), Param("empty", "")])
    points = [Metric("accuracy", step / 10, BEGAN + step, step) for step in range(MANY)]
    for start in range(0, MANY, 900):
        client.log_batch(child, metrics=points[start : start + 900])
    odd = {"odd/nan": math.nan, "odd/inf": math.inf}
    client.log_batch(child, metrics=[Metric(key, value, BEGAN, 0) for key, value in odd.items()])
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        model.mkdir()
        (model / "MLmodel").write_text("flavors: {}\n")
        (model / "weights.bin").write_bytes(bytes(range(256)))
        (Path(folder) / "report größer.txt").write_text("by hand")
        client.log_artifacts(child, folder)
        source: Any = HTTPDatasetSource("https://data.example.invalid/jobs")
        data = MetaDataset(source, name="jobs", digest="abc123")._to_mlflow_entity()  # type: ignore[abstract]
        client.log_inputs(child, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
        logged = client.create_logged_model(experiment, "coder", child, {"t": "1"}, {"p": "2"}, "sk").model_id
        client.log_model_artifacts(logged, str(model))
    client.finalize_logged_model(logged, "READY")
    client.log_outputs(child, [LoggedModelOutput(logged, 3)])
    client.log_batch(child, metrics=[Metric("linked", 0.5, BEGAN + 9, 0, model_id=logged, run_id=child)])
    client.set_terminated(child, "FINISHED", BEGAN + 1_000)
    client.set_terminated(parent, "FAILED", BEGAN + 2_000)
    gone = client.create_run(experiment, BEGAN, {}, "gone").info.run_id
    client.delete_run(gone)
    _register(client, child, logged)
    mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    return Plain(uri, experiment, parent, child, logged)


def _register(client: Any, child: str, logged: str) -> None:
    """Versions 1, 3 and 4: of a logged model, of a run's files, and of a model that no run made."""
    owner = {"owner": "bea", "towpath.ledger.00000001": "of a plain server"}
    client.create_registered_model(CODER, owner, "Codes job titles.")
    about = {"a": "b", "towpath.commit": "4f5c2d1e", "towpath.experiment": "true"}
    client.create_model_version(CODER, f"models:/{logged}", child, about, description="first", model_id=logged)
    for _ in range(2):
        client.create_model_version(CODER, f"runs:/{child}/model", child)
    anonymous = client.create_logged_model(client.get_run(child).info.experiment_id, "anonymous").model_id
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "MLmodel").write_text("flavors: {}\n")
        client.log_model_artifacts(anonymous, folder)
    client.finalize_logged_model(anonymous, "READY")
    client.create_model_version(CODER, f"models:/{anonymous}", model_id=anonymous)
    client.delete_model_version(CODER, "2")
    client.set_registered_model_alias(CODER, "production", "1")
    client.set_registered_model_alias(CODER, "champion", "3")
    client.set_registered_model_alias(CODER, "Staging", "4")
    with warnings.catch_warnings(action="ignore"):  # that stages are old is what this is about
        client.transition_model_version_stage(CODER, "3", "Staging")
    client.create_registered_model(ODD)

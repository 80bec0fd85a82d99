"""The door to MLflow: it writes runs, versions and files, and fetches files.

Beside it `mlflow_transfer` imports MLflow, and what our server carries. Reading the registry and moving aliases need
none of it: see `store`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from towpath_core.clock import from_stamp, stamp, utc_now
from towpath_core.errors import CouldNot, NotFound, TowpathError

if TYPE_CHECKING:
    from mlflow import MlflowClient

T = TypeVar("T")
_OPENED = "towpath.opened"
_ABANDONED = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a metric at one time; `step` orders the values of a key."""

    key: str
    value: float
    time: datetime
    step: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A data set that a run used: its name, where it lies for a reader of the project, its digest (hex, 36 at most)."""

    name: str
    where: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything about one run, collected before any of it is written."""

    name: str
    started: datetime
    ended: datetime
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Sequence[Point] = ()
    artifacts: Path | None = None
    sources: Sequence[Source] = ()
    parent: str = ""


class Tracking:
    """An MLflow tracking store and registry at `uri`; new experiments keep their files below `artifacts` if given."""

    def __init__(self, uri: str, artifacts: Path | None = None, user: str = "towpath") -> None:
        with _translated("opening MLflow"):
            self._client = _client(uri)
        self._uri = uri
        self._artifacts, self._user = artifacts, user

    def experiment(self, name: str, tags: Mapping[str, str] | None = None) -> str:
        """The id of the experiment, made if there is none; `tags` are set on it either way."""
        from mlflow.exceptions import MlflowException

        with _translated(f"opening the experiment {name}"):
            found = self._client.get_experiment_by_name(name)
            if found is None:
                place = None if self._artifacts is None else (self._artifacts / name.replace("/", "-")).as_uri()
                try:
                    experiment_id = self._client.create_experiment(name, artifact_location=place)
                except MlflowException:  # another process was first
                    found = self._client.get_experiment_by_name(name)
                    if found is None:
                        raise
            if found is not None:
                if found.lifecycle_stage != "active":
                    raise CouldNot(f"the experiment {name} is deleted", hint="restore it in the MLflow UI")
                experiment_id = found.experiment_id
            for key, value in (tags or {}).items():
                self._client.set_experiment_tag(experiment_id, key, value)
        return str(experiment_id)

    def log_run(self, experiment_id: str, record: RunRecord) -> str:
        """Write the run and finish it; its id. A run that could not be written whole is marked FAILED.

        A run that an earlier writer left open because it was killed is marked KILLED first.
        """
        from mlflow.entities import Metric, Param

        now = utc_now()
        tags = {"mlflow.user": self._user, "mlflow.source.name": "towpath", _OPENED: stamp(now), **record.tags}
        if record.parent:
            tags["mlflow.parentRunId"] = record.parent
        with _translated(f"writing the run {record.name}"):
            self._end_abandoned(experiment_id, now)
            run = self._client.create_run(experiment_id, _ms(record.started), tags, record.name)
            run_id = str(run.info.run_id)
            try:
                for params in _chunks([Param(key, value) for key, value in record.params.items()], 100):
                    self._client.log_batch(run_id, params=params)
                for metrics in _chunks([Metric(p.key, p.value, _ms(p.time), p.step) for p in record.metrics], 900):
                    self._client.log_batch(run_id, metrics=metrics)
                if record.sources:
                    self._client.log_inputs(run_id, datasets=[_dataset(source) for source in record.sources])
                if record.artifacts is not None:
                    self._client.log_artifacts(run_id, str(record.artifacts))
            except BaseException:
                with contextlib.suppress(Exception):
                    self._client.set_terminated(run_id, "FAILED")
                raise
            self._client.set_terminated(run_id, "FINISHED", _ms(record.ended))
        return run_id

    def _end_abandoned(self, experiment_id: str, now: datetime) -> None:
        """Writing takes seconds: what has been open for long has nobody who writes it any more."""
        wanted = "attributes.status = 'RUNNING' and tags.`mlflow.source.name` = 'towpath'"
        for run in self._client.search_runs([experiment_id], wanted):
            opened = run.data.tags.get(_OPENED)
            if opened is not None and now - from_stamp(opened) > _ABANDONED:
                self._client.set_terminated(str(run.info.run_id), "KILLED")

    def log_model(self, experiment_id: str, run_id: str, name: str, folder: Path, metrics: Sequence[Point]) -> str:
        """Store the packaged folder, byte for byte, as a logged model of the run; its id (m-…)."""
        from mlflow.entities import LoggedModelOutput, Metric

        with _translated(f"storing the model {name}"):
            model = self._client.create_logged_model(experiment_id, name, source_run_id=run_id)
            model_id = str(model.model_id)
            try:
                self._client.log_model_artifacts(model_id, str(folder))
            except BaseException:
                with contextlib.suppress(Exception):
                    self._client.finalize_logged_model(model_id, "FAILED")
                raise
            self._client.finalize_logged_model(model_id, "READY")
            self._client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
            linked = [Metric(p.key, p.value, _ms(p.time), p.step, model_id=model_id, run_id=run_id) for p in metrics]
            for chunk in _chunks(linked, 900):
                self._client.log_batch(run_id, metrics=chunk)
        return model_id

    def register(self, name: str, model_id: str, run_id: str, tags: Mapping[str, str], description: str) -> int:
        """Make a version of the model; its number."""
        from mlflow.exceptions import MlflowException

        with _translated(f"registering {name}"), _looked_up_at(self._uri):
            try:
                self._client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            version = self._client.create_model_version(
                name, f"models:/{model_id}", run_id, dict(tags), description=description, model_id=model_id
            )
        return int(version.version)

    def describe_version(
        self, name: str, version: int, tags: Mapping[str, str], description: str | None = None
    ) -> None:
        """Set tags, and the Markdown text that the version's page shows."""
        with _translated(f"describing {name}/{version}"):
            for key, value in tags.items():
                self._client.set_model_version_tag(name, str(version), key, value)
            if description is not None:
                self._client.update_model_version(name, str(version), description)

    def find_runs(self, experiment_id: str, tags: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
        """Id to tags of the finished runs that carry all of `tags`."""
        wanted = " and ".join([f"tags.`{key}` = '{value}'" for key, value in tags.items()])
        with _translated("looking for runs"):
            found = self._client.search_runs([experiment_id], f"attributes.status = 'FINISHED' and {wanted}")
        return {str(run.info.run_id): dict(run.data.tags) for run in found}

    def log_points(self, run_id: str, points: Sequence[Point]) -> None:
        """Add values to the metrics of a run that is already there."""
        from mlflow.entities import Metric

        with _translated("writing metrics"):
            for chunk in _chunks([Metric(p.key, p.value, _ms(p.time), p.step) for p in points], 900):
                self._client.log_batch(run_id, metrics=chunk)

    def add_files(self, run_id: str, folder: Path) -> None:
        """Put the folder's files among those of a run that is already there; one of the same name is replaced."""
        with _translated("writing files"):
            self._client.log_artifacts(run_id, str(folder))

    def download(self, run_id: str, path: str, to: Path) -> Path:
        """Fetch a file or folder of a run's artifacts into the folder `to`; where it lies then."""
        with _translated(f"fetching {path}"):
            return Path(self._client.download_artifacts(run_id, path, str(to)))


def warm_up() -> None:
    """Import MLflow now, so that nobody waits for it later; a failure is met again, and told, by whoever needs it."""
    with contextlib.suppress(Exception):
        import mlflow.data
        import mlflow.tracking  # noqa: F401


def _client(uri: str) -> MlflowClient:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    warnings.filterwarnings("ignore", module="mlflow")
    from mlflow import MlflowClient

    # After the import, which sets levels of its own. What fails is raised as well, and told once.
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextlib.contextmanager
def _looked_up_at(uri: str) -> Iterator[None]:
    """For the block, MLflow looks for a `models:/` source there, whatever its client holds; that is process-wide."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before


def _dataset(source: Source) -> Any:
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag

    where: Any = HTTPDatasetSource(source.where)
    known = MetaDataset(where, name=source.name, digest=source.digest[:36])  # type: ignore[abstract]
    return DatasetInput(known._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")])  # noqa: SLF001


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _chunks(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Whatever MLflow, its database or its connection raises leaves as one of our errors."""
    try:
        yield
    except (TowpathError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _ours(doing, error) from error


def _ours(doing: str, error: Exception) -> TowpathError:
    code = getattr(error, "error_code", "")
    text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFound(f"{doing}: {text}", hint="towpath list")
    if "No space left" in str(error) or "disk is full" in str(error):
        return CouldNot(f"{doing}: the disk is full", hint="make room, then give the same command again")
    if "Connection" in type(error).__name__ or "Max retries" in text or "Failed to establish" in text:
        return CouldNot(f"{doing}: the MLflow server does not answer", hint="check MLFLOW_TRACKING_URI: towpath doctor")
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return CouldNot(f"{doing}: the server refused: {text}", hint="set MLFLOW_TRACKING_USERNAME and _PASSWORD")
    return CouldNot(f"{doing}: {text}", hint="towpath doctor")

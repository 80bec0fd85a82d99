"""The door to MLflow for whole registries: everything of one is read, and written into another, by MLflow's client.

What goes through is spoken of in the nouns of `plain_registry`. Each side has credentials of its own: what lets
somebody write here is never shown to the server that they read from.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from towpath_core.errors import NotFound
from towpath_registry.mlflow_door import Tracking, _chunks, _looked_up_at, _translated
from towpath_registry.plain_registry import Dataset, Experiment, Logged, Model, Run, Value, Version

T = TypeVar("T")
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_PAGE = 1_000


class Side(Tracking):
    """One of the two registries. `address` is how it is called, without a password; `credentials` are its own."""

    def __init__(
        self,
        uri: str,
        address: str,
        credentials: Mapping[str, str],
        artifacts: Path | None = None,
        user: str = "towpath",
    ) -> None:
        super().__init__(uri, artifacts, user)
        self.address, self._credentials = address, credentials

    # What is there.

    def experiments(self) -> list[Experiment]:
        """Those that are not deleted, by id."""
        with self._asking("reading the experiments"):
            found = _all(lambda token: self._client.search_experiments(page_token=token, max_results=_PAGE))
        made = [Experiment(str(e.experiment_id), e.name, dict(e.tags)) for e in found]
        return sorted(made, key=lambda experiment: int(experiment.id))

    def runs(self, experiment: Experiment, wanted: str = "") -> list[Run]:
        """Those that are not deleted, the oldest first; `wanted` is a filter in MLflow's words."""
        with self._asking(f"reading the runs of {experiment.name}"):
            found = _all(
                lambda token: self._client.search_runs(
                    [experiment.id], wanted, max_results=_PAGE, order_by=["start_time ASC"], page_token=token
                )
            )
        return [_run(run, experiment) for run in found]

    def run(self, run_id: str, experiment: Experiment) -> Run:
        with self._asking(f"reading the run {run_id}"):
            return _run(self._client.get_run(run_id), experiment)

    def deleted_runs(self, experiment: Experiment) -> int:
        with self._asking(f"counting the deleted runs of {experiment.name}"):
            return len(
                _all(
                    lambda token: self._client.search_runs(
                        [experiment.id], "", run_view_type=_deleted_only(), max_results=_PAGE, page_token=token
                    )
                )
            )

    def values(self, run: Run) -> frozenset[Value]:
        """Every value that each of the run's metrics ever had."""
        with self._asking(f"reading the metrics of the run {run.id}"):
            return frozenset(
                (key, repr(float(point.value)), int(point.timestamp), int(point.step))
                for key, _ in run.latest
                for point in self._client.get_metric_history(run.id, key)
            )

    def logged(self, experiment: Experiment, wanted: str = "") -> list[Logged]:
        """The logged models, the oldest first."""
        with self._asking(f"reading the logged models of {experiment.name}"):
            found = _all(
                lambda token: self._client.search_logged_models(
                    [experiment.id], wanted or None, max_results=100, page_token=token
                )
            )
        return sorted((_logged(model, experiment) for model in found), key=lambda logged: (logged.created, logged.id))

    def one_logged(self, model_id: str, experiment: Experiment) -> Logged:
        with self._asking(f"reading the logged model {model_id}"):
            return _logged(self._client.get_logged_model(model_id), experiment)

    def models(self) -> list[Model]:
        """The registered models, by name, with all their versions; prompts are none."""
        with self._asking("reading the registered models"):
            found = _all(lambda token: self._client.search_registered_models(max_results=_PAGE, page_token=token))
            return sorted((self._model(model) for model in found), key=lambda model: model.name)

    def model(self, name: str) -> Model | None:
        """None if there is none of that name."""
        try:
            with self._asking(f"reading the model {name}"):
                return self._model(self._client.get_registered_model(name))
        except NotFound:
            return None

    def version(self, name: str, number: int) -> Version:
        with self._asking(f"reading {name}/{number}"):
            return _version(self._client.get_model_version(name, str(number)))

    def _model(self, model: Any) -> Model:
        return Model(
            model.name,
            model.description or "",
            dict(model.tags),
            {alias: int(number) for alias, number in model.aliases.items()},
            tuple(self._versions(model.name)),
        )

    def _versions(self, name: str) -> list[Version]:
        quoted = name.replace("'", "''")
        found = _all(
            lambda token: self._client.search_model_versions(f"name='{quoted}'", max_results=_PAGE, page_token=token)
        )
        return sorted((_version(version) for version in found), key=lambda version: version.number)

    def fetch(self, uri: str, to: Path) -> bool:
        """Copy all files below an artifact's address into the folder `to`; whether there were any."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with self._asking(f"fetching the files of {uri}"):
            to.mkdir(parents=True, exist_ok=True)
            files = get_artifact_repository(uri, tracking_uri=self._uri, registry_uri=self._uri)
            if files.list_artifacts(""):
                files.download_artifacts("", str(to))
        return any(path.is_file() for path in to.rglob("*"))

    def files_of(self, version: Version) -> str:
        """Where a version's files lie. Raises: NotFound for a run that is gone."""
        with self._asking(f"looking for the files of {version.name}/{version.number}"):
            uri = str(self._client.get_model_version_download_uri(version.name, str(version.number)))
            if not uri.startswith("runs:/"):
                return uri
            run_id, _, path = uri.removeprefix("runs:/").partition("/")
            return f"{self._client.get_run(run_id).info.artifact_uri.rstrip('/')}/{path}"

    # What is written.

    def new_run(self, experiment_id: str, run: Run, tags: Mapping[str, str]) -> str:
        with self._asking(f"making the run {run.name or run.id}"):
            made = self._client.create_run(experiment_id, run.started, {**run.tags, **tags}, run.name or None)
            return str(made.info.run_id)

    def fill_run(self, run_id: str, run: Run, values: frozenset[Value], folder: Path) -> None:
        """Everything of a run but its marks; doing it again changes nothing."""
        from mlflow.entities import Metric, Param, RunTag

        have = self.run(run_id, run.experiment)
        with self._asking(f"writing the run {run.name or run.id}"):
            for params in _chunks([Param(key, value) for key, value in run.params.items()], 100):
                self._client.log_batch(run_id, params=params)
            points = [Metric(key, float(value), when, step) for key, value, when, step in sorted(values)]
            for metrics in _chunks(points, 900):
                self._client.log_batch(run_id, metrics=metrics)
            other = [RunTag(key, value) for key, value in run.tags.items() if have.tags.get(key) != value]
            for tags in _chunks(other, 100):
                self._client.log_batch(run_id, tags=tags)
            # MLflow takes none of these twice
            if datasets := [one for one in run.datasets if one not in have.datasets]:
                self._client.log_inputs(run_id, datasets=_datasets(datasets))
            if used := [one for one in run.used if one not in have.used]:
                self._client.log_inputs(run_id, models=_inputs(used))
            if made := [one for one in run.made if one not in have.made]:
                self._client.log_outputs(run_id, _outputs(made))
            if any(folder.iterdir()):
                self._client.log_artifacts(run_id, str(folder))
            if run.ended is not None:
                self._client.set_terminated(run_id, run.status, run.ended)
            else:
                self._client.update_run(run_id, run.status)

    def mark_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        with self._asking(f"marking the run {run_id}"):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def new_logged(self, experiment_id: str, logged: Logged, tags: Mapping[str, str]) -> str:
        with self._asking(f"making the logged model {logged.name}"):
            made = self._client.create_logged_model(
                experiment_id,
                logged.name,
                logged.run or None,
                {**logged.tags, **tags},
                dict(logged.params),
                logged.kind or None,
            )
            return str(made.model_id)

    def fill_logged(self, model_id: str, logged: Logged, folder: Path) -> None:
        """Files, status and metrics of a logged model; doing it again changes nothing."""
        from mlflow.entities import LoggedModelStatus, Metric

        with self._asking(f"writing the logged model {logged.name}"):
            if any(folder.iterdir()):
                self._client.log_model_artifacts(model_id, str(folder))
            if logged.status in ("READY", "FAILED"):
                self._client.finalize_logged_model(model_id, LoggedModelStatus(logged.status))
            by_run: dict[str, list[Any]] = {}
            for key, value, when, step, run, name, digest in sorted(logged.values):
                point = Metric(key, float(value), when, step, model_id, name or None, digest or None, run)
                by_run.setdefault(run, []).append(point)
            for run, points in by_run.items():
                for metrics in _chunks(points, 900):
                    self._client.log_batch(run, metrics=metrics)

    def mark_logged(self, model_id: str, tags: Mapping[str, str]) -> None:
        with self._asking(f"marking the logged model {model_id}"):
            self._client.set_logged_model_tags(model_id, dict(tags))

    def new_model(self, name: str, model: Model) -> None:
        with self._asking(f"making the model {name}"):
            self._client.create_registered_model(name, dict(model.tags), model.description)

    def new_version(self, name: str, logged_id: str, run: str, tags: Mapping[str, str], of: Version) -> int:
        """The next version of the model; its number."""
        with self._asking(f"registering {name}"), _looked_up_at(self._uri):
            made = self._client.create_model_version(
                name,
                f"models:/{logged_id}",
                run or None,
                dict(tags),
                of.link or None,
                of.description,
                model_id=logged_id,
            )
            return int(made.version)

    def drop_version(self, name: str, number: int) -> None:
        with self._asking(f"taking {name}/{number} away again"):
            self._client.delete_model_version(name, str(number))

    def set_alias(self, name: str, alias: str, number: int) -> None:
        with self._asking(f"setting {alias} of {name}"):
            self._client.set_registered_model_alias(name, alias, str(number))

    @contextlib.contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        """MLflow takes credentials from the environment; for the block it holds this side's and no others."""
        before = {name: os.environ.pop(name, None) for name in CREDENTIALS}
        os.environ.update({name: value for name, value in self._credentials.items() if value})
        try:
            with _translated(f"{doing} ({self.address})"):
                yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value


def _all(page: Callable[[str | None], Any]) -> list[Any]:
    found: list[Any] = []
    token: str | None = None
    while True:
        more = page(token)
        found += more
        token = more.token
        if not token:
            return found


def _deleted_only() -> int:
    from mlflow.entities import ViewType

    return int(ViewType.DELETED_ONLY)


def _run(run: Any, experiment: Experiment) -> Run:
    info, outputs, inputs = run.info, run.outputs, run.inputs
    return Run(
        id=str(info.run_id),
        experiment=experiment,
        name=info.run_name or "",
        status=str(info.status),
        started=int(info.start_time or 0),
        ended=None if info.end_time is None else int(info.end_time),
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        latest=tuple(sorted((key, repr(float(value))) for key, value in run.data.metrics.items())),
        uri=str(info.artifact_uri),
        datasets=tuple(sorted(map(_dataset, inputs.dataset_inputs if inputs else ()))),
        used=tuple(sorted(model.model_id for model in (inputs.model_inputs if inputs else ()) or ())),
        made=tuple(sorted((m.model_id, int(m.step)) for m in (outputs.model_outputs if outputs else ()) or ())),
    )


def _dataset(found: Any) -> Dataset:
    data = found.dataset
    tags = tuple(sorted((tag.key, tag.value) for tag in found.tags))
    return Dataset(data.name, data.digest, data.source_type, data.source, data.schema or "", data.profile or "", tags)


def _datasets(found: Sequence[Dataset]) -> list[Any]:
    from mlflow.entities import Dataset as Data
    from mlflow.entities import DatasetInput, InputTag

    return [
        DatasetInput(
            Data(one.name, one.digest, one.source_type, one.source, one.schema or None, one.profile or None),
            [InputTag(key, value) for key, value in one.tags],
        )
        for one in found
    ]


def _inputs(used: Sequence[str]) -> list[Any]:
    from mlflow.entities import LoggedModelInput

    return [LoggedModelInput(model_id) for model_id in used]


def _outputs(made: Sequence[tuple[str, int]]) -> list[Any]:
    from mlflow.entities import LoggedModelOutput

    return [LoggedModelOutput(model_id, step) for model_id, step in made]


def _logged(model: Any, experiment: Experiment) -> Logged:
    values = frozenset(
        (
            point.key,
            repr(float(point.value)),
            int(point.timestamp),
            int(point.step),
            str(point.run_id or ""),
            point.dataset_name or "",
            point.dataset_digest or "",
        )
        for point in model.metrics or ()
    )
    return Logged(
        id=str(model.model_id),
        experiment=experiment,
        name=model.name,
        run=str(model.source_run_id or ""),
        kind=model.model_type or "",
        status=str(getattr(model.status, "value", model.status)),
        created=int(model.creation_timestamp),
        tags=dict(model.tags or {}),
        params=dict(model.params or {}),
        uri=str(model.artifact_location),
        values=values,
    )


def _version(version: Any) -> Version:
    return Version(
        name=version.name,
        number=int(version.version),
        run=str(version.run_id or ""),
        source=str(version.source or ""),
        stage="" if version.current_stage in (None, "None") else str(version.current_stage),
        created=int(version.creation_timestamp or 0),
        tags=dict(version.tags or {}),
        description=version.description or "",
        link=version.run_link or "",
    )

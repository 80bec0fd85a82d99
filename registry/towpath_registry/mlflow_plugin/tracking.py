"""MLflow's tracking store, where what a kept version comes from is neither deleted nor rewritten.

It also notes who had a hand in a run or a logged model, as the server knows them: the tag `mlflow.user` is a claim.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.server.constants import READ_REPLICA_BACKEND_STORE_URI_ENV_VAR
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.tracking.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from towpath_registry.mlflow_plugin.answers import guarded
from towpath_registry.mlflow_plugin.house import here
from towpath_registry.mlflow_plugin.kept import Kept
from towpath_registry.names import folded

# What a run's tags say of where it comes from.
_ORIGIN = ("mlflow.user", "mlflow.source.", "mlflow.parentRunId", "towpath.")


class _Governed:
    """The writes of tracking that matter to a registry. It stands before one of MLflow's own stores."""

    _get_active_workspace: Callable[[], str]

    @guarded
    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Any = None) -> Any:
        if artifact_location:
            why = "the server chooses where an experiment's files lie"
            here().refuse("create-experiment", why, hint="leave artifact_location out", workspace=self._workspace())
        return super().create_experiment(name, None, tags)  # type: ignore[misc]

    @guarded
    def delete_experiment(self, experiment_id: str) -> None:
        self._refuse("delete-experiment", here().keeper.of_experiment(experiment_id))
        super().delete_experiment(experiment_id)  # type: ignore[misc]

    @guarded
    def restore_experiment(self, experiment_id: str) -> None:
        self._refuse("restore-experiment", here().keeper.of_experiment(experiment_id))
        super().restore_experiment(experiment_id)  # type: ignore[misc]

    @guarded
    def create_run(self, experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str) -> Any:
        run = super().create_run(experiment_id, user_id, start_time, tags, run_name)  # type: ignore[misc]
        try:
            self._made("run", run.info.run_id)
        except BaseException:  # without its author, nobody could say who may approve what it makes
            super().delete_run(run.info.run_id)  # type: ignore[misc]
            raise
        return run

    @guarded
    def delete_run(self, run_id: str) -> None:
        self._refuse("delete-run", self._of_run(run_id))
        super().delete_run(run_id)  # type: ignore[misc]

    @guarded
    def restore_run(self, run_id: str) -> None:
        self._refuse("restore-run", self._of_run(run_id))
        super().restore_run(run_id)  # type: ignore[misc]

    @guarded
    def log_metric(self, run_id: str, metric: Any) -> None:
        self._written("log-metric", run_id)
        super().log_metric(run_id, metric)  # type: ignore[misc]

    @guarded
    def log_param(self, run_id: str, param: Any) -> Any:
        self._written("log-param", run_id)
        return super().log_param(run_id, param)  # type: ignore[misc]

    @guarded
    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        if metrics or params or any(_of_origin(tag.key) for tag in tags or ()):
            self._written("log-batch", run_id)
        super().log_batch(run_id, metrics, params, tags)  # type: ignore[misc]

    @guarded
    def set_tag(self, run_id: str, tag: Any) -> None:
        if _of_origin(tag.key):
            self._written("set-tag", run_id)
        super().set_tag(run_id, tag)  # type: ignore[misc]

    @guarded
    def delete_tag(self, run_id: str, key: str) -> None:
        if _of_origin(key):
            self._written("delete-tag", run_id)
        super().delete_tag(run_id, key)  # type: ignore[misc]

    @guarded
    def log_inputs(self, run_id: str, datasets: Any = None, models: Any = None) -> None:
        self._written("log-inputs", run_id)
        super().log_inputs(run_id, datasets, models)  # type: ignore[misc]

    @guarded
    def log_outputs(self, run_id: str, models: Any) -> None:
        self._written("log-outputs", run_id)
        super().log_outputs(run_id, models)  # type: ignore[misc]

    @guarded
    def record_logged_model(self, run_id: str, mlflow_model: Any) -> None:
        self._written("log-model", run_id)
        super().record_logged_model(run_id, mlflow_model)  # type: ignore[misc]

    @guarded
    def create_logged_model(
        self,
        experiment_id: str,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Any = None,
        params: Any = None,
        model_type: str | None = None,
    ) -> Any:
        model = super().create_logged_model(  # type: ignore[misc]
            experiment_id, name, source_run_id, tags, params, model_type
        )
        try:
            self._made("model", model.model_id)
        except BaseException:
            super().delete_logged_model(model.model_id)  # type: ignore[misc]
            raise
        return model

    @guarded
    def log_logged_model_params(self, model_id: str, params: Any) -> None:
        self._refuse("log-model-params", here().keeper.of_runs((), (model_id,)))
        super().log_logged_model_params(model_id, params)  # type: ignore[misc]

    @guarded
    def finalize_logged_model(self, model_id: str, status: Any) -> Any:
        self._refuse("finalize-model", here().keeper.of_runs((), (model_id,)))
        return super().finalize_logged_model(model_id, status)  # type: ignore[misc]

    @guarded
    def delete_logged_model(self, model_id: str) -> None:
        self._refuse("delete-logged-model", here().keeper.of_runs((), (model_id,)))
        super().delete_logged_model(model_id)  # type: ignore[misc]

    def _workspace(self) -> str:
        return self._get_active_workspace()

    def _made(self, kind: str, what: str) -> None:
        here().made(kind, what, self._workspace())

    def _of_run(self, run_id: str) -> tuple[Kept, ...]:
        return here().keeper.of_runs((run_id,), ())

    def _written(self, what: str, run_id: str) -> None:
        """Refuse to rewrite what a kept version's run says; else note who writes it."""
        self._refuse(what, self._of_run(run_id))
        self._made("run", run_id)

    def _refuse(self, what: str, kept: Sequence[Kept]) -> None:
        if kept:
            first = kept[0]
            here().refuse(
                what,
                f"{first.reason}, and what it comes from is kept as it is",
                hint=f"towpath show {first.ref}",
                workspace=first.workspace,
                model=first.model,
                version=first.version,
                level=first.level,
            )


class GovernedTracking(_Governed, SqlAlchemyStore):
    """Tracking of a server without workspaces."""


class GovernedWorkspaceTracking(_Governed, WorkspaceAwareSqlAlchemyStore):
    """Tracking of a server with workspaces."""


def open_tracking(store_uri: str, artifact_uri: str) -> SqlAlchemyStore:
    """The store that the server's handlers use for a database's plain address."""
    kind = GovernedWorkspaceTracking if MLFLOW_ENABLE_WORKSPACES.get() else GovernedTracking
    return kind(store_uri, artifact_uri, read_db_uri=os.environ.get(READ_REPLICA_BACKEND_STORE_URI_ENV_VAR))


def _of_origin(key: str) -> bool:
    seen = folded(key)
    return any(seen.startswith(folded(name)) for name in _ORIGIN)

"""MLflow's workspaces, none of which goes while a version of it is kept, or keeps its files outside of the server's."""

from __future__ import annotations

from typing import Any

from mlflow.entities.workspace import WorkspaceDeletionMode
from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore

from towpath_registry.mlflow_plugin.answers import guarded
from towpath_registry.mlflow_plugin.house import here


class GovernedWorkspaces(SqlAlchemyStore):
    """The workspaces of a governed server."""

    @guarded
    def create_workspace(self, workspace: Any) -> Any:
        _refuse_places("create-workspace", workspace)
        return super().create_workspace(workspace)

    @guarded
    def update_workspace(self, workspace: Any) -> Any:
        _refuse_places("update-workspace", workspace)
        return super().update_workspace(workspace)

    @guarded
    def delete_workspace(
        self, workspace_name: str, mode: WorkspaceDeletionMode = WorkspaceDeletionMode.RESTRICT
    ) -> None:
        for kept in here().keeper.kept():
            if kept.workspace == workspace_name:
                here().refuse(
                    "delete-workspace",
                    f"{kept.reason}, and is kept in its workspace",
                    hint=f"towpath show {kept.ref}",
                    workspace=workspace_name,
                    model=kept.model,
                    version=kept.version,
                    level=kept.level,
                )
        super().delete_workspace(workspace_name, mode)


def open_workspaces(workspace_uri: str) -> SqlAlchemyStore:
    """The store that the server's handlers use for a database's plain address."""
    return GovernedWorkspaces(workspace_uri)


def _refuse_places(what: str, workspace: Any) -> None:
    for name in ("default_artifact_root", "trace_archival_location"):
        if getattr(workspace, name):
            here().refuse(what, "the server chooses where a workspace's files lie", hint=f"leave {name} out")

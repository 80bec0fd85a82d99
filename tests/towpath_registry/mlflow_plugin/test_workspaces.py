"""Workspaces: a version is kept in its own, and the server chooses where their files lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Workspace
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.entities.workspace import WorkspaceDeletionMode
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_context import clear_server_request_workspace, set_server_request_workspace

from governed_world import MODEL, GovernedWorld
from registry_world import free_port
from server_world import API, Person, started
from towpath_registry import books, nouns
from towpath_registry.nouns import DIGEST, Decision


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GovernedWorld]:
    """With the workspaces red and blue, and a model of the same name in each."""
    world = GovernedWorld(tmp_path / "home")
    os.environ["MLFLOW_ENABLE_WORKSPACES"] = "true"
    with world.asked_by("ann"):
        for name in ("red", "blue"):
            workspaces(world).create_workspace(Workspace(name=name))
            set_server_request_workspace(name)
            registry = world.registry()
            registry.create_registered_model(MODEL)
            registry.create_model_version(MODEL, "runs:/x/model", tags=[ModelVersionTag(DIGEST, "sha256:1")])
        yield world
    clear_server_request_workspace()


def workspaces(world: GovernedWorld) -> Any:
    from towpath_registry.mlflow_plugin.workspaces import open_workspaces

    return open_workspaces(f"sqlite:///{world.path}")


def stand(world: GovernedWorld, workspace: str) -> None:
    said = Decision(MODEL, nouns.PROMOTED, "staging", 1, None, "max", "", "sha256:1", "", ())
    with world.databases.writing() as database:
        books.record(database, workspace, said, world.clock, None)


def refused(call: Any, *words: str) -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    for word in words:
        assert word in caught.value.message


def test_what_stands_in_one_workspace_keeps_nothing_in_another(world: GovernedWorld) -> None:
    stand(world, "red")
    set_server_request_workspace("red")
    registry = world.registry()
    refused(lambda: registry.delete_registered_model(MODEL), "stands at staging")
    assert registry.get_registered_model(MODEL).aliases == {"staging": 1}
    set_server_request_workspace("blue")
    assert registry.get_registered_model(MODEL).aliases == {}
    registry.delete_registered_model(MODEL)


@pytest.mark.parametrize("mode", list(WorkspaceDeletionMode))
def test_a_workspace_in_which_a_version_stands_does_not_go(world: GovernedWorld, mode: WorkspaceDeletionMode) -> None:
    stand(world, "red")
    refused(
        lambda: workspaces(world).delete_workspace("red", mode), f"{MODEL}/1 stands at staging", "kept in its workspace"
    )
    assert {workspace.name for workspace in workspaces(world).list_workspaces()} >= {"red", "blue"}
    workspaces(world).delete_workspace("blue", WorkspaceDeletionMode.CASCADE)


@pytest.mark.parametrize("place", ["file:///etc", "s3://bucket", "/srv", "mlflow-artifacts:/1"])
def test_nobody_chooses_where_a_workspace_s_files_lie(world: GovernedWorld, place: str) -> None:
    store = workspaces(world)
    words = ("the server chooses where", "leave default_artifact_root out")
    refused(lambda: store.create_workspace(Workspace(name="green", default_artifact_root=place)), *words)
    refused(lambda: store.update_workspace(Workspace(name="red", default_artifact_root=place)), *words)
    refused(lambda: store.update_workspace(Workspace(name="red", trace_archival_location=place)), "the server chooses")
    store.update_workspace(Workspace(name="red", description="the red team's"))


@pytest.mark.slow
def test_a_server_keeps_its_workspaces_apart(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, "--port", str(port), "--workers", "1", "--workspaces"):
        password = (tmp_path / "server" / "admin-password").read_text().strip()
        admin = Person(f"http://127.0.0.1:{port}", "admin", password)
        for name in ("red", "blue"):
            assert admin.ask("POST", "/api/3.0/mlflow/workspaces", {"name": name}).status == 201
        red, blue = {"X-MLFLOW-WORKSPACE": "red"}, {"X-MLFLOW-WORKSPACE": "blue"}
        assert admin.ask("POST", f"{API}/registered-models/create", {"name": MODEL}, red).status == 200
        assert admin.ask("GET", f"{API}/registered-models/get?name={MODEL}", headers=blue).status == 404
        alias = {"name": MODEL, "alias": "Production", "version": "1"}
        said = admin.ask("POST", f"{API}/registered-models/alias", alias, red)
        assert (said.status, "looks like the level production" in said.message) == (403, True)
        assert "not in the ledger" not in said.message  # although nobody has set a policy
        elsewhere = {"name": "green", "default_artifact_root": "file:///etc"}
        said = admin.ask("POST", "/api/3.0/mlflow/workspaces", elsewhere)
        assert (said.status, "the server chooses" in said.message) == (403, True)
        said = admin.ask("GET", f"{API}/registered-models/get?name={MODEL}", headers={"X-MLFLOW-WORKSPACE": "none"})
        assert said.status == 404

"""The apps of MLflow's server: `towpath` where people log in, `towpath-one` for one person at one machine.

MLflow finds them by their entry points in the group `mlflow.app`. Both put towpath's stores where MLflow's handlers
look for theirs, before any of them is opened.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import flask
from fastapi import FastAPI
from mlflow.server import app as mlflow_app
from mlflow.server import handlers
from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR
from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.tracking._workspace.registry import _get_workspace_store_registry
from starlette.middleware import Middleware

from towpath_core.clock import utc_now
from towpath_core.errors import Misused
from towpath_core.processes import end_with_stdin
from towpath_registry import governing, promotion_web, server_database
from towpath_registry.database_store import DatabaseStore
from towpath_registry.mlflow_plugin import pages
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles, artifacts_place
from towpath_registry.mlflow_plugin.asgi import MIB, KnowsWhoAsks, Limits
from towpath_registry.mlflow_plugin.house import EXTENSION, House
from towpath_registry.mlflow_plugin.objects import GovernedObjects
from towpath_registry.mlflow_plugin.office import MlflowOffice
from towpath_registry.mlflow_plugin.store import GovernedStore, GovernedWorkspaceStore
from towpath_registry.mlflow_plugin.tracking import GovernedTracking, GovernedWorkspaceTracking, open_tracking
from towpath_registry.mlflow_plugin.workspaces import open_workspaces
from towpath_registry.nouns import WORKSPACE

ACTOR = "TOWPATH_SERVER_ACTOR"  # the one person of a server without a login
UPLOAD_MB = "TOWPATH_SERVER_UPLOAD_MB"  # the largest artifact
TIED = "TOWPATH_SERVER_TIED"  # the server ends when its standard input does
_BODY_MB = 32
# What makes a blueprint of towpath's own, all of it below /towpath, out of what the server knows. Whoever is logged in
# may ask for its pages; who may do what there, and that no other site's page does it, is for the blueprint to decide.
BLUEPRINTS: tuple[Callable[[MlflowOffice], flask.Blueprint], ...] = (promotion_web.blueprint,)


def create_app() -> Any:
    """The app of a server where people log in, by MLflow's own users, roles and workspaces."""
    from mlflow.server import auth

    usual = auth._find_validator

    def find_validator(req: flask.Request) -> Callable[[], bool] | None:
        return auth._allow_authenticated if pages.is_ours(req.path) else usual(req)

    def is_admin(name: str) -> bool:
        return bool(auth.store.has_user(name) and auth.store.get_user(name).is_admin)

    auth._find_validator = find_validator
    house = _register(mlflow_app, *open_house("", is_admin))
    return _around(auth.create_app(mlflow_app), house)


def create_app_for_one() -> Any:
    """The app of a server that one person works with, whom the environment names; there is no login."""
    name = os.environ.get(ACTOR, "").strip()
    if not name:
        raise Misused(f"{ACTOR} does not say who works with this server", hint="towpath ui starts it")
    house = _register(mlflow_app, *open_house(name, lambda _: True))
    if os.environ.get("_MLFLOW_SGI_NAME") != "uvicorn":
        return mlflow_app
    from mlflow.server.fastapi_app import create_fastapi_app

    return _around(create_fastapi_app(mlflow_app), house)


def put_stores() -> None:
    """Make MLflow's handlers open our stores. Raises: Misused when they have opened others."""
    for scheme in DATABASE_ENGINES:
        handlers._tracking_store_registry.register(scheme, open_tracking)
        _get_workspace_store_registry().register(scheme, open_workspaces)
    for scheme in ("", "file"):
        _artifact_repository_registry.register(scheme, GovernedFiles)
    _artifact_repository_registry.register("s3", GovernedObjects)
    opened: object = handlers._tracking_store
    if opened is not None and not isinstance(opened, (GovernedTracking, GovernedWorkspaceTracking)):
        raise Misused("MLflow opened its stores before towpath came", hint="towpath server starts one that does not")


def open_house(only: str, first: Callable[[str], bool]) -> tuple[House, Callable[[str], governing.LocalDesk]]:
    """The house over the registry that MLflow was told to serve, whose tables are made or renewed; its desks.

    `first` says who may set the first policy. Raises: Misused unless the registry and the artifacts are governed.
    """
    put_stores()
    store = handlers._get_model_registry_store()
    if not isinstance(store, (GovernedStore, GovernedWorkspaceStore)):
        raise Misused("the registry is not a governed one", hint="--registry-store-uri governed+sqlite:///…")
    if not os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "").startswith("governed+"):
        raise Misused(
            "the artifacts are not governed", hint="--artifacts-destination governed+file:///… or governed+s3://…"
        )
    handlers._get_tracking_store()
    databases = server_database.behind(store.engine)

    @functools.cache
    def desk(workspace: str) -> governing.LocalDesk:
        artifacts, shared = artifacts_place(), not only
        return governing.server_desk(databases, artifacts, os.environ, utc_now, workspace, shared=shared, first=first)

    kept = desk(WORKSPACE).store
    if isinstance(kept, DatabaseStore):
        kept.ensure()
    return House(databases, desk, utc_now, only), desk


def _register(app: flask.Flask, house: House, desk: Callable[[str], governing.LocalDesk]) -> House:
    if os.environ.get(TIED):
        end_with_stdin()
    app.extensions[EXTENSION] = house
    office = MlflowOffice(house, desk, os.environ)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint(office))
    pages.put_side_bar(app)
    return house


def _around(app: Any, house: House) -> Any:
    if isinstance(app, FastAPI):
        app.user_middleware.append(Middleware(KnowsWhoAsks, house=house))
        upload = int(os.environ.get(UPLOAD_MB, "0")) or 4096
        app.add_middleware(Limits, body=_BODY_MB * MIB, upload=upload * MIB)
    return app

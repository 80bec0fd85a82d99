"""The process of the server: `python -m towpath_registry.mlflow_plugin.launch`, started by `towpath server` and `ui`.

It checks and prepares the database before any worker exists, because a worker that fails is started again for ever,
and then is the workers' supervisor itself.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import uvicorn  # before MLflow, which looks for it to know that it is a server

from towpath_core.errors import TowpathError
from towpath_core.processes import end_with_stdin
from towpath_registry import artifact_place, server_artifacts, server_database

APPS = {"towpath": "create_app", "towpath-one": "create_app_for_one"}


def main(arguments: Sequence[str]) -> int:
    told = _parsed(arguments)
    if os.environ.get("TOWPATH_SERVER_TIED"):
        end_with_stdin()
    try:
        server_database.check(told.database)
        server_artifacts.prepare(artifact_place.place(told.artifacts), os.environ)
        os.environ.update(_environment(told))
        _prepare(told)
    except TowpathError as error:
        sys.stderr.write(f"{error.message}\nNext:  {error.hint}\n" if error.hint else f"{error.message}\n")
        return error.exit_code
    import mlflow.server

    uvicorn.run(
        f"towpath_registry.mlflow_plugin.app:{APPS[told.app]}",
        factory=True,
        host=told.host,
        port=told.port,
        workers=told.workers,
        log_config=str(mlflow.server._UVICORN_LOG_CONFIG),
        proxy_headers=False,  # who asks, and from where, is not for a header to say
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    return 0


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--app", choices=sorted(APPS), required=True)
    for name in ("database", "artifacts", "host"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "workers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--admin-password-file", default="")
    return parser.parse_args(arguments)


def _environment(told: argparse.Namespace) -> dict[str, str]:
    """What MLflow's own command sets for its workers."""
    from mlflow.server import constants

    artifacts = artifact_place.address(artifact_place.place(told.artifacts))
    return {
        constants.BACKEND_STORE_URI_ENV_VAR: told.database,
        constants.REGISTRY_STORE_URI_ENV_VAR: f"governed+{told.database}",
        constants.ARTIFACTS_DESTINATION_ENV_VAR: f"governed+{artifacts}",
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_BOOT_ID": uuid.uuid4().hex,
        "_MLFLOW_IN_JOB_EXECUTOR": "false",
    }


def _prepare(told: argparse.Namespace) -> None:
    """Make MLflow's tables and ours, and the first administrator."""
    from mlflow.server.handlers import initialize_backend_stores

    from towpath_registry.mlflow_plugin import app

    app.put_stores()
    initialize_backend_stores(told.database, f"governed+{told.database}", "mlflow-artifacts:/")
    app.open_house(os.environ.get(app.ACTOR, "") if told.app == "towpath-one" else "", lambda _: False)
    if told.app == "towpath":
        _first_admin(Path(told.admin_password_file))


def _first_admin(file: Path) -> None:
    """The user `admin`, if there is nobody of that name; the password, unless it was chosen, is left in a file."""
    from mlflow.server import auth

    name = auth.auth_config.admin_username or "admin"
    auth.store.init_db(auth.auth_config.database_uri)
    if not auth.store.has_user(name):
        password = auth.auth_config.admin_password
        if not password:
            password = secrets.token_urlsafe(18)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                stream.write(f"{password}\n")
            file.chmod(0o600)
        auth.store.create_user(name, password, is_admin=True)
    os.environ["MLFLOW_AUTH_ADMIN_USERNAME"] = name
    os.environ.pop("MLFLOW_AUTH_ADMIN_PASSWORD", None)
    os.environ["_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED"] = "true"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

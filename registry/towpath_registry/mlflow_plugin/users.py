"""Makes a login: `python -m towpath_registry.mlflow_plugin.users NAME MAY`, the password on standard input.

MLflow's pages and REST interface can do the same and more; this needs no server that runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.server.auth.config import read_auth_config
from mlflow.server.auth.permissions import EDIT, READ
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME

# The roles that a login is given here, and what each may do with every experiment and every model.
ROLES = {"read": ("towpath-readers", READ.name), "edit": ("towpath-editors", EDIT.name)}
_TYPES = ("experiment", "registered_model")


def add(store: SqlAlchemyStore, name: str, may: str, password: str) -> None:
    """Raise MlflowException for a name that is taken, and for a password that is too short."""
    user = store.create_user(name, password, is_admin=may == "admin")
    if may in ROLES:
        store.assign_role_to_user(user.id, _role(store, *ROLES[may]).id)


def _role(store: SqlAlchemyStore, name: str, permission: str) -> Any:
    try:
        return store.get_role_by_name(DEFAULT_WORKSPACE_NAME, name)
    except MlflowException:
        role = store.create_role(name, DEFAULT_WORKSPACE_NAME, "made by towpath server user add")
        for kind in _TYPES:
            store.add_role_permission(role.id, kind, "*", permission)
        return role


def main(arguments: Sequence[str]) -> int:
    name, may = arguments
    store = SqlAlchemyStore()
    store.init_db(read_auth_config().database_uri)
    if store.has_user(name):
        sys.stderr.write("there is a login of that name already\n")
        return 3
    try:
        add(store, name, may, sys.stdin.read())
    except MlflowException as error:
        sys.stderr.write(error.message.partition("\n")[0] + "\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

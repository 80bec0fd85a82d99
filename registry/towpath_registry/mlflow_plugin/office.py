"""What MLflow's server knows about the request at hand, for the promotion pages and the interface behind towpath."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import flask
from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.exceptions import MlflowException
from mlflow.server.workspace_helpers import resolve_workspace_from_header
from mlflow.utils.workspace_context import get_request_workspace, set_server_request_workspace

from towpath_core.errors import NotFound
from towpath_registry import checkpoints, keys
from towpath_registry.governing import LocalDesk
from towpath_registry.mlflow_plugin.house import House, person
from towpath_registry.nouns import WORKSPACE

_FIRST = "SELECT hash FROM towpath_ledger WHERE seq = 1"


class MlflowOffice:
    """The office of one server; `environ` names the home with the key of its ledger."""

    def __init__(self, house: House, desk: Callable[[str], LocalDesk], environ: Mapping[str, str]) -> None:
        self._house, self._desk, self._environ = house, desk, environ
        self._own_secret = secrets.token_bytes(32)

    def person(self) -> str:
        """Who asks, as the server authenticated them. Raises: Refused where that is nobody."""
        return person()

    def workspace(self) -> str:
        """The workspace that is asked about."""
        return (get_request_workspace() or WORKSPACE) if MLFLOW_ENABLE_WORKSPACES.get() else WORKSPACE

    def enter(self, workspace: str) -> None:
        """Answer for this workspace, as MLflow's header would say. Raises: NotFound."""
        if not MLFLOW_ENABLE_WORKSPACES.get():
            if workspace != WORKSPACE:
                raise NotFound(f"there is no workspace {workspace}: this server has none")
            return
        try:
            found = resolve_workspace_from_header(workspace)
        except MlflowException as error:
            raise NotFound(f"there is no workspace {workspace}") from error
        set_server_request_workspace(found.name if found else None)

    def desk(self) -> LocalDesk:
        """The desk of the workspace that is asked about."""
        return self._desk(self.workspace())

    def may(self, model: str, doing: str) -> bool:
        """Whether MLflow's permissions let who asks `read` or `edit` a model, which need not be there any more."""
        if self._house.only:
            return True
        from mlflow.server import auth

        name = self.person()
        if auth.store.get_user(name).is_admin:
            return True
        granted = auth._get_role_permission_or_default(
            auth._role_permission_for_known_workspace(name, "registered_model", model, self.workspace())
        )
        return bool({"read": granted.can_read, "edit": granted.can_update}.get(doing, False))

    def secret(self) -> bytes:
        """Known to this server alone, and the same in all of its processes; without a login there is one process."""
        known = flask.current_app.secret_key
        return known.encode() if isinstance(known, str) else known or self._own_secret

    def vkey(self) -> str:
        """The public key of the ledger's checkpoints, as their verifiers take it; empty where there is none yet."""
        with self._house.databases.reading() as database:
            first = database.rows(_FIRST)
        public = keys.home_public(self._environ, keys.LEDGER, ask=False)
        return checkpoints.vkey(checkpoints.ledger_name(first[0][0]), public) if first and public else ""

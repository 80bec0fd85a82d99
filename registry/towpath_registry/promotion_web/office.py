"""What the pages and the interface ask of the server that carries them."""

from __future__ import annotations

from typing import Protocol

from towpath_registry.governing import LocalDesk

# What MLflow's permissions let somebody do with a model.
READ, EDIT = "read", "edit"


class Office(Protocol):
    """The request at hand, as the server knows it: nothing here is taken from what a request says of itself."""

    def person(self) -> str:
        """Who asks, as the server authenticated them. Raises: Refused where that is nobody."""

    def workspace(self) -> str:
        """The workspace that is asked about."""

    def enter(self, workspace: str) -> None:
        """Answer for this workspace, as MLflow's header would say. Raises: NotFound, Refused."""

    def desk(self) -> LocalDesk:
        """The desk of the workspace that is asked about."""

    def may(self, model: str, doing: str) -> bool:
        """Whether MLflow's permissions let who asks `read` or `edit` a model, which need not be there any more."""

    def secret(self) -> bytes:
        """Known to this server alone, and the same in all of its processes."""

    def vkey(self) -> str:
        """The public key of the ledger's checkpoints, as their verifiers take it; empty where there is none yet."""

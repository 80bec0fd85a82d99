"""What MLflow loads of ours at its own import, in every program: so nothing is imported before it is used."""

from __future__ import annotations

from typing import Any


def open_registry(store_uri: str, tracking_uri: str | None = None) -> Any:  # noqa: ARG001 (MLflow passes it)
    """The store behind `governed+sqlite:///…` and `governed+postgresql://…`."""
    from towpath_registry.mlflow_plugin import store

    return store.open_registry(store_uri)


def open_files(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """The artifacts behind `governed+file:///…`."""
    from towpath_registry.mlflow_plugin.artifacts import GovernedFiles

    return GovernedFiles(artifact_uri, tracking_uri, registry_uri)


def open_objects(artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> Any:
    """The artifacts behind `governed+s3://…`."""
    from towpath_registry.mlflow_plugin.objects import GovernedObjects

    return GovernedObjects(artifact_uri, tracking_uri, registry_uri)

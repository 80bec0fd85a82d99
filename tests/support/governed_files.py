"""A version with files on a governed server's stores, which keep them in a folder or in an object store."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

from governed_world import MODEL, GovernedWorld
from object_store import ObjectStore
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles
from towpath_registry.mlflow_plugin.objects import GovernedObjects
from towpath_registry.nouns import DIGEST


class Made(ABC):
    """A version with files, whose run has evidence, on a server that keeps its artifacts at `root`."""

    def __init__(self, world: GovernedWorld, root: str) -> None:
        self.world, self.root = world, root
        os.environ[ARTIFACTS_DESTINATION_ENV_VAR] = f"governed+{root}"
        with world.asked_by("ann"):
            tracking, registry = world.tracking(), world.registry()
            self.experiment = tracking.create_experiment("wages")
            self.run = tracking.create_run(self.experiment, "ann", 0, [], "one").info.run_id
            model = tracking.create_logged_model(self.experiment, "coder", self.run)
            self.model_id = model.model_id
            self.model = f"{self.experiment}/models/{self.model_id}/artifacts"
            self.evidence = f"{self.experiment}/{self.run}/artifacts/evidence"
            registry.create_registered_model(MODEL)
            registry.create_model_version(
                MODEL, model.artifact_location, self.run, [ModelVersionTag(DIGEST, "sha256:1")]
            )
            self.put(f"{self.model}/model.skops", b"first")
            self.put(f"{self.evidence}/quality.dsse.json", b"{}")

    @abstractmethod
    def files(self, below: str = "") -> Any:
        """The server's artifacts, or those below a name."""

    @abstractmethod
    def all(self) -> dict[str, bytes]:
        """Everything that lies there, by its name; a folder's ends in a slash."""

    def put(self, path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        self.files().log_artifact_from_stream(io.BytesIO(content), name, folder or None)

    def delete(self, path: str | None) -> None:
        self.files().delete_artifacts(path)


class MadeInFolder(Made):
    def __init__(self, world: GovernedWorld) -> None:
        super().__init__(world, world.artifacts.as_uri())

    def files(self, below: str = "") -> GovernedFiles:
        return GovernedFiles(f"governed+{self.root}{below}")

    def all(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in self.world.artifacts.rglob("*"):
            name = path.relative_to(self.world.artifacts).as_posix()
            found |= {f"{name}/": b""} if path.is_dir() else {name: path.read_bytes()}
        return found


class MadeInBucket(Made):
    def __init__(self, world: GovernedWorld, store: ObjectStore) -> None:
        self.store, self.place = store, store.place()
        super().__init__(world, str(self.place))

    def files(self, below: str = "") -> GovernedObjects:
        return GovernedObjects(f"governed+{self.root}{below}")

    def all(self) -> dict[str, bytes]:
        return {key.removeprefix("towpath/"): content for key, content in self.store.content(self.place).items()}


def refused(call: Callable[[], object], *words: str) -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    for word in words:
        assert word in caught.value.message

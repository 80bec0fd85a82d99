"""The files of a kept version are written once, whatever path or name for the folder somebody uses."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

from governed_world import MODEL, GovernedWorld
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles
from towpath_registry.mlflow_plugin.house import outside_flask
from towpath_registry.nouns import DIGEST


class Made:
    """A version with files, whose run has evidence, on a server that keeps its artifacts in a folder."""

    def __init__(self, world: GovernedWorld) -> None:
        self.world = world
        with world.asked_by("ann"):
            tracking, registry = world.tracking(), world.registry()
            experiment = tracking.create_experiment("wages")
            self.run = tracking.create_run(experiment, "ann", 0, [], "one").info.run_id
            model = tracking.create_logged_model(experiment, "coder", self.run)
            self.model = f"{experiment}/models/{model.model_id}/artifacts"
            self.evidence = f"{experiment}/{self.run}/artifacts/evidence"
            registry.create_registered_model(MODEL)
            registry.create_model_version(
                MODEL, model.artifact_location, self.run, [ModelVersionTag(DIGEST, "sha256:1")]
            )
            self.put(f"{self.model}/model.skops", b"first")
            self.put(f"{self.evidence}/quality.dsse.json", b"{}")
        self.model_id, self.experiment = model.model_id, experiment

    def files(self, below: str = "") -> GovernedFiles:
        root = self.world.artifacts.as_uri()
        os.environ[ARTIFACTS_DESTINATION_ENV_VAR] = f"governed+{root}"
        return GovernedFiles(f"governed+{root}{below}")

    def put(self, path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        self.files().log_artifact_from_stream(io.BytesIO(content), name, folder or None)

    def delete(self, path: str | None) -> None:
        self.files().delete_artifacts(path)

    def content(self, path: str) -> bytes:
        return (self.world.artifacts / path).read_bytes()

    def all(self) -> set[str]:
        return {path.relative_to(self.world.artifacts).as_posix() for path in self.world.artifacts.rglob("*")}


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(GovernedWorld(tmp_path / "home"))


def refused(call: Any, *words: str) -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    for word in words:
        assert word in caught.value.message


def test_before_anybody_asks_for_it_a_version_s_files_are_anybody_s(made: Made) -> None:
    with made.world.asked_by("bob"):
        made.put(f"{made.model}/model.skops", b"second")
    assert made.content(f"{made.model}/model.skops") == b"second"
    assert made.world.authors("model", made.model_id) == {"ann", "bob"}


@pytest.mark.parametrize("how", ["ask", "stand"])
def test_from_the_request_on_they_are_written_once(made: Made, how: str) -> None:
    getattr(made.world, how)(MODEL, 1, "staging")
    before = made.all()
    with made.world.asked_by("bob"):
        words = (f"{MODEL}/1", "staging", "written once", "register it as the next version")
        refused(lambda: made.put(f"{made.model}/model.skops", b"second"), *words)
        refused(lambda: made.put(f"{made.model}/extra.txt", b"second"), *words)
        refused(lambda: made.put(f"{made.model}/new/folder/extra.txt", b"second"), *words)
        refused(lambda: made.put(f"{made.evidence}/quality.dsse.json", b"second"), *words)
        refused(lambda: made.put(f"{made.evidence}/safety.dsse.json", b"second"), *words)
        refused(lambda: made.delete(f"{made.model}/model.skops"), *words)
        refused(lambda: made.delete(made.model), *words)
    assert made.all() == before
    assert made.content(f"{made.model}/model.skops") == b"first"
    assert {what for _, what, _ in made.world.attempts()} == {"upload", "delete-artifacts"}
    assert len(made.world.attempts()) == 7


@pytest.mark.parametrize("path", ["{e}", "{e}/models", "{e}/models/{m}", "{e}/{r}", "{e}/{r}/artifacts", None])
def test_no_folder_above_them_is_deleted(made: Made, path: str | None) -> None:
    made.world.stand(MODEL, 1, "staging")
    before = made.all()
    told = path and path.format(e=made.experiment, m=made.model_id, r=made.run)
    with made.world.asked_by("bob"):
        refused(lambda: made.delete(told), "stands at staging")
    assert made.all() == before


def test_other_files_of_the_run_go_on_being_written(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    with made.world.asked_by("bob"):
        made.put(f"{made.experiment}/{made.run}/artifacts/plots/after.png", b"plot")
        made.delete(f"{made.experiment}/{made.run}/artifacts/plots")


@pytest.mark.parametrize(
    "spelt",
    [
        "{e}/models/./{m}/artifacts",
        "{e}//models/{m}//artifacts",
        "{e}/models/{m}/artifacts/.",
        "{e}/models/{m}/../{m}/artifacts",
        "{e}/linked",
    ],
)
def test_another_spelling_of_the_folder_is_the_same_folder(made: Made, spelt: str) -> None:
    made.world.stand(MODEL, 1, "staging")
    (made.world.artifacts / made.experiment / "linked").symlink_to(made.world.artifacts / made.model)
    path = spelt.format(e=made.experiment, m=made.model_id)
    with made.world.asked_by("bob"), pytest.raises(MlflowException, match="its files are written once"):
        made.put(f"{path}/model.skops", b"second")
    with made.world.asked_by("bob"), pytest.raises(MlflowException, match="its files are written once"):
        made.delete(f"{path}/model.skops")
    assert made.content(f"{made.model}/model.skops") == b"first"


def test_a_repository_that_begins_further_down_knows_them_too(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    for below in (f"/{made.model}", f"/{made.experiment}/models/{made.model_id}"):
        with made.world.asked_by("bob"):
            files = made.files(below)
            refused(lambda: files.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt", "artifacts"), "written once")  # noqa: B023
            refused(files.delete_artifacts, "written once")


def test_a_folder_of_files_is_refused_at_the_first_one(made: Made, tmp_path: Path) -> None:
    made.world.stand(MODEL, 1, "staging")
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "model.skops").write_bytes(b"second")
    with made.world.asked_by("bob"):
        refused(lambda: made.files().log_artifacts(str(tmp_path / "new"), made.model), "written once")
        made.files().log_artifacts(str(tmp_path / "new"), "7/other")
    assert made.content("7/other/deep/model.skops") == b"second"


def test_the_server_writes_nowhere_else(made: Made, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    made.files()
    with made.world.asked_by("bob"):
        files = GovernedFiles(outside.as_uri())
        refused(lambda: files.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt"), "below its own artifacts only")
        refused(lambda: GovernedFiles("/etc").delete_artifacts("hostname"), "below its own artifacts only")
    assert not outside.exists()


def test_an_upload_that_lasts_longer_than_the_request_takes_is_refused_at_its_end(made: Made) -> None:
    """The bytes came while the folder was free; the request was made before they were put in place."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"sec"
        made.world.ask(MODEL, 1, "production")
        yield b"ond"

    async def upload() -> None:
        mark = outside_flask.set((made.world.house, "bob"))
        try:
            await made.files().log_artifact_from_async_stream(slowly(), "model.skops", made.model)
        finally:
            outside_flask.reset(mark)

    refused(lambda: asyncio.run(upload()), f"{MODEL}/1 is asked for production")
    assert made.content(f"{made.model}/model.skops") == b"first"
    assert made.all() == {*made.all()} - {name for name in made.all() if ".uploading." in name}
    assert made.world.attempts()[-1][:2] == ("bob", "upload")


def test_nobody_writes_who_is_not_known(made: Made) -> None:
    refused(lambda: made.put("7/file.txt", b"x"), "only through its server")
    with made.world.asked_by(""):
        refused(lambda: made.put("7/file.txt", b"x"), "nobody is logged in")

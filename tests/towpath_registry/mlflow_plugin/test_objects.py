"""The files of a kept version are written once in an object store too, whatever name for them somebody uses."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR
from mlflow.store.artifact.artifact_repo import MultipartDownloadMixin, MultipartUploadMixin, PresignedUploadMixin

from governed_world import MODEL, GovernedWorld
from object_store import ObjectStore, object_store, pointing_at
from towpath_registry.artifact_place import S3Place
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles
from towpath_registry.mlflow_plugin.house import outside_flask
from towpath_registry.mlflow_plugin.objects import GovernedObjects
from towpath_registry.nouns import DIGEST

pytestmark = pytest.mark.slow


class Made:
    """A version with files, whose run has evidence, on a server that keeps its artifacts in an object store."""

    def __init__(self, world: GovernedWorld, store: ObjectStore) -> None:
        self.world, self.store, self.place = world, store, store.place()
        os.environ[ARTIFACTS_DESTINATION_ENV_VAR] = f"governed+{self.place}"
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

    def files(self, below: str = "") -> GovernedObjects:
        return GovernedObjects(f"governed+{self.place}{below}")

    def put(self, path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        self.files().log_artifact_from_stream(io.BytesIO(content), name, folder or None)

    def delete(self, path: str | None) -> None:
        self.files().delete_artifacts(path)

    def all(self) -> dict[str, bytes]:
        return {key.removeprefix("towpath/"): content for key, content in self.store.content(self.place).items()}


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    with object_store() as found:
        yield found


@pytest.fixture
def made(running: ObjectStore, tmp_path: Path) -> Iterator[Made]:
    with pointing_at(running):
        yield Made(GovernedWorld(tmp_path / "home"), running)


def refused(call: Any, *words: str) -> None:
    with pytest.raises(MlflowException) as caught:
        call()
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    for word in words:
        assert word in caught.value.message


def test_before_anybody_asks_for_it_a_version_s_files_are_anybody_s(made: Made) -> None:
    with made.world.asked_by("bob"):
        made.put(f"{made.model}/model.skops", b"second")
    assert made.all()[f"{made.model}/model.skops"] == b"second"
    assert made.world.authors("model", made.model_id) == {"ann", "bob"}


@pytest.mark.parametrize("how", ["ask", "stand"])
def test_from_the_request_on_they_are_written_once(made: Made, how: str) -> None:
    getattr(made.world, how)(MODEL, 1, "staging")
    before = made.all()
    with made.world.asked_by("bob"):
        words = (f"{MODEL}/1", "staging", "written once", "register it as the next version")
        refused(lambda: made.put(f"{made.model}/model.skops", b"second"), *words)
        refused(lambda: made.put(f"{made.model}/new/folder/extra.txt", b"second"), *words)
        refused(lambda: made.put(made.model, b"second"), *words)
        refused(lambda: made.put(f"{made.evidence}/safety.dsse.json", b"second"), *words)
        refused(lambda: made.delete(f"{made.model}/model.skops"), *words)
        refused(lambda: made.delete(f"{made.model}/"), *words)
    assert made.all() == before
    assert {what for _, what, _ in made.world.attempts()} == {"upload", "delete-artifacts"}
    assert len(made.world.attempts()) == 6


@pytest.mark.parametrize("path", ["{e}", "{e}/models", "{e}/models/{m}", "{e}/{r}", "{e}/{r}/artifacts", None])
def test_nothing_above_them_is_deleted(made: Made, path: str | None) -> None:
    made.world.stand(MODEL, 1, "staging")
    before = made.all()
    told = path and path.format(e=made.experiment, m=made.model_id, r=made.run)
    with made.world.asked_by("bob"):
        refused(lambda: made.delete(told), "stands at staging")
    assert made.all() == before


def test_other_files_of_the_run_go_on_being_written(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    before = made.all()
    with made.world.asked_by("bob"):
        made.put(f"{made.experiment}/{made.run}/artifacts/plots/after.png", b"plot")
        made.put(f"{made.experiment}/{made.run}/artifacts/evidence.txt", b"beside it")
        made.delete(f"{made.experiment}/{made.run}/artifacts/plots")
        made.delete(f"{made.experiment}/{made.run}/artifacts/evidence.txt")
    assert made.all() == before


@pytest.mark.parametrize(
    "spelt",
    [
        "{e}/models/./{m}/artifacts",
        "{e}//models/{m}/artifacts",
        "/{e}/models/{m}/artifacts",
        "{e}/models/{m}/artifacts/.",
        "{e}/models/{m}/../{m}/artifacts",
        "../towpath/{e}/models/{m}/artifacts",
        "{e}%2Fmodels/{m}/artifacts",
        "{e}/models/{m}%252Fartifacts",
        "{e}/models\\{m}\\artifacts",
        "{e}/models/{m}/artifacts\u200b",
        "{e}/models/{m}/artifacts/e\u0301",
        "{e}/models/{m}/artifacts\n",
    ],
)
def test_a_name_that_could_be_read_as_another_one_is_refused_and_recorded(made: Made, spelt: str) -> None:
    before = made.all()
    path = spelt.format(e=made.experiment, m=made.model_id)
    with made.world.asked_by("bob"):
        refused(lambda: made.put(f"{path}/model.skops", b"second"), "could be read as another name")
        refused(lambda: made.delete(f"{path}/model.skops"), "could be read as another name")
    assert made.all() == before
    assert [what for _, what, _ in made.world.attempts()] == ["upload", "delete-artifacts"]


@pytest.mark.parametrize("path", ["../secret", "/secret", "a/../../secret", "%2e%2e/secret"])
def test_nothing_outside_is_read(made: Made, tmp_path: Path, path: str) -> None:
    made.store.client.put_object(Bucket=made.place.bucket, Key="secret", Body=b"another's")
    for read in (
        lambda: made.files().list_artifacts(path),
        lambda: made.files()._download_file(path, str(tmp_path / "got")),
        lambda: GovernedObjects(f"s3://{made.place.bucket}")._download_file("secret", str(tmp_path / "got")),
    ):
        with pytest.raises(MlflowException, match="could be read as another name|does not lie below"):
            read()
    assert not (tmp_path / "got").exists()


def test_what_is_inside_is_listed_and_read(made: Made, tmp_path: Path) -> None:
    listed = made.files().list_artifacts(made.model)
    assert [(one.path, one.is_dir, one.file_size) for one in listed] == [(f"{made.model}/model.skops", False, 5)]
    assert made.files().list_artifacts(f"{made.model}/") == listed
    got = made.files().download_artifacts(made.model, str(tmp_path))  # type: ignore[no-untyped-call]
    assert (Path(got) / "model.skops").read_bytes() == b"first"
    with pytest.raises(MlflowException, match="it is not there"):
        made.files().download_artifacts("1/nothing", str(tmp_path))  # type: ignore[no-untyped-call]


def test_a_repository_that_begins_further_down_knows_them_too(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    files = made.files(f"/{made.experiment}/models/{made.model_id}")
    with made.world.asked_by("bob"):
        refused(lambda: files.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt", "artifacts"), "written once")
        refused(files.delete_artifacts, "written once")


def test_a_folder_of_files_is_refused_at_the_first_one(made: Made, tmp_path: Path) -> None:
    made.world.stand(MODEL, 1, "staging")
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "model.skops").write_bytes(b"second")
    with made.world.asked_by("bob"):
        refused(lambda: made.files().log_artifacts(str(tmp_path / "new"), made.model), "written once")
        refused(lambda: made.files().log_artifact(str(tmp_path / "new/deep/model.skops"), made.model), "written once")
        made.files().log_artifacts(str(tmp_path / "new"), "7/other")
    assert made.all()["7/other/deep/model.skops"] == b"second"


def test_the_server_writes_nowhere_else(made: Made, tmp_path: Path) -> None:
    other = S3Place(made.place.bucket, "elsewhere")
    with made.world.asked_by("bob"):
        refused(
            lambda: GovernedObjects(str(other)).log_artifact_from_stream(io.BytesIO(b"x"), "a.txt"),
            "does not lie below",
        )
        refused(lambda: GovernedObjects(f"s3://{made.place.bucket}").delete_artifacts(), "does not lie below")
        refused(
            lambda: GovernedFiles(tmp_path.as_uri()).log_artifact_from_stream(io.BytesIO(b"x"), "a.txt"),
            "below its own artifacts only",
        )
    assert not any(key.startswith("elsewhere") for key in made.store.content(made.place))
    assert not (tmp_path / "a.txt").exists()


def test_a_server_with_a_folder_writes_to_no_bucket(made: Made) -> None:
    os.environ[ARTIFACTS_DESTINATION_ENV_VAR] = f"governed+{made.world.artifacts.as_uri()}"
    with made.world.asked_by("bob"):
        refused(lambda: made.put("7/a.txt", b"x"), "below its own artifacts only")
        refused(lambda: made.delete("7"), "below its own artifacts only")


def test_every_address_of_an_object_store_is_governed() -> None:
    """In a process of its own, as a server has: what MLflow is told to open stays told."""
    asked = (
        "from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry as registry\n"
        "from towpath_registry.mlflow_plugin.app import put_stores\n"
        "put_stores()\n"
        "print(registry._registry['s3'].__name__)\n"
        "print(type(registry.get_artifact_repository('governed+s3://models/a')).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["GovernedObjects", "GovernedObjects"]


def test_no_signed_address_leaves_the_server() -> None:
    """MLflow offers uploads in parts and signed addresses for a store of these kinds, and for no other."""
    assert not issubclass(GovernedObjects, (MultipartUploadMixin, MultipartDownloadMixin, PresignedUploadMixin))
    assert [name for name in dir(GovernedObjects) if "multipart" in name or "presigned" in name] == []


def test_an_upload_that_lasts_longer_than_the_request_takes_is_refused_at_its_end(made: Made) -> None:
    """The bytes came while the name was free; the request was made before they were put in place."""

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

    before = made.all()
    refused(lambda: asyncio.run(upload()), f"{MODEL}/1 is asked for production")
    assert made.all() == before
    assert made.world.attempts()[-1][:2] == ("bob", "upload")


def test_what_is_kept_already_is_refused_before_a_byte_is_read(made: Made) -> None:
    made.world.ask(MODEL, 1, "production")

    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError

    with made.world.asked_by("bob"):
        refused(
            lambda: made.files().log_artifact_from_stream(Unread(), "model.skops", made.model),
            "is asked for production",
        )


def test_nobody_writes_who_is_not_known(made: Made) -> None:
    refused(lambda: made.put("7/file.txt", b"x"), "only through its server")
    with made.world.asked_by(""):
        refused(lambda: made.put("7/file.txt", b"x"), "nobody is logged in")

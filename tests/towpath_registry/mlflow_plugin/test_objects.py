"""The files of a kept version are written once in an object store too, whatever name for them somebody uses."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR
from mlflow.store.artifact.artifact_repo import MultipartDownloadMixin, MultipartUploadMixin, PresignedUploadMixin

from governed_files import MadeInBucket, refused
from governed_world import GovernedWorld
from object_store import ObjectStore, pointing_at
from towpath_registry.artifact_place import S3Place
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles
from towpath_registry.mlflow_plugin.objects import GovernedObjects

pytestmark = pytest.mark.slow


@pytest.fixture
def made(running: ObjectStore, tmp_path: Path) -> Iterator[MadeInBucket]:
    with pointing_at(running):
        yield MadeInBucket(GovernedWorld(tmp_path / "home"), running)


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
def test_a_name_that_could_be_read_as_another_one_is_refused_and_recorded(made: MadeInBucket, spelt: str) -> None:
    before = made.all()
    path = spelt.format(e=made.experiment, m=made.model_id)
    with made.world.asked_by("bob"):
        refused(lambda: made.put(f"{path}/model.skops", b"second"), "could be read as another name")
        refused(lambda: made.delete(f"{path}/model.skops"), "could be read as another name")
    assert made.all() == before
    assert [what for _, what, _ in made.world.attempts()] == ["upload", "delete-artifacts"]


@pytest.mark.parametrize("path", ["../secret", "/secret", "a/../../secret", "%2e%2e/secret"])
def test_nothing_outside_is_read(made: MadeInBucket, tmp_path: Path, path: str) -> None:
    made.store.client.put_object(Bucket=made.place.bucket, Key="secret", Body=b"another's")
    for read in (
        lambda: made.files().list_artifacts(path),
        lambda: made.files()._download_file(path, str(tmp_path / "got")),
        lambda: GovernedObjects(f"s3://{made.place.bucket}")._download_file("secret", str(tmp_path / "got")),
    ):
        with pytest.raises(MlflowException, match="could be read as another name|does not lie below"):
            read()
    assert not (tmp_path / "got").exists()


def test_what_is_inside_is_listed_and_read(made: MadeInBucket, tmp_path: Path) -> None:
    listed = made.files().list_artifacts(made.model)
    assert [(one.path, one.is_dir, one.file_size) for one in listed] == [(f"{made.model}/model.skops", False, 5)]
    assert made.files().list_artifacts(f"{made.model}/") == listed
    got = made.files().download_artifacts(made.model, str(tmp_path))  # type: ignore[no-untyped-call]
    assert (Path(got) / "model.skops").read_bytes() == b"first"
    with pytest.raises(MlflowException, match="it is not there"):
        made.files().download_artifacts("1/nothing", str(tmp_path))  # type: ignore[no-untyped-call]


def test_the_server_writes_nowhere_else(made: MadeInBucket, tmp_path: Path) -> None:
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


def test_a_server_with_a_folder_writes_to_no_bucket(made: MadeInBucket) -> None:
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

"""What the gates read of a version whose files lie in an object store."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from object_store import ObjectStore
from towpath_core.errors import CouldNot
from towpath_registry import evidence, local_files, server_artifacts
from towpath_registry.artifact_place import S3Place
from towpath_registry.s3_door import Bucket
from towpath_registry.s3_files import S3Files

pytestmark = pytest.mark.slow
REF, MODEL = "coder/1", "1/models/m-0f/artifacts"
URI = f"mlflow-artifacts:/{MODEL}"


@pytest.fixture
def place(store: ObjectStore) -> S3Place:
    made = store.place()
    store.put(made, f"{MODEL}/MLmodel", b"{}")
    store.put(made, f"{MODEL}/deep/model.skops", b"first")
    store.put(made, f"{MODEL}/empty/", b"")
    store.put(made, "1/models/m-0f/artifacts-of-another/x", b"x")
    store.put(made, "1/r/artifacts/evidence/quality.dsse.json", b"{1}")
    store.put(made, "1/r/artifacts/evidence/deep/hidden.dsse.json", b"{2}")
    store.put(made, "1/r/artifacts/evidence/notes.txt", b"{3}")
    return made


def files(place: S3Place, **limits: int) -> S3Files:
    return S3Files(Bucket(place, os.environ), **limits)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("uri", [URI, f"mlflow-artifacts:///{MODEL}", f"{URI}/", "s3"])
def test_they_lie_in_a_folder_of_the_owner_s_while_they_are_read(place: S3Place, uri: str) -> None:
    with files(place).folder(f"{place}/{MODEL}" if uri == "s3" else uri, REF) as folder:
        assert content(folder) == {"MLmodel": b"{}", "deep/model.skops": b"first"}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()


def test_they_are_fetched_anew_each_time(store: ObjectStore, place: S3Place) -> None:
    reader = server_artifacts.opened(place, os.environ, only_inside=True)
    with reader.folder(URI, REF) as first:
        assert content(first)["deep/model.skops"] == b"first"
    store.put(place, f"{MODEL}/deep/model.skops", b"other")
    with reader.folder(URI, REF) as second:
        assert content(second)["deep/model.skops"] == b"other"


def test_evidence_is_what_lies_in_its_folder_and_is_called_so(place: S3Place) -> None:
    assert files(place).evidence("mlflow-artifacts:/1/r/artifacts", REF) == [("quality.dsse.json", b"{1}")]
    assert files(place).evidence("mlflow-artifacts:/1/other/artifacts", REF) == []


def test_a_huge_envelope_is_read_as_far_as_it_takes_to_refuse_it(
    store: ObjectStore, place: S3Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "LARGEST", 10)
    store.put(place, "1/r/artifacts/evidence/quality.dsse.json", b"x" * 100)
    ((_, got),) = files(place).evidence("mlflow-artifacts:/1/r/artifacts", REF)
    assert len(got) == 11


def test_one_file_of_a_run_is_read_whole_or_not_at_all(place: S3Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run = "mlflow-artifacts:/1/r/artifacts"
    assert files(place).file(run, "evidence/notes.txt", REF) == b"{3}"
    assert [files(place).file(run, path, REF) for path in ("nothing", "../../models/m-0f/artifacts/MLmodel")] == [
        None,
        None,
    ]
    monkeypatch.setattr(local_files, "LARGEST", 2)
    with pytest.raises(CouldNot, match="notes.txt of coder/1 is larger than"):
        files(place).file(run, "evidence/notes.txt", REF)


def test_what_is_gone_is_said_to_be_gone(place: S3Place) -> None:
    with (
        pytest.raises(CouldNot, match="the files of coder/1 are gone"),
        files(place).folder("mlflow-artifacts:/1/models/m-1e/artifacts", REF),
    ):
        pass


@pytest.mark.parametrize(
    "uri",
    [
        "mlflow-artifacts:/../secret", "mlflow-artifacts:/1/%2e%2e/secret", "mlflow-artifacts:/", "mlflow-artifacts://h/1",
        "mlflow-artifacts:/1?a=b", "s3://another/towpath/1", "file:///etc", "/etc", "", "dbfs:/1",
    ],
)  # fmt: skip
def test_nothing_outside_is_read(store: ObjectStore, place: S3Place, uri: str) -> None:
    store.client.put_object(Bucket=place.bucket, Key="secret", Body=b"another's")
    with pytest.raises(CouldNot, match="outside of the registry's artifacts"), files(place).folder(uri, REF):
        pass
    with pytest.raises(CouldNot, match="outside of the registry's artifacts"):
        files(place).evidence(uri, REF)


@pytest.mark.parametrize("name", ["../../../x", "a//b", "%2e%2e/x", "a\\b"])
def test_a_file_with_an_odd_name_is_not_laid_out(store: ObjectStore, place: S3Place, name: str) -> None:
    """Whoever owns the bucket can put it there past the server."""
    store.put(place, f"{MODEL}/{name}", b"x")
    with pytest.raises(CouldNot, match="could be read as another name"), files(place).folder(URI, REF):
        pass


def test_a_name_that_is_a_file_and_a_folder_is_not_laid_out(store: ObjectStore, place: S3Place) -> None:
    store.put(place, f"{MODEL}/deep", b"a file too")
    with pytest.raises(CouldNot, match="cannot lay out the files of coder/1"), files(place).folder(URI, REF):
        pass


@pytest.mark.parametrize("limits", [{"most": 1}, {"largest": 6}], ids=str)
def test_more_than_a_model_is_is_not_fetched(place: S3Place, limits: dict[str, int]) -> None:
    with pytest.raises(CouldNot, match="coder/1 has more than"), files(place, **limits).folder(URI, REF):
        pass

"""The door to an object store, against a server that speaks S3."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import URLLib3Session

from object_store import SECRET, ObjectStore
from registry_world import free_port
from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_registry import s3_door, server_artifacts
from towpath_registry.artifact_place import S3Place
from towpath_registry.s3_door import MARKER, Bucket, Found, Overtaken

pytestmark = pytest.mark.slow


@pytest.fixture
def place(store: ObjectStore) -> S3Place:
    return store.place()


@pytest.fixture
def bucket(place: S3Place) -> Bucket:
    return Bucket(place, os.environ)


def a_file(folder: Path, content: bytes) -> Path:
    (folder / "file").write_bytes(content)
    return folder / "file"


def nothing() -> None:
    """A judge who lets everything through."""


def refuse() -> None:
    raise Refused("it is written once")


def test_what_was_written_is_found_and_read(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("1/a/model.json", a_file(tmp_path, b"{}"), nothing)
    (found,) = bucket.all("1")
    bucket.fetch(found, tmp_path / "fetched")
    assert (found.name, found.size) == ("1/a/model.json", 2)
    assert (tmp_path / "fetched").read_bytes() == bucket.read("1/a/model.json", 10) == b"{}"
    assert bucket.read("1/a/model.json", 1) == b"{"


def test_names_lie_below_the_prefix_and_beside_others(store: ObjectStore, tmp_path: Path) -> None:
    place = store.place("teams/one")
    for key in ("teams/one-more/a", "teams/a", "a"):
        store.client.put_object(Bucket=place.bucket, Key=key, Body=b"another's")
    bucket = Bucket(place, os.environ)
    bucket.put("1/a", a_file(tmp_path, b"ours"), nothing)
    store.put(place, "1/empty/", b"")
    assert [one.name for one in bucket.all("")] == ["1/a"]
    bucket.delete("", nothing)
    assert set(store.content(place)) == {"teams/one-more/a", "teams/a", "a"}


def test_deleting_takes_what_lies_below_a_name_and_no_sibling(
    store: ObjectStore, place: S3Place, bucket: Bucket
) -> None:
    for name in ("a/b", "a/c/d", "ab", "a.txt"):
        store.put(place, name, b"x")
    bucket.delete("a", nothing)
    assert set(store.content(place)) == {place.key("ab"), place.key("a.txt")}


def test_deleting_asks_again_before_each_page(store: ObjectStore, place: S3Place) -> None:
    for number in range(3):
        store.put(place, f"a/{number}", b"")
    asked: list[int] = []

    def judge() -> None:
        asked.append(len(asked))
        if len(asked) > 1:
            refuse()

    with pytest.raises(Refused, match="written once"):
        Bucket(place, os.environ, page=2).delete("a", judge)
    assert set(store.content(place)) == {place.key("a/2")}


@pytest.mark.parametrize("size", [3, 9 << 20], ids=["one request", "in parts"])
class TestWriting:
    def test_it_replaces_what_was_there(self, bucket: Bucket, tmp_path: Path, size: int) -> None:
        bucket.put("a", a_file(tmp_path, b"1" * size), nothing)
        bucket.put("a", a_file(tmp_path, b"2" * size), nothing)
        assert bucket.read("a", size + 1) == b"2" * size

    def test_what_is_refused_at_the_last_moment_was_never_seen(
        self, store: ObjectStore, place: S3Place, bucket: Bucket, tmp_path: Path, size: int
    ) -> None:
        with pytest.raises(Refused, match="written once"):
            bucket.put("a", a_file(tmp_path, b"1" * size), refuse)
        assert store.content(place) == {}
        assert store.unfinished(place) == 0

    def test_what_somebody_else_wrote_meanwhile_stays(
        self, store: ObjectStore, place: S3Place, bucket: Bucket, tmp_path: Path, size: int
    ) -> None:
        with pytest.raises(Overtaken, match="somebody else wrote it at the same time"):
            bucket.put("a", a_file(tmp_path, b"1" * size), lambda: store.put(place, "a", b"theirs"))
        assert store.content(place) == {place.key("a"): b"theirs"}
        assert store.unfinished(place) == 0

    def test_an_answer_that_is_lost_makes_nobody_else_of_us(self, bucket: Bucket, tmp_path: Path, size: int) -> None:
        """The request went twice, and to the second one the store says that something is there by now."""
        sent = []

        def twice(request: AWSPreparedRequest, **_: Any) -> None:
            URLLib3Session(timeout=20).send(request)
            request.reset_stream()
            sent.append(request.url)

        for operation in ("PutObject", "CompleteMultipartUpload"):
            bucket.client.meta.events.register(f"before-send.s3.{operation}", twice)
        bucket.put("a", a_file(tmp_path, b"1" * size), nothing)
        assert len(sent) == 1
        assert bucket.read("a", size + 1) == b"1" * size


def test_what_somebody_else_replaced_meanwhile_stays(
    store: ObjectStore, place: S3Place, bucket: Bucket, tmp_path: Path
) -> None:
    """For one request alone: moto does not compare If-Match at the end of an upload in parts."""
    store.put(place, "a", b"before")
    with pytest.raises(Overtaken, match="somebody else wrote it at the same time"):
        bucket.put("a", a_file(tmp_path, b"ours"), lambda: store.put(place, "a", b"theirs"))
    assert store.content(place) == {place.key("a"): b"theirs"}


def test_only_the_very_object_that_was_found_is_fetched(
    store: ObjectStore, place: S3Place, bucket: Bucket, tmp_path: Path
) -> None:
    store.put(place, "a", b"first")
    (found,) = bucket.all("")
    store.put(place, "a", b"second")
    with pytest.raises(CouldNot, match="reading a: somebody else wrote it at the same time"):
        bucket.fetch(found, tmp_path / "fetched")


def test_what_is_larger_than_was_said_is_not_read_on(
    store: ObjectStore, place: S3Place, bucket: Bucket, tmp_path: Path
) -> None:
    store.put(place, "a", b"x" * 100)
    (found,) = bucket.all("")
    with pytest.raises(CouldNot, match="larger than the object store says"):
        bucket.fetch(Found("a", 10, found.etag), tmp_path / "short")
    with pytest.raises(CouldNot, match="ended early"):
        bucket.fetch(Found("a", 200, found.etag), tmp_path / "long")


def test_before_a_server_starts_one_object_is_written_once(store: ObjectStore, place: S3Place) -> None:
    server_artifacts.check(place, os.environ)
    assert store.content(place) == {}
    for _ in range(2):
        server_artifacts.prepare(place, os.environ)
    assert store.content(place) == {place.key(MARKER): b""}


def test_a_store_that_overwrites_everything_is_none_for_a_server(place: S3Place) -> None:
    bucket = Bucket(place, os.environ)

    def forget(params: Any, **_: Any) -> None:
        del params["headers"]["If-None-Match"]

    bucket.client.meta.events.register("before-call.s3.PutObject", forget)
    with pytest.raises(CouldNot, match="If-None-Match") as caught:
        bucket.check_writing()
    assert "conditional writes" in caught.value.hint


def test_what_is_not_there_is_said(bucket: Bucket) -> None:
    with pytest.raises(NotFound, match="reading a: it is not there"):
        bucket.read("a", 1)
    with pytest.raises(CouldNot, match="opening s3://no-such-bucket: there is no such bucket") as caught:
        Bucket(S3Place("no-such-bucket"), os.environ).check()
    assert "--artifacts" in caught.value.hint


def test_who_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch, place: S3Place) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for variable in ("AWS_ENDPOINT_URL_S3", "MLFLOW_S3_ENDPOINT_URL"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
        with pytest.raises(CouldNot, match="the object store does not answer") as caught:
            Bucket(place, os.environ).check()
        assert "AWS_ENDPOINT_URL_S3" in caught.value.hint


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "http://", "no address"])
def test_an_endpoint_that_is_none_is_said(store: ObjectStore, place: S3Place, endpoint: str) -> None:
    with pytest.raises(CouldNot, match="the object store was not asked|does not answer") as caught:
        Bucket(place, {"MLFLOW_S3_ENDPOINT_URL": endpoint}).check()
    assert "AWS_ENDPOINT_URL_S3" in caught.value.hint


def test_without_credentials_it_says_how_to_give_them(monkeypatch: pytest.MonkeyPatch, place: S3Place) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(CouldNot, match="nobody says who asks the object store") as caught:
        Bucket(place, os.environ).check()
    assert "AWS_PROFILE" in caught.value.hint


def test_without_boto3_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, place: S3Place) -> None:
    for name in ("boto3", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CouldNot, match="boto3 is not installed") as caught:
        Bucket(place, os.environ).check()
    assert caught.value.hint == "pip install 'towpath[s3]'"


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SlowDown", "NoSuchBucket", "404", ""])
def test_of_the_stores_words_none_is_repeated(code: str) -> None:
    said = {"Error": {"Code": code, "Message": f"key {SECRET}"}}
    with pytest.raises(CouldNot, match="reading a") as caught, s3_door.translated("reading a"):
        raise botocore.exceptions.ClientError(said, "GetObject")
    assert SECRET not in caught.value.message + caught.value.hint


def test_every_error_of_botocore_is_one_of_ours() -> None:
    kinds = [kind for kind in vars(botocore.exceptions).values() if isinstance(kind, type)]
    base = (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError)
    others = {kind for kind in kinds if issubclass(kind, Exception) and not issubclass(kind, (*base, Warning))}
    assert {kind.__name__ for kind in others} == {"UndefinedModelAttributeError", "MissingServiceIdError"}, "new ones"

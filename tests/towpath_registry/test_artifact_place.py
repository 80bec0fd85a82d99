"""Where a server's artifacts may lie, and which names below it nothing reads as another."""

from __future__ import annotations

from pathlib import Path

import pytest

from towpath_core.errors import Misused
from towpath_registry.artifact_place import S3Place, address, place, plain


def test_a_folder_is_taken_as_it_is_from_here(tmp_path: Path) -> None:
    assert place(str(tmp_path)) == tmp_path
    assert place("artifacts") == Path("artifacts").absolute()
    assert address(tmp_path) == tmp_path.as_uri()


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("s3://models", S3Place("models")),
        ("s3://models/", S3Place("models")),
        ("s3://models/team/towpath/", S3Place("models", "team/towpath")),
        ("s3://models.office.example/a", S3Place("models.office.example", "a")),
    ],
)
def test_a_place_in_a_bucket_is_its_name_and_a_prefix(told: str, found: S3Place) -> None:
    assert place(told) == found
    assert address(found) == told.rstrip("/")


@pytest.mark.parametrize(
    "told",
    ["gs://models", "governed+s3://models", "https://models.example/a", "s3://", "s3://M", "s3://mo_dels", "s3:///a",
     "s3://models/a?b=c", "s3://models/a#b", "s3://[models/a"],
)  # fmt: skip
def test_what_is_no_place_is_said_to_be_none(told: str) -> None:
    with pytest.raises(Misused, match="bucket|S3-compatible"):
        place(told)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misused, match="in a folder or in an S3-compatible object store"):
        place(str(tmp_path / "file"))


def test_a_key_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Misused, match="a password in a command") as caught:
        place("s3://AKIA:very-secret@models/a")
    assert "very-secret" not in caught.value.message + caught.value.hint
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.hint


ODD = [
    "", "a//b", "/a", "a/", "a/../b", "..", "./a", "a/.", "a\\b", "a%2Fb", "a%252e%252e/b", "%61", "a\nb", "a\0b",
    "a\u200bb", "cafe\u0301", "a\ud800", "\u2028",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_name_that_could_be_read_as_another_one_is_refused(name: str) -> None:
    with pytest.raises(Misused, match="could be read as another name"):
        plain(name)
    with pytest.raises(Misused, match="could be read as another name"):
        S3Place("models", "a").name(f"s3://models/a/{name}/b")


@pytest.mark.parametrize(
    "name", ["a", "1/m-0f/artifacts/MLmodel", "Löhne 2025.csv", "50%.txt", "a+b=c&d", "..a/b..", "企业"]
)
def test_a_plain_name_is_taken_to_the_letter(name: str) -> None:
    assert plain(name) == name
    assert S3Place("models", "a").key(name) == f"a/{name}"
    assert S3Place("models", "a").name(f"s3://models/a/{name}") == name


def test_a_key_is_no_longer_than_s3_takes_it() -> None:
    assert plain("ä" * 512)
    with pytest.raises(Misused, match="longer than 1024 bytes"):
        plain("ä" * 513)


@pytest.mark.parametrize("uri", ["s3://models/ab/c", "s3://other/a/c", "s3://models", "file:///a/c", "/a/c"])
def test_what_lies_elsewhere_has_no_name_here(uri: str) -> None:
    with pytest.raises(Misused, match="does not lie below s3://models/a"):
        S3Place("models", "a").name(uri)

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_core.digests import dir_hash, file_list, sha256_bytes, sha256_file
from towpath_core.errors import CouldNot, Refused

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
GITS = [".git/config", ".gitattributes", ".github/run.yml", ".gitignore"]
BY_HAND = "find . -type f | cut -c3- | LC_ALL=C sort | xargs sha256sum | sha256sum"


def folder(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_digest_names_its_function() -> None:
    assert sha256_bytes(b"") == EMPTY


@given(st.binary(max_size=200_000))
def test_a_file_has_the_digest_of_its_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("file") / "it"
    path.write_bytes(content)
    assert sha256_file(path) == sha256_bytes(content)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"cannot read .*gone: No such file"):
        sha256_file(tmp_path / "gone")


def test_the_folder_digest_can_be_had_by_hand(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"MLmodel": "a", "a-b": "1", "a/b": "2", "ab": "3", "sub/deep/x": "4"})
    shell = subprocess.run(BY_HAND, shell=True, cwd=root, capture_output=True, text=True, check=True)
    assert dir_hash(root) == "sha256:" + shell.stdout.split()[0]


def test_nothing_in_a_folder_is_ignored(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"x": "1", ".hidden": "2", "__pycache__/y.pyc": "3", **dict.fromkeys(GITS, "")})
    assert list(file_list(root)) == [*GITS, ".hidden", "__pycache__/y.pyc", "x"]


@pytest.mark.parametrize(
    "changed",
    [
        {"a": "2", "b": "1"},
        {"a": "1"},
        {"a": "1", "b": "2", "c": ""},
        {"a": "12", "b": ""},
        {"d/a": "1", "d/b": "2"},
        {"aa": "1", "b": "2"},
        {"a": "1", "b  c": "2"},
    ],
    ids=[
        *("swapped", "one less", "an empty one more", "moved between files", "moved to a folder"),
        *("renamed in the same order", "renamed with two spaces"),
    ],
)
def test_any_change_of_names_or_content_changes_the_folder_digest(tmp_path: Path, changed: dict[str, str]) -> None:
    before = dir_hash(folder(tmp_path / "before", {"a": "1", "b": "2"}))
    assert dir_hash(folder(tmp_path / "after", changed)) != before


def test_times_and_modes_do_not_matter(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"a": "1"})
    before = dir_hash(root)
    os.utime(root / "a", (0, 0))
    (root / "a").chmod(0o600)
    assert dir_hash(root) == before


def test_a_link_is_refused_even_to_a_file_of_the_same_folder(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"a": "1"})
    (root / "b").symlink_to(root / "a")
    with pytest.raises(Refused, match="b in .* is a link or a special file"):
        dir_hash(root)


def test_what_is_written_through_another_name_of_a_file_makes_another_digest(tmp_path: Path) -> None:
    """A hard link is a file like any other; it is the bytes that count, and when they are read."""
    root = folder(tmp_path / "model", {"a": "1"})
    before = dir_hash(root)
    os.link(root / "a", tmp_path / "outside")
    assert dir_hash(root) == before
    (tmp_path / "outside").write_text("2")
    assert dir_hash(root) != before


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "model", {"a": "1"})
    monkeypatch.chdir(root)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        with pytest.raises(Refused, match="socket in .* is a link or a special file, expected plain files only"):
            dir_hash(root)


def test_a_name_with_two_spaces_is_one_name(tmp_path: Path) -> None:
    """A line is 64 digits, two spaces and the whole rest: no name can pass for the name of another file."""
    root = folder(tmp_path / "model", {f"{'0' * 64}  a": "1", "b  c": "2"})
    assert list(file_list(root)) == [f"{'0' * 64}  a", "b  c"]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"a": "1"})
    os.mkfifo(root / "pipe")
    with pytest.raises(Refused, match="special file"):
        dir_hash(root)


@pytest.mark.parametrize("name", ["line\nbreak", "back\\slash", "tab\there"])
def test_a_name_that_could_forge_a_line_of_the_list_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused, match="control character or a backslash"):
        dir_hash(folder(tmp_path / "model", {name: "1"}))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"a": "1"})
    with open(os.path.join(os.fsencode(root), b"\xff"), "w"):  # noqa: PTH118, PTH123 (bytes, which pathlib has not)
        pass
    with pytest.raises(Refused, match="not UTF-8"):
        dir_hash(root)


@pytest.mark.parametrize("twins", [("MLmodel", "mlmodel"), ("caf\u00e9", "cafe\u0301"), ("stra\u00dfe", "STRASSE")])
def test_names_that_are_one_name_elsewhere_are_refused(tmp_path: Path, twins: tuple[str, str]) -> None:
    with pytest.raises(Refused, match="looks like another file's name"):
        dir_hash(folder(tmp_path / "model", dict.fromkeys(twins, "")))


def test_a_folder_without_files_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(Refused, match="holds no files"):
        dir_hash(tmp_path / "empty")


def test_the_only_file_of_a_folder_counts_with_its_name(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one", {"model.skops": "1"}), folder(tmp_path / "other", {"model.pkl": "1"})
    assert dir_hash(one) != dir_hash(other)


def test_a_model_is_a_folder_and_no_single_file(tmp_path: Path) -> None:
    root = folder(tmp_path / "model", {"model.skops": "1"})
    with pytest.raises(CouldNot, match=r"there is no folder .*model\.skops"):
        dir_hash(root / "model.skops")


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match="there is no folder"):
        dir_hash(tmp_path / "gone")

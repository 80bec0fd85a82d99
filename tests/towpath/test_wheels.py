"""Locks and the wheels that they name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from towpath.wheels import Lock, Platform, Wheelhouse, download, folder
from towpath_core.digests import sha256_bytes, sha256_file
from towpath_core.errors import CouldNot, Misused

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def wheel(path: Path, name: str = "tiny", version: str = "1.0") -> Path:
    """A wheel that pip takes, with nothing in it."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path / f"{name}-{version}-py3-none-any.whl"


def test_a_lock_names_versions_and_digests() -> None:
    text = (
        f"# made by a tool\nuvicorn==0.54.0 \\\n    --hash={A} \\\n    --hash={B}\n"
        f"uvloop==0.23 ; sys_platform != 'win32' \\\n    --hash={A}  # why\n"
    )
    lock = Lock.parse(text)
    assert lock.pins == {"uvicorn==0.54.0": {A, B}, "uvloop==0.23": {A}}
    assert lock.conditional == {"uvloop==0.23"}
    assert lock.digest == sha256_bytes(text.encode())


@pytest.mark.parametrize(
    "line",
    [
        "uvicorn==0.54.0",
        f"uvicorn>=0.54 --hash={A}",
        "--index-url https://example.invalid/simple",
        "-r other.txt",
        "uvicorn @ https://example.invalid/uvicorn.whl",
    ],
)
def test_a_lock_that_leaves_something_open_is_refused(line: str) -> None:
    with pytest.raises(Misused, match="has a line without a version and hashes"):
        Lock.parse(f"anyio==4.0 --hash={A}\n{line}\n")


def test_an_empty_lock_is_refused() -> None:
    with pytest.raises(Misused, match="names no package"):
        Lock.parse("# nothing\n")


def test_wheels_are_known_by_their_content(tmp_path: Path) -> None:
    good = wheel(tmp_path)
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"something else")
    lock = Lock.parse(f"tiny==1.0 --hash={sha256_file(good)}\nother==1.0 --hash={A}\nmaybe==1 ; x --hash={B}\n")

    found = Wheelhouse.at(tmp_path, lock)

    assert found == Wheelhouse((good,), ("other==1.0",), 2)
    assert Wheelhouse.at(tmp_path / "nowhere", lock).absent == 3


def test_each_lock_has_a_folder_of_its_own(tmp_path: Path) -> None:
    lock = Lock.parse(f"tiny==1.0 --hash={A}\n")
    assert folder(tmp_path, lock) == tmp_path / "wheelhouse" / lock.digest.removeprefix("sha256:")


def test_wheels_fit_the_c_library_of_the_image() -> None:
    assert Platform("3.11", "x86_64", 28).tags()[:2] == ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64"]
    assert Platform("3.11", "aarch64", 17).tags() == [
        "manylinux_2_17_aarch64",
        "manylinux_2_12_aarch64",
        "manylinux_2_5_aarch64",
    ]


def test_what_is_there_already_is_taken_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index is asked for a wheel of the right content."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    good = wheel(tmp_path)
    lock = Lock.parse(f"tiny==1.0 --hash={sha256_file(good)}\n")
    said: list[str] = []

    download(tmp_path, lock, Platform("3.11", "x86_64", 36), said.append)

    assert Wheelhouse.at(tmp_path, lock).missing == ()
    assert [path.name for path in tmp_path.iterdir()] == [good.name]
    assert said == [f"pip: {good.name}"]


def test_pip_s_own_words_are_told_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel(tmp_path)
    lock = Lock.parse(f"tiny==1.0 --hash={A}\n")
    with pytest.raises(CouldNot, match=r"(?s)pip could not download the wheels:.*DO NOT MATCH THE HASHES"):
        download(tmp_path, lock, Platform("3.11", "x86_64", 36), print)
    assert len(list(tmp_path.iterdir())) == 1

"""What is remembered: under exactly the same key, by this user, whole; anything else is as if it were not there."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from towpath_checks import remembered
from towpath_checks.remembered import Memory, open_memory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ABOUT = {"data": "sha256:aa", "suite": "sha256:bb"}
PASSED = {"verdict": "passed", "count": 3}


def memory(folder: Path, key: bytes = b"k" * 32) -> Memory:
    return Memory(folder / "checks", key, lambda: NOON)


def kept(folder: Path) -> Path:
    assert memory(folder).keep(ABOUT, PASSED)
    (path,) = (folder / "checks").glob("*.json")
    return path


def test_the_same_key_gives_what_was_kept_and_when(tmp_path: Path) -> None:
    kept(tmp_path)
    found = memory(tmp_path).recall(dict(reversed(ABOUT.items())))
    assert found is not None
    assert (found.content, found.moment) == (PASSED, NOON)


@pytest.mark.parametrize("change", [{"data": "sha256:ab"}, {"suite": "sha256:bc"}, {"engine": "gx"}])
def test_anything_else_in_the_key_gives_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    kept(tmp_path)
    assert memory(tmp_path).recall({**ABOUT, **change}) is None


def test_what_has_no_digest_is_neither_kept_nor_found(tmp_path: Path) -> None:
    assert not memory(tmp_path).keep({**ABOUT, "data": None}, PASSED)
    assert memory(tmp_path).recall({**ABOUT, "data": None}) is None
    assert not (tmp_path / "checks").exists()


@pytest.mark.parametrize("place", range(0, 240, 7))
def test_a_file_with_one_changed_byte_gives_nothing_or_the_same(tmp_path: Path, place: int) -> None:
    path = kept(tmp_path)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    found = memory(tmp_path).recall(ABOUT)
    assert found is None or found.content == PASSED


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"kept": {}, "mac": 3}', b"[" * 5000, b"\xff\xfe"])
def test_a_file_that_is_something_else_gives_nothing(tmp_path: Path, content: bytes) -> None:
    kept(tmp_path).write_bytes(content)
    assert memory(tmp_path).recall(ABOUT) is None


def test_a_truncated_file_gives_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    assert memory(tmp_path).recall(ABOUT) is None


def test_a_verdict_that_came_with_somebodys_project_gives_nothing(tmp_path: Path) -> None:
    assert memory(tmp_path, b"somebody else's key, of 32 bytes").keep(ABOUT, PASSED)
    assert memory(tmp_path).recall(ABOUT) is None


def test_a_forged_pass_gives_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path)
    content = json.loads(path.read_bytes())
    content["kept"]["content"]["count"] = 0
    path.write_text(json.dumps(content))
    assert memory(tmp_path).recall(ABOUT) is None


def test_a_verdict_put_in_the_place_of_another_gives_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path)
    other = {**ABOUT, "data": "sha256:bad"}
    memory(tmp_path).keep(other, {})
    (place,) = {*(tmp_path / "checks").glob("*.json")} - {path}
    place.write_bytes(path.read_bytes())
    assert memory(tmp_path).recall(other) is None


def test_git_does_not_see_the_folder(tmp_path: Path) -> None:
    kept(tmp_path)
    assert (tmp_path / "checks" / ".gitignore").read_text() == "*\n"


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "checks").write_text("a file")
    assert not memory(tmp_path).keep(ABOUT, PASSED)
    assert memory(tmp_path).recall(ABOUT) is None


def test_the_oldest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 3)
    for number in range(5):
        before = set((tmp_path / "checks").glob("*.json"))
        memory(tmp_path).keep({"data": str(number)}, {})
        (made,) = set((tmp_path / "checks").glob("*.json")) - before
        moment = (NOON - timedelta(days=1000 - number)).timestamp()
        os.utime(made, (moment, moment))
    known = [number for number in range(5) if memory(tmp_path).recall({"data": str(number)})]
    assert known == [2, 3, 4]


def test_the_key_is_the_users_own_and_made_once(tmp_path: Path) -> None:
    found: list[Memory | None] = []
    threads = [threading.Thread(target=lambda: found.append(open_memory(tmp_path / "m", tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.key for one in found if one}) == 1
    assert len(found) == 8
    assert (tmp_path / "checks.key").stat().st_mode & 0o777 == 0o600


def test_without_a_key_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "checks.key").write_bytes(b"short")
    assert open_memory(tmp_path / "m", tmp_path) is None
    (tmp_path / "home").write_text("a file")
    assert open_memory(tmp_path / "m", tmp_path / "home") is None

from __future__ import annotations

import os
from pathlib import Path

import pytest

from towpath_core.errors import CouldNot, Misused
from towpath_core.files import read_json, write_json, write_text, written_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_whole_readable_and_alone(tmp_path: Path) -> None:
    write_text(tmp_path / "deep" / "report.txt", "größer")
    assert (tmp_path / "deep" / "report.txt").read_text(encoding="utf-8") == "größer"
    assert names(tmp_path / "deep") == ["report.txt"]
    assert (tmp_path / "deep" / "report.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "state.json"
    write_text(path, "before")
    with pytest.raises(stop), written_whole(path) as part:
        part.write_text("half of the ne")
        raise stop
    assert path.read_text() == "before"
    assert names(tmp_path) == ["state.json"]


def test_until_the_block_ends_nobody_sees_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    with written_whole(path) as part:
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_a_place_that_takes_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CouldNot, match="cannot write .*/file/below"):
        write_text(tmp_path / "file" / "below", "x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_so_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_text(path, "before")
    with pytest.raises(CouldNot, match="No space left on device"), written_whole(path):
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    assert path.read_text() == "before"
    assert names(tmp_path) == ["state.json"]


def test_json_is_written_for_people_and_read_back(tmp_path: Path) -> None:
    write_json(tmp_path / "it.json", {"z": 1, "a": ["ä"]})
    assert (tmp_path / "it.json").read_text(encoding="utf-8") == '{\n  "z": 1,\n  "a": [\n    "ä"\n  ]\n}\n'
    assert read_json(tmp_path / "it.json", "a report") == {"z": 1, "a": ["ä"]}


def test_a_number_that_is_none_is_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "it.json", {"accuracy": float("nan")})
    assert names(tmp_path) == []
    (tmp_path / "it.json").write_text('{"accuracy": NaN}')
    with pytest.raises(Misused, match="NaN is not a number"):
        read_json(tmp_path / "it.json", "the metrics")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "it.json").write_bytes(b"\xff{")
    with pytest.raises(Misused, match=r"the metrics .*it\.json is not JSON"):
        read_json(tmp_path / "it.json", "the metrics")


def test_a_missing_file_is_named_by_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"cannot read the metrics .*it\.json: No such file"):
        read_json(tmp_path / "it.json", "the metrics")

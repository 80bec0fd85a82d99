from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from towpath_core.errors import CouldNot, Misused
from towpath_core.manifest import FILE, Field, Manifest, Threshold

CODER = Manifest(
    name="occupation-coder",
    task="coding",
    target="code",
    inputs=(Field("text", "string", max_length=200), Field("sector", "category", False, categories=("a", "b"))),
    levels=(1, 4),
    threshold=Threshold(0.8, "p1", 0.9),
    nomenclature={"name": "SOC", "version": "2010"},
)


def written(folder: Path, **changes: Any) -> Path:
    CODER.write(folder)
    content = json.loads((folder / FILE).read_text())
    content.update(changes)
    (folder / FILE).write_text(json.dumps(content))
    return folder


def test_a_manifest_read_back_is_the_same(tmp_path: Path) -> None:
    CODER.write(tmp_path)
    assert Manifest.read(tmp_path) == CODER


def test_the_file_is_json_that_another_tool_reads(tmp_path: Path) -> None:
    CODER.write(tmp_path)
    content = json.loads((tmp_path / "towpath.json").read_text())
    assert content["schema"] == 1
    assert content["threshold"] == {"value": 0.8, "score": "p1", "target": 0.9}


def test_no_threshold_is_a_valid_outcome(tmp_path: Path) -> None:
    written(tmp_path, threshold={"value": None})
    assert Manifest.read(tmp_path).threshold == Threshold(None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"schema": 2}, "expected an object with schema 1"),
        ({"schema": None}, "expected an object with schema 1"),
        ({"inputs": []}, "inputs need a type of"),
        ({"inputs": [{"name": "x", "type": "picture"}]}, "inputs need a type of"),
        ({"inputs": [{"name": "x", "type": "number", "unit": "EUR"}]}, "unit"),
        ({"threshold": {"value": float("inf")}}, "not a number"),
        ({"trusted_types": ["os.system"]}, "trusted_types"),
        ({"threshold": {"value": True}}, "not a number"),
        ({"threshold": {"value": "0.5"}}, "not a number"),
        ({"levels": None}, "not iterable"),
    ],
)
def test_what_is_no_manifest_of_this_schema_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Misused, match=why):
        Manifest.read(written(tmp_path, **changes))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    CODER.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    del content["task"]
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(Misused, match="task"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("text", ["[]", '"x"', "null", "{"])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(Misused):
        Manifest.read(tmp_path)


def test_a_folder_without_one_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match=r"the model's manifest .*towpath\.json"):
        Manifest.read(tmp_path)

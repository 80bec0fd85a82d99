"""Suite files: what is none is told by name, and an empty one is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from towpath_checks import suite
from towpath_core.errors import Misused, NotFound, Refused


def written(folder: Path, *expectations: Any) -> Path:
    path = folder / "suite.json"
    path.write_text(json.dumps({"name": "records", "expectations": list(expectations)}))
    return path


def test_a_suite_that_expects_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"suite\.json expects nothing"):
        suite.read(written(tmp_path))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is no suite"),
        ('{"name": "s"}', "is no suite"),
        ('{"expectations": [{}]}', "has no name"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {}}, {}]}', "expectation 2: expected an object"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {"a": 1, "a": 2}}]}', "'a' stands twice"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {}, "meta": ["y"]}]}', "meta is no object"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {"a": {"$PARAMETER": "b"}}}]}', "has no value here"),
    ],
)
def test_a_file_that_is_no_suite_is_told_by_name(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "suite.json"
    path.write_text(content)
    with pytest.raises(Misused, match=told) as refused:
        suite.read(path)
    assert "suite.json" in refused.value.message


def test_a_missing_suite_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        suite.read(tmp_path / "suite.json", "checks/suite.json")
    assert refused.value.hint.startswith("git checkout checks/suite.json")

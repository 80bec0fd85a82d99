"""towpath score, as a person calls it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import EmbeddedWorld, Material

if TYPE_CHECKING:
    from tests.conftest import Towpath

pytestmark = pytest.mark.slow


@pytest.fixture
def world(home: Path, packaged: Path) -> EmbeddedWorld:
    """A registry with one version, in production."""
    world = EmbeddedWorld(home)
    world.add(Material({path.name: path.read_bytes() for path in packaged.iterdir()}))
    world.move_alias("occupation-coder", "production", 1)
    return world


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("record_id,text\n01,kitchen cook\n02,\n03,astronaut\n")
    return path


def test_a_file_is_scored_by_what_is_in_production(
    towpath: Towpath, world: EmbeddedWorld, source: Path, tmp_path: Path
) -> None:
    done = towpath("score", str(source), "out.csv", "--model", "occupation-coder@production")

    assert done.out == "3 records by occupation-coder/1: 1 auto, 1 review, 1 rejected → out.csv\n"
    assert done.err == "rejected: line 3 (record 02): text: empty\n"
    with (tmp_path / "out.csv").open() as stream:
        assert [row["decision"] for row in csv.DictReader(stream)] == ["auto", "rejected", "review"]


def test_json_counts_and_names_the_model(towpath: Towpath, world: EmbeddedWorld, source: Path) -> None:
    done = towpath("score", str(source), "out.parquet", "--model", "occupation-coder/1", "--json", "--quiet")

    assert (done.json["schema"], done.json["records"], done.json["rejected"]) == (1, 3, 1)
    assert done.json["problems"] == ["line 3 (record 02): text: empty"]
    assert done.json["digest"].startswith("sha256:")
    assert done.err == ""


def test_strict_is_a_no(towpath: Towpath, world: EmbeddedWorld, source: Path, tmp_path: Path) -> None:
    done = towpath("score", str(source), "out.csv", "--model", "occupation-coder/1", "--strict", code=1)
    assert "1 of 3 records were rejected, so nothing was written" in done.err
    assert not (tmp_path / "out.csv").exists()


def test_bad_requests_are_told_before_anything_is_loaded(
    towpath: Towpath, world: EmbeddedWorld, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.csv").write_text("")
    assert "is there already" in towpath("score", str(source), "there.csv", "--model", "x/1", code=2).err
    assert "no kind of file" in towpath("score", str(source), "out.xlsx", "--model", "x/1", code=2).err
    assert "names no model version" in towpath("score", str(source), "o.csv", "--model", "x", code=2).err
    assert "there is no model" in towpath("score", str(source), "o.csv", "--model", "x/1", code=3).err
    assert "towpath.yaml" in towpath("score", str(source), "o.csv", code=3).err


def test_a_model_that_was_changed_is_not_used(
    towpath: Towpath, world: EmbeddedWorld, source: Path, tmp_path: Path
) -> None:
    (card,) = world.artifacts.rglob("MODEL_CARD.md")
    card.write_text("another")
    done = towpath("score", str(source), "out.csv", "--model", "occupation-coder/1", code=5)
    assert "expected sha256:" in done.err
    assert not (tmp_path / "out.csv").exists()

"""The quality report of a real version: made by its run, signed, kept with it, and read by who decides."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.journeys.conftest import World

pytestmark = pytest.mark.slow


def edit(world: World, name: str, before: str, after: str) -> None:
    path = world.project / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def commit(world: World) -> None:
    subprocess.run(["git", "add", "-A"], cwd=world.project, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Change"], cwd=world.project, check=True)


def file_of_the_run(world: World, name: str) -> Path:
    """A file that the run of the first version recorded; copies of the world write beside it."""
    run = world("show", f"{world.name}/1", "--json").json["run_id"]
    [path] = [path for path in world.home.rglob(name) if run in path.parts]
    return path


def test_the_report_says_the_five_dimensions_who_signed_it_and_where_the_version_stands(world: World) -> None:
    said = world("report", f"{world.name}/1").out
    for words in ("explainability: ", "accuracy: meets", "reproducibility: ", "timeliness: ", "cost effectiveness: "):
        assert words in said
    assert "Signed by" in said
    assert "production" in said
    content = world("report", f"{world.name}@production", "--json").json
    assert content["version"]["ref"] == f"{world.name}/1"
    assert content["dimensions"]["cost effectiveness"] == "not assessed"
    days = {row["name"]: row["value"] for row in content["figures"] if row["name"].startswith("days_")}
    assert 0 <= days["days_candidate_to_staging"] < 1


def test_the_whole_report_is_a_page_or_markdown(world: World, tmp_path: Path) -> None:
    for name in ("quality.html", "quality.md"):
        world("report", world.name, "--output", str(tmp_path / name))
    page = (tmp_path / "quality.html").read_text()
    assert "Content-Security-Policy" in page
    assert "data:image/png;base64," in page
    assert "What the answers rest on" in page
    assert "# Quality of" in (tmp_path / "quality.md").read_text()
    assert "name it .html or .md" in world("report", world.name, "--output", "quality.pdf", code=2).err


def test_a_version_that_is_not_there_has_no_report(world: World) -> None:
    assert "there is no version" in world("report", f"{world.name}/99", code=3).err


def test_a_report_that_somebody_changed_is_not_shown(tabular: World, tmp_path: Path) -> None:
    copy = tabular.copy(tmp_path)
    path = file_of_the_run(tabular, "quality_report.json")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole.replace(b'"value": 0.8', b'"value": 0.9', 1))
        assert "not the one that was signed" in copy("report", f"{copy.name}/1", code=5).err
    finally:
        path.write_bytes(whole)


def test_a_picture_that_somebody_changed_is_not_shown_under_the_signature(tabular: World, tmp_path: Path) -> None:
    copy = tabular.copy(tmp_path)
    path = file_of_the_run(tabular, "reliability.png")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole + b"more")
        assert "reliability.png" in copy("report", f"{copy.name}/1", code=5).err
    finally:
        path.write_bytes(whole)


def test_the_next_version_is_compared_with_the_present_one_and_a_limit_lowered_since_is_told(
    tabular: World, tmp_path: Path
) -> None:
    copy = tabular.copy(tmp_path)
    edit(copy, "towpath.yaml", "accuracy: {at_least: 0.77}", "accuracy: {at_least: 0.7}")
    edit(copy, "params.yaml", "age_groups: ", "age_groups: 1")
    commit(copy)
    assert copy("run", "--json").json["version"] == 2
    content = copy("report", f"{copy.name}/2", "--json").json
    found = {row["name"]: row for row in content["figures"]}
    assert found["gain_over_present"]["value"] is not None
    assert found["gain_over_present"]["low"] <= 0 <= found["gain_over_present"]["high"]
    assert found["present_accuracy"]["value"] == pytest.approx(0.838, abs=0.02)
    [change] = content["changes"]
    assert change.startswith("limits.accuracy.at_least: 0.77, now 0.7")
    assert "had been measured" in change

"""What happens when something changes, is missing, is broken or breaks off in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.journeys.conftest import World

pytestmark = pytest.mark.slow


def commit(world: World, message: str = "Change") -> None:
    subprocess.run(["git", "add", "-A"], cwd=world.project, check=True)
    subprocess.run(["git", "commit", "-q", "-m", message], cwd=world.project, check=True)


def edit(world: World, name: str, before: str, after: str) -> None:
    path = world.project / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.fixture
def copy(tabular: World, tmp_path: Path) -> World:
    return tabular.copy(tmp_path)


def test_uncommitted_changes_are_not_registered_but_may_be_tried(copy: World) -> None:
    edit(copy, "params.yaml", "seed: ", "seed: 1")
    refused = copy("run", code=1)
    assert "params.yaml" in refused.err
    assert "--experiment" in refused.err
    tried = copy("run", "--experiment", "--json").json
    assert tried["version"] is None
    assert tried["run_id"]
    assert copy("list", "--json").json["models"][0]["latest"] == 1


def test_a_change_that_is_committed_becomes_the_next_version_and_can_be_rolled_back(copy: World) -> None:
    edit(copy, "params.yaml", "seed: ", "seed: 1")
    commit(copy)
    assert copy("run", "--json").json["version"] == 2
    copy("promote", f"{copy.name}/2", "--to", "production", "--yes", code=1)
    copy("promote", f"{copy.name}/2", "--to", "staging", "--yes")
    copy("promote", f"{copy.name}/2", "--to", "production", "--yes")
    assert copy("show", f"{copy.name}@production", "--json").json["version"] == 2
    copy("rollback", copy.name, "--to-previous", "--yes")
    assert copy("show", f"{copy.name}@production", "--json").json["version"] == 1
    events = [entry["event"] for entry in copy("history", copy.name, "--json").json["entries"]]
    assert events[-1] == "rolled_back"
    assert "refused" in events


def test_new_owners_are_evidence_of_the_next_version_with_the_same_bytes(copy: World) -> None:
    edit(copy, "towpath.yaml", "  it_operator: ", "  it_operator: Ivo #")
    commit(copy)
    assert copy("run", "--json").json["version"] == 2
    first, second = (copy("show", f"{copy.name}/{number}", "--json").json for number in (1, 2))
    assert first["digest"] == second["digest"]
    assert {said["kind"]: said["counts"] for said in second["evidence"]} == {
        "data-checks": True, "documentation": True, "quality": True,
    }  # fmt: skip
    assert copy("run", "--json").json["version"] == 2
    edit(copy, "towpath.yaml", "  it_operator: Ivo #", '  it_operator: "" #')
    commit(copy)
    assert copy("run", "--json").json["version"] == 3
    copy("promote", f"{copy.name}/3", "--to", "staging", "--yes")
    refused = copy("promote", f"{copy.name}/3", "--to", "production", "--yes", code=1).out
    assert "the it operator is nobody, expected a person (owners.it_operator in the project's towpath.yaml" in refused


def test_nothing_counts_that_a_compromised_key_signed_until_a_run_signs_it_anew(copy: World) -> None:
    copy("keys", "rotate", "--compromised")
    told = copy("promote", f"{copy.name}/1", "--to", "staging", "--dry-run", "--json").json
    assert told["already_there"]
    assert not any(said["counts"] for said in copy("show", f"{copy.name}/1", "--json").json["evidence"])
    assert copy("run", "--json").json["version"] == 2
    copy("promote", f"{copy.name}/2", "--to", "staging", "--yes")
    copy("promote", f"{copy.name}/2", "--to", "production", "--yes")


def test_a_model_below_its_limits_is_a_candidate_that_no_gate_lets_through(copy: World) -> None:
    edit(copy, "towpath.yaml", "accuracy: {at_least: ", "accuracy: {at_least: 0.99 #")
    path = copy.project / "towpath.yaml"
    path.write_text(path.read_text().replace("0.99 #", "0.99} #"))
    commit(copy)
    assert copy("run", "--json").json["version"] == 2
    plan = copy("promote", f"{copy.name}/2", "--to", "staging", "--json", "--yes", code=1).json
    failed = [gate for gate in plan["verdicts"] if not gate["passed"]]
    assert any("0.99" in gate["expected"] for gate in failed), plan
    assert copy("show", f"{copy.name}@staging", "--json").json["version"] == 1


def test_data_that_fail_their_checks_are_not_learnt_from(copy: World) -> None:
    codes = copy.project / "nomenclature" / "employment.csv"
    codes.write_text("".join(line for line in codes.read_text().splitlines(True) if not line.startswith("1")))
    commit(copy)
    refused = copy("run", code=1)
    assert "the stage check said no" in refused.err
    assert "nomenclature" in refused.err
    assert copy("list", "--json").json["models"][0]["latest"] == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_breaks_off_leaves_nothing_half_done(copy: World, how: signal.Signals) -> None:
    edit(copy, "params.yaml", "seed: ", "seed: 1")
    commit(copy)
    command = [sys.executable, "-m", "towpath", "run"]
    process = subprocess.Popen(command, cwd=copy.project, env=copy.environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "train" in line and "running" in line:
            break
    process.send_signal(how)
    rest = process.stderr.read()
    code = process.wait(timeout=60)
    assert code == (130 if how != signal.SIGKILL else -signal.SIGKILL), rest
    assert copy("list", "--json").json["models"][0]["latest"] == 1
    _wait_until_alone(copy)
    assert copy("run", "--json").json["version"] == 2


def _wait_until_alone(world: World) -> None:
    """After SIGKILL the stage that runs ends by itself; DVC refuses until then."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cwd = [str(p.readlink()) for p in Path("/proc").glob("[0-9]*/cwd") if _readable(p)]
        if str(world.project) not in cwd:
            return
        time.sleep(0.1)


def _readable(path: Path) -> bool:
    try:
        path.readlink()
    except OSError:
        return False
    return True


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted, which only root may do")
def test_a_full_disk_at_log_time_is_said_and_the_next_run_completes(copy: World, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1200k", "none", str(disk)], check=True)
    try:
        full = copy("run", env={"TOWPATH_HOME": str(disk / "home")}, code=3)
        assert "disk is full" in full.err or "No space left" in full.err
        assert "Next:" in full.err
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)
        assert copy("run", "--json", env={"TOWPATH_HOME": str(disk / "home")}).json["version"] == 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_missing_raw_data_say_how_to_get_them(copy: World) -> None:
    (copy.project / "data" / "raw.csv.gz").unlink()
    for path in (copy.project / ".dvc" / "cache").rglob("*"):
        if path.is_file():
            path.unlink()
    missing = copy("run", code=3)
    assert "raw.csv.gz" in missing.err
    assert "dvc pull" in missing.err


def test_broken_yaml_is_named_by_file_line_and_key(copy: World) -> None:
    edit(copy, "towpath.yaml", "task: tabular", "task: tabular\ntaks: tabular")
    wrong = copy("run", code=2)
    assert "towpath.yaml, line " in wrong.err
    assert "taks: no such key" in wrong.err


def test_outside_a_project_every_project_command_says_so(copy: World, tmp_path: Path) -> None:
    outside = World(copy.name, tmp_path / "nowhere", copy.home)
    outside.project.mkdir()
    for command in (["run"], ["check"], ["monitor"]):
        said = outside(*command, code=3)
        assert "no towpath.yaml" in said.err
        assert "towpath new" in said.err


def test_a_model_whose_bytes_were_changed_is_not_promoted_or_served(copy: World, tmp_path: Path) -> None:
    from towpath_core.refs import ModelRef
    from towpath_registry.store import open_store

    store = open_store(copy.environment)
    with store.model_folder(store.version(ModelRef.parse(f"{copy.name}/1"))) as folder:
        card = folder / "MODEL_CARD.md"
        before = card.read_bytes()
        card.write_bytes(before + b"\nEverything is fine.\n")
        try:
            copy("promote", f"{copy.name}/1", "--to", "production", "--yes", "--json")
            copy("rollback", copy.name, "--to-previous", "--yes", code=1)
            (tmp_path / "in.csv").write_text("record_id\n1\n")
            refused = copy("score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), code=5)
            assert "digest" in refused.err
        finally:
            card.write_bytes(before)


def test_the_reports_of_a_run_hold_no_record(coding: World) -> None:
    titles = ("a1 jobcentre plus", "northern ireland office")
    for path in (coding.project / "reports").rglob("*.*"):
        assert not any(title.encode() in path.read_bytes().lower() for title in titles), path
    assert json.loads((coding.project / "reports" / "checks.json").read_text())["findings"]

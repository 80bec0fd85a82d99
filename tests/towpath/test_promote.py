from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import JUDGED, NAME, EmbeddedWorld, MlflowWorld, hold_key, material, mlflow_server
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.nouns import PROMOTED, REFUSED

if TYPE_CHECKING:
    from tests.conftest import Towpath

BAD = (Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55"), JUDGED[1])
ANN = {"TOWPATH_ACTOR": "ann@example.invalid"}


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    """A good first version and a second one that misses a limit."""
    world = EmbeddedWorld(home)
    world.add(material(1))
    world.add(material(2, judged=BAD))
    return world


def aliases(world: EmbeddedWorld) -> dict[str, int]:
    return {alias: version.version for version in world.store.versions(NAME) for alias in version.aliases}


def events(world: EmbeddedWorld) -> list[tuple[str, int]]:
    return [(entry.event, entry.version) for entry in world.store.ledger(NAME)]


def test_a_version_moves_through_staging_to_production(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", env=ANN).out
    assert f"Promote staging of {NAME}: from no version to {NAME}/1" in told
    assert f"Done: {NAME}/1 is at staging. Ledger entry 1, by ann@example.invalid." in told
    assert told.endswith(f"Next: towpath promote {NAME}/1 --to production\n")
    for gate in ("data-checks", "quality", "provenance", "model-format", "documentation"):
        assert [line for line in told.splitlines() if line.startswith(gate) and " pass " in line]

    told = towpath("promote", f"{NAME}@staging", "--to", "production", "-y", "--reason", "release", env=ANN).out
    assert told.endswith(f"Next: towpath build {NAME}@production\n")

    assert aliases(world) == {"staging": 1, "production": 1}
    assert events(world) == [(PROMOTED, 1), (PROMOTED, 1)]
    assert world.store.ledger(NAME)[-1].reason == "release"


def test_a_refused_version_stays_where_it_was_with_exit_code_1(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath("promote", f"{NAME}/1", "--to", "staging", "-y")
    told = towpath("promote", f"{NAME}/2", "--to", "staging", "-y", code=1).out
    assert f"from {NAME}/1 to {NAME}/2" in told
    assert f"Refused: {NAME}/2 does not move to staging. The refusal is ledger entry 2." in told
    assert "  quality: accuracy_4 is 0.41, expected at least 0.55" in told
    assert aliases(world) == {"staging": 1}
    assert events(world) == [(PROMOTED, 1), (REFUSED, 2)]


def test_a_dry_run_changes_and_records_nothing(towpath: Towpath, world: EmbeddedWorld) -> None:
    assert (
        "Every gate agrees. Nothing was changed" in towpath("promote", f"{NAME}/1", "--to", "staging", "--dry-run").out
    )
    told = towpath("promote", f"{NAME}/2", "--to", "staging", "--dry-run", code=1).out
    assert f"Refused: {NAME}/2 does not move to staging.\n" in told
    assert aliases(world) == {}
    assert events(world) == []


def test_the_same_promotion_again_does_nothing_and_says_so(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath("promote", f"{NAME}/1", "--to", "staging", "-y")
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y").out
    assert told == f"{NAME}/1 is at staging already; nothing to do.\n"
    assert events(world) == [(PROMOTED, 1)]


def test_production_before_staging_is_refused(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath("promote", f"{NAME}/1", "--to", "production", "-y", code=1).out
    assert f"  level: {NAME}/1 at staging is never there, expected at staging first" in told


def test_without_a_terminal_it_does_not_ask_and_says_which_flag_answers(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath("promote", f"{NAME}/1", "--to", "staging", code=2).err
    assert "there is no terminal to ask on" in told
    assert "-y" in told
    assert aliases(world) == {}
    assert events(world) == []


@pytest.mark.parametrize(("answer", "code", "moved"), [("y", 0, {"staging": 1}), ("n", 1, {}), ("", 1, {})])
def test_on_a_terminal_it_shows_the_plan_and_asks(
    world: EmbeddedWorld, environment: dict[str, str], answer: str, code: int, moved: dict[str, int]
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "towpath", "promote", f"{NAME}/1", "--to", "staging"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as asked:
        os.write(ours, f"{answer}\n".encode())
        _, told = asked.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert asked.returncode == code
    assert "model-format" in told
    assert "Do it? [y/N]" in told
    assert aliases(world) == moved


def test_a_gate_is_one_line_what_failed_is_told_and_verbose_tells_all(towpath: Towpath, world: EmbeddedWorld) -> None:
    short = towpath("promote", f"{NAME}/2", "--to", "staging", "--dry-run", code=1).out
    quality = [line.split() for line in short.splitlines() if line.startswith("quality ")]
    assert len(quality) > 1
    assert quality[0][1] == "FAIL"
    assert "verdicts" in quality[0]
    assert all(line[1] == "FAIL" for line in quality)
    whole = towpath("promote", f"{NAME}/2", "--to", "staging", "--dry-run", "--verbose", code=1).out
    assert [line for line in whole.splitlines() if line.startswith("quality ") and " pass " in line]
    assert len(whole.splitlines()) > len(short.splitlines())


def test_json_holds_the_plan_and_what_came_of_it(towpath: Towpath, world: EmbeddedWorld) -> None:
    planned = towpath("promote", f"{NAME}/1", "--to", "staging", "--dry-run", "--json").json
    done = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", "--json").json
    refused = towpath("promote", f"{NAME}/2", "--to", "staging", "-y", "--json", code=1).json
    again = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", "--json").json

    assert (planned["allowed"], planned["moved"], planned["ledger_entry"]) == (True, False, None)
    assert (done["allowed"], done["moved"], done["ledger_entry"]) == (True, True, 1)
    assert done["plan"] == planned["plan"]
    assert (done["model"], done["version"], done["level"], done["from"]) == (NAME, 1, "staging", None)
    assert (refused["allowed"], refused["moved"], refused["ledger_entry"], refused["from"]) == (False, False, 2, 1)
    assert {
        "gate": "quality", "passed": False, "subject": "accuracy_4", "got": "0.41", "expected": "at least 0.55",
    } in refused["verdicts"]  # fmt: skip
    assert (again["already_there"], again["moved"], again["ledger_entry"]) == (True, False, None)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([f"{NAME}/9", "--to", "staging"], 3, f"there is no version {NAME}/9"),
        (["nothing/1", "--to", "staging"], 3, "there is no model nothing"),
        ([f"{NAME}/1", "--to", "prod"], 2, "there is no level 'prod'"),
        ([NAME, "--to", "staging"], 2, "names no model version"),
        ([f"{NAME}/1"], 2, "promote what, to where?"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_else(
    towpath: Towpath, world: EmbeddedWorld, arguments: list[str], code: int, told: str
) -> None:
    assert told in towpath("promote", *arguments, "-y", code=code).err
    assert events(world) == []


def test_a_missing_registry_is_not_made(towpath: Towpath, home: Path) -> None:
    assert "there is no registry yet" in towpath("promote", f"{NAME}/1", "--to", "staging", "-y", code=3).err
    assert not home.exists()


def test_a_model_whose_files_are_gone_does_not_move(towpath: Towpath, world: EmbeddedWorld) -> None:
    with world.store.model_folder(world.store.version(ModelRef(NAME, version=1))) as folder:
        folder.rename(folder.with_name("elsewhere"))
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", code=3).err
    assert f"the files of {NAME}/1 are gone" in told
    assert aliases(world) == {}


def test_assign_is_another_word_for_it(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath("assign", f"{NAME}/1", "--to", "staging", "-y")
    assert aliases(world) == {"staging": 1}


@pytest.mark.slow
def test_on_an_mlflow_server_the_same_commands_do_the_same(towpath: Towpath, home: Path, tmp_path: Path) -> None:
    hold_key(home)
    with mlflow_server(tmp_path / "server") as address:
        server = {"MLFLOW_TRACKING_URI": address, **ANN}
        world = MlflowWorld(server)
        world.add(material(1))
        world.add(material(2, judged=BAD))

        towpath("promote", f"{NAME}/1", "--to", "staging", "-y", env=server)
        towpath("promote", f"{NAME}/1", "--to", "production", "-y", env=server)
        again = towpath("promote", f"{NAME}/1", "--to", "production", "-y", env=server).out
        refused = towpath("promote", f"{NAME}/2", "--to", "staging", "-y", env=server, code=1).out
        back = towpath("rollback", NAME, "--to-previous", "-y", env=server, code=1).err
        history = towpath("history", NAME, "--json", env=server).json
        missing = towpath("show", f"{NAME}@challenger", env=server, code=3).err
        listed = towpath("list", env=server).out

    assert again == f"{NAME}/1 is at production already; nothing to do.\n"
    assert "  quality: accuracy_4 is 0.41, expected at least 0.55" in refused
    assert "the ledger names no version" in back
    assert [(entry["event"], entry["level"], entry["version"]) for entry in history["entries"]] == [
        ("requested", "staging", 1),
        ("promoted", "staging", 1),
        ("requested", "production", 1),
        ("promoted", "production", 1),
        ("refused", "staging", 2),
    ]
    assert history["moved_past_the_ledger"] == {}
    assert f"{NAME} has no alias challenger: it has production, staging" in missing
    assert "production → 1, staging → 1" in listed

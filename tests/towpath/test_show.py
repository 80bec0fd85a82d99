from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import policies
from registry_world import (
    JUDGED,
    KEY,
    NAME,
    START,
    TAGS,
    TESTER,
    EmbeddedWorld,
    Material,
    Ticking,
    material,
    promotions,
)
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.governing import LocalDesk
from towpath_registry.nouns import ModelVersion
from towpath_registry.policy import Policy
from towpath_registry.requests import Promotion

if TYPE_CHECKING:
    from tests.conftest import Towpath


AS_TESTER = {"TOWPATH_ACTOR": TESTER}
LONG_AGO = START - timedelta(days=360)
OVER = f"{START + timedelta(days=365):%Y-%m-%d}"


def cells(shown: str, first: str) -> list[str]:
    """What stands beside `first` in its row of a table."""
    (line,) = [line for line in shown.splitlines() if line.startswith(f"{first} ")]
    return re.split(r" {2,}", line)[1:]


def registered(world: EmbeddedWorld, made: Material) -> ModelVersion:
    version = world.add(made)
    promotions(world, clock=world._clock).registered(version, TESTER)
    return version


def promoted(world: EmbeddedWorld, version: ModelVersion) -> None:
    desk = promotions(world, clock=world._clock)
    desk.settle(desk.plan(ModelRef(NAME, version=version.version), "staging"), TESTER, "")


def requested(world: EmbeddedWorld, version: ModelVersion) -> Promotion:
    """Under the policy `team`, where dora signs, and others must agree."""
    desk = LocalDesk(world.store, world._clock, ())
    content = policies.changed(policies.content("team"), "signers.first-key.public", KEY.public.text)
    desk.set_policy(Policy.of(content), "petra", "")
    asked = desk.settle(desk.plan(ModelRef(NAME, version=version.version), "staging"), "dora", "")
    assert isinstance(asked, Promotion)
    return asked


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    return EmbeddedWorld(home)


def test_a_version_is_shown_with_the_seven_versions_behind_it(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = world.add(material())
    world.move_alias(NAME, "production", 1)

    shown = towpath("show", f"{NAME}/1").out

    assert shown.startswith(f"{NAME}/1\n")
    assert f"digest      {version.digest}" in shown
    assert "aliases     production" in shown
    for name in ("commit", "data", "params", "environment", "pipeline", "nomenclature", "threshold"):
        (line,) = [line for line in shown.splitlines() if line.startswith(f"{name} ")]
        assert line.endswith(TAGS[f"towpath.{name}"])


def test_measures_stand_beside_the_baselines(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(metrics={"accuracy_4": 0.578, "accuracy_4_low": 0.565, "accuracy_4_high": 0.591,
                                "baseline_accuracy_4": 0.363, "ece": 0.04, "seconds/train": 3.0}))  # fmt: skip
    lines = [line.split() for line in towpath("show", f"{NAME}/1").out.splitlines()]
    assert ["measure", "value", "95", "%", "interval", "baseline"] in lines
    assert ["accuracy_4", "0.578", "0.565", "to", "0.591", "0.363"] in lines
    assert ["ece", "0.040", "–", "–"] in lines
    assert not [line for line in lines if line and line[0] in ("seconds/train", "baseline_accuracy_4")]


def test_evidence_is_shown_with_who_signed_it_until_when_it_counts_and_what_failed(
    towpath: Towpath, world: EmbeddedWorld
) -> None:
    failed = Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55")
    registered(world, material(judged=(failed, JUDGED[1])))
    shown = towpath("show", f"{NAME}/1", env=AS_TESTER).out
    assert cells(shown, "quality") == ["FAIL", "1 of 2", "this version", TESTER, f"{START:%Y-%m-%d}", OVER]
    assert cells(shown, "data-checks") == ["pass", "1 of 1", "this version", TESTER, f"{START:%Y-%m-%d}", OVER]
    assert "  accuracy_4 is 0.41, expected at least 0.55" in shown.splitlines()


def test_evidence_that_the_ledger_does_not_tell_of_yet_says_so(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    assert cells(towpath("show", f"{NAME}/1", env=AS_TESTER).out, "quality")[4] == "not yet"


def test_evidence_about_other_bytes_is_no_pass(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(about="sha256:" + "0" * 64))
    shown = towpath("show", f"{NAME}/1", env=AS_TESTER).out
    assert cells(shown, "quality")[:3] == ["FAIL", "2 of 2", "other bytes"]


def test_evidence_that_is_too_old_is_no_pass(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home, Ticking(LONG_AGO))
    registered(world, material(made=LONG_AGO))
    shown = towpath("show", f"{NAME}/1", env=AS_TESTER).out
    ended = LONG_AGO + timedelta(days=365)
    assert cells(shown, "quality")[0] == "FAIL"
    assert cells(shown, "quality")[5] == f"{ended:%Y-%m-%d} (over)"
    (quality,) = [e for e in towpath("show", f"{NAME}/1", "--json").json["evidence"] if e["kind"] == "quality"]
    assert (quality["verdict"], quality["expired"], quality["counts"]) == ("passed", True, False)


def test_evidence_that_nobody_vouches_for_says_why(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    (found,) = world.artifacts.glob("*/*/artifacts/evidence/quality.dsse.json")
    found.write_text("{")
    shown = towpath("show", f"{NAME}/1").out
    assert cells(shown, "quality")[:4] == ["FAIL", "–", "–", "nobody who is trusted"]
    assert "  quality is not to be relied on: " in shown


def test_a_key_that_is_not_the_homes_own_is_nobodys(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    for path in (world.database.parent / "keys").iterdir():
        path.unlink()
    shown = towpath("show", f"{NAME}/1").out
    assert cells(shown, "quality")[0] == "FAIL"
    assert "nobody is trusted to sign evidence" in shown


def test_a_level_is_shown_with_who_put_it_there_and_until_when_to_look_again(
    towpath: Towpath, world: EmbeddedWorld
) -> None:
    promoted(world, registered(world, material()))
    shown = towpath("show", f"{NAME}/1").out
    assert "stage       valid solution" in shown
    review = f"{START + timedelta(days=365):%Y-%m-%d}"
    assert cells(shown, "staging") == [f"{START:%Y-%m-%d}", TESTER, "promoted", review]
    (stands,) = towpath("show", f"{NAME}/1", "--json").json["levels"]
    assert (stands["level"], stands["by"], stands["event"], stands["overdue"]) == ("staging", TESTER, "promoted", False)
    assert "Warning" not in shown


def test_a_review_that_is_overdue_is_warned_of(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home, Ticking(LONG_AGO))
    promoted(world, registered(world, material(made=LONG_AGO)))
    due = LONG_AGO + timedelta(days=365)
    warning = f"Warning: staging of {NAME} was to be looked at again by {due:%Y-%m-%d} 08:00 UTC."
    assert warning in towpath("show", f"{NAME}/1").out
    assert warning in towpath("list").out
    assert [(late["model"], late["level"]) for late in towpath("list", "--json").json["overdue"]] == [(NAME, "staging")]


def test_a_level_that_no_entry_tells_of_is_warned_of(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    world.move_alias(NAME, "production", 1)
    told = f"Warning: production of {NAME} stands at {NAME}/1, which no entry of the ledger tells of."
    assert told in towpath("show", f"{NAME}/1").out


def test_what_was_taken_away_is_retired(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = registered(world, material())
    promoted(world, version)
    towpath("retire", NAME, "--level", "staging", "-y", "--reason", "not pursued", env=AS_TESTER)
    assert towpath("show", f"{NAME}/1", "--json").json["stage"] == "retired"


def test_an_open_request_is_shown_with_whom_it_waits_for(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home, Ticking(START + timedelta(days=25)))
    asked = requested(world, registered(world, material()))
    shown = towpath("show", f"{NAME}/1").out
    assert cells(shown, asked.id)[:2] == ["staging", "dora"]
    assert "1 × methodologist (mia)" in shown
    (told,) = towpath("show", f"{NAME}/1", "--json").json["requests"]
    assert (told["id"], told["state"], told["requester"]) == (asked.id, "requested", "dora")


def test_a_version_without_anything_is_shown_all_the_same(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(tags={}, checked=None, judged=None, documented=None, metrics={}, digest="none"))
    shown = towpath("show", f"{NAME}/1").out
    assert "No evidence: every gate refuses this version." in shown
    assert "No measures." in shown
    assert "commit        –" in shown
    assert "stage       proof of concept" in shown


def test_json_holds_the_same_content(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = world.add(material(tags={**TAGS, "towpath.monitoring": "#/experiments/7/runs?x"}))
    shown = towpath("show", f"{NAME}/1", "--json", env=AS_TESTER).json
    assert (shown["schema"], shown["model"], shown["version"], shown["digest"]) == (1, NAME, 1, version.digest)
    assert shown["provenance"]["threshold"] == "p1 >= 0.884"
    assert shown["measures"][0] == {
        "name": "accuracy_4", "value": 0.578, "low": 0.565, "high": 0.591, "baseline": 0.363,
    }  # fmt: skip
    assert [(e["kind"], e["verdict"], e["counts"], e["signed_by"]) for e in shown["evidence"]] == [
        (kind, "passed", True, [TESTER]) for kind in ("data-checks", "documentation", "quality")
    ]
    assert shown["page"] == f"http://127.0.0.1:5000/#/models/{NAME}/versions/1?workflowType=machine_learning"
    assert shown["monitoring"] == "http://127.0.0.1:5000/#/experiments/7/runs?x"
    assert shown["run_id"] == version.run_id


def test_a_models_name_shows_its_versions_newest_first(towpath: Towpath, world: EmbeddedWorld) -> None:
    for number in (1, 2):
        world.add(material(number))
    world.move_alias(NAME, "staging", 2)
    lines = towpath("show", NAME).out.splitlines()
    assert [line.split()[0] for line in lines[3:5]] == ["2", "1"]
    assert "staging" in lines[3]
    assert lines[-1] == f"Next: towpath show {NAME}/2"
    assert [v["version"] for v in towpath("show", NAME, "--json").json["versions"]] == [2, 1]


def test_a_version_can_be_named_by_its_alias(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    world.move_alias(NAME, "production", 1)
    assert towpath("show", f"{NAME}@production").out == towpath("show", f"{NAME}/1").out


@pytest.mark.parametrize(
    ("ref", "told", "hint"),
    [
        ("occupation-coda", "there is no model occupation-coda", "did you mean occupation-coder? towpath show"),
        ("zebra/1", "there is no model zebra", "towpath list"),
        (f"{NAME}/9", f"there is no version {NAME}/9: the newest is {NAME}/1", f"towpath show {NAME}"),
        (f"{NAME}@production", f"{NAME} has no alias production: it has none", f"towpath show {NAME}"),
    ],
)
def test_what_is_not_there_is_named_with_the_next_command(
    towpath: Towpath, world: EmbeddedWorld, ref: str, told: str, hint: str
) -> None:
    world.add(material())
    said = towpath("show", ref, code=3).err
    assert told in said
    assert hint in said
    error = towpath("show", ref, "--json", code=3).json["error"]
    assert error["exit_code"] == 3
    assert told in error["message"]


def test_a_bad_reference_is_asked_wrongly(towpath: Towpath, world: EmbeddedWorld) -> None:
    assert "names no model version" in towpath("show", "Occupation/x", code=2).err


def test_texts_of_others_cannot_rewrite_the_terminal(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(tags={**TAGS, "towpath.threshold": "\x1b[2Jgone"}))
    assert "\x1b" not in towpath("show", f"{NAME}/1").out


@pytest.mark.parametrize("arguments", [["list"], ["show", NAME], ["show", f"{NAME}/1"], ["history", NAME]])
def test_reading_imports_nothing_heavy(world: EmbeddedWorld, environment: dict[str, str], arguments: list[str]) -> None:
    world.add(material())
    code = "import json, sys; from towpath.cli import run; c = run(sys.argv[1:]); print(json.dumps([c, *sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
    ended, *modules = json.loads(done.stdout.splitlines()[-1])
    assert ended == 0, done.stderr
    heavy = {"mlflow", "pandas", "numpy", "sklearn", "pydantic", "yaml", "sqlalchemy", "docker", "requests", "skops"}
    assert heavy & {module.partition(".")[0] for module in modules} == set()

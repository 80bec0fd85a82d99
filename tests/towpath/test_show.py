from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import JUDGED, NAME, TAGS, EmbeddedWorld, material
from towpath_core.verdicts import Verdict

if TYPE_CHECKING:
    from tests.conftest import Towpath


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


def test_evidence_is_shown_with_its_verdict_and_what_failed(towpath: Towpath, world: EmbeddedWorld) -> None:
    failed = Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55")
    world.add(material(judged=(failed, JUDGED[1])))
    lines = towpath("show", f"{NAME}/1").out.splitlines()
    assert "quality      FAIL     1 of 2           this version" in lines
    assert "data-checks  pass     1 of 1           this version" in lines
    assert "  accuracy_4 is 0.41, expected at least 0.55" in lines


def test_evidence_about_other_bytes_is_no_pass(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(about="sha256:" + "0" * 64))
    lines = towpath("show", f"{NAME}/1").out.splitlines()
    assert "quality      FAIL     2 of 2           other bytes" in lines


def test_evidence_that_cannot_be_read_says_so(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    (found,) = world.artifacts.glob("*/*/artifacts/evidence/quality.json")
    found.write_text("{")
    shown = towpath("show", f"{NAME}/1").out
    assert "quality.json is no JSON object" in shown


def test_a_version_without_anything_is_shown_all_the_same(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material(tags={}, checked=None, judged=None, metrics={}, digest="none"))
    shown = towpath("show", f"{NAME}/1").out
    assert "No evidence: every gate refuses this version." in shown
    assert "No measures." in shown
    assert "commit        –" in shown


def test_json_holds_the_same_content(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = world.add(material(tags={**TAGS, "towpath.monitoring": "#/experiments/7/runs?x"}))
    shown = towpath("show", f"{NAME}/1", "--json").json
    assert (shown["schema"], shown["model"], shown["version"], shown["digest"]) == (1, NAME, 1, version.digest)
    assert shown["provenance"]["threshold"] == "p1 >= 0.884"
    assert shown["measures"][0] == {
        "name": "accuracy_4", "value": 0.578, "low": 0.565, "high": 0.591, "baseline": 0.363,
    }  # fmt: skip
    assert [(e["kind"], e["verdict"], e["about_this_version"]) for e in shown["evidence"]] == [
        ("data-checks", "passed", True), ("quality", "passed", True),
    ]  # fmt: skip
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

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from policies import filled
from registry_world import NAME, EmbeddedWorld, material
from serving_world import registered
from towpath.commands.policy import READY
from towpath_core import estimators
from towpath_registry import policy_file
from towpath_registry.nouns import POLICY_SET, Question
from towpath_registry.policy import Policy, solo

if TYPE_CHECKING:
    from tests.conftest import Towpath

HERE = estimators.PLATFORM.digest[:19]
MIA, DORA = {"TOWPATH_ACTOR": "mia"}, {"TOWPATH_ACTOR": "dora"}


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    """A registry with one good version, where nobody has set a policy."""
    world = EmbeddedWorld(home)
    world.add(material(1))
    return world


def written(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def alone(**replaced: str) -> str:
    """A policy for one person, with other words in it."""
    text = policy_file.built_in("solo").decode().replace("name: solo", "name: mine")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def set_policies(world: EmbeddedWorld) -> list[str]:
    """The digests of the policies that were set, the first one first."""
    return [entry.policy for entry in reversed(world.store.ledger("", Question(events=(POLICY_SET,))))]


# show and check ------------------------------------------------------------------------------------------------------


def test_where_nobody_set_a_policy_solo_is_in_force(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath("policy", "show").out
    assert told.startswith(f"solo version 1\n{solo().digest}\n")
    assert (
        "  gates            data_checks, quality, provenance, model_format, documentation, ownership, scope\n" in told
    )
    assert f"  the list here  {estimators.PLATFORM.digest}\n" in told
    assert told.endswith("May set another policy: anybody\n")


def test_show_as_json_is_all_of_the_policy(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath("policy", "show", "--json").json
    assert Policy.of(told["policy"]) == solo()
    assert told["digest"] == solo().digest


def test_show_as_yaml_is_a_file_that_can_be_set(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    path = written(tmp_path, towpath("policy", "show", "--yaml").out)
    assert policy_file.read(path) == solo()


def test_check_says_what_can_be_used(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    assert towpath("policy", "check").out == (
        f"solo version 1 can be used: 2 levels, 0 people, 0 keys.\n{solo().digest}\n"
    )
    told = towpath("policy", "check", str(written(tmp_path, filled("strict")))).out
    assert told.startswith("strict version 1 can be used: 2 levels, 6 people, 5 keys.\n")


def test_check_needs_no_registry_for_a_file(towpath: Towpath, tmp_path: Path, home: Path) -> None:
    assert towpath("policy", "check", str(written(tmp_path, alone())), "--json").json["usable"] is True
    assert not home.exists()


def test_check_notes_whose_requests_could_not_be_approved(towpath: Towpath, tmp_path: Path) -> None:
    told = towpath("policy", "check", str(written(tmp_path, filled("team")))).out
    assert "Note: if mia asks for staging, not enough others could approve it\n" in told
    assert "dora asks" not in told


def test_check_tells_every_fault_with_line_and_key(towpath: Towpath, tmp_path: Path) -> None:
    path = written(tmp_path, alone(**{"version: 1": "version: one", "  quality:": "  qualty:"}))
    told = towpath("policy", "check", str(path), code=2).err
    assert "policy.yaml, line 9: version: is 'one', expected a whole number from 1 to 1000000\n" in told
    assert "policy.yaml, line 29: levels.staging.gates.qualty: there is no gate 'qualty', expected one of " in told
    assert told.endswith(f"Next:  mend {path}\n")


def test_check_refuses_a_list_of_types_that_this_release_does_not_have(towpath: Towpath, tmp_path: Path) -> None:
    text = filled("strict").replace(estimators.PLATFORM.digest, "sha256:" + "0" * 64)
    told = towpath("policy", "check", str(written(tmp_path, text)), code=1).out
    assert told.startswith(
        f"strict version 1 lets nothing be loaded: the list of types is {HERE}, and the policy was reviewed for sha"
    )


# init ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READY)
def test_init_copies_a_ready_policy(towpath: Towpath, tmp_path: Path, name: str) -> None:
    assert towpath("policy", "init", name).out.endswith("Next: edit it, then towpath policy check policy.yaml\n")
    assert (tmp_path / "policy.yaml").read_bytes() == policy_file.built_in(name)


def test_init_knows_every_ready_policy() -> None:
    folder = Path(policy_file.__file__).with_name("policies")
    assert sorted(READY) == sorted(path.stem for path in folder.glob("*.yaml"))


def test_init_overwrites_nothing(towpath: Towpath, tmp_path: Path) -> None:
    path = written(tmp_path, "mine")
    assert "policy.yaml exists" in towpath("policy", "init", "team", code=2).err
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["team", "strict"])
def test_what_is_to_be_filled_in_is_told_where(towpath: Towpath, tmp_path: Path, name: str) -> None:
    towpath("policy", "init", name)
    told = towpath("policy", "check", "policy.yaml", code=2).err
    assert ": people.<a methodologist>: is still to be filled in: write the name of a methodologist here" in told
    assert ".public: is still to be filled in: put what towpath keys show prints for its owner here" in told
    assert told.endswith("Next:  fill in policy.yaml, then towpath policy check policy.yaml\n")


# set -----------------------------------------------------------------------------------------------------------------


def test_a_policy_that_is_set_is_in_force(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    path = written(tmp_path, filled("team"))
    told = towpath("policy", "set", str(path), "--reason", "four eyes", "-y", env=MIA).out
    assert told.startswith("Put team version 1 in force, instead of solo version 1\n")
    assert "Done: team version 1 is in force. Ledger entry 1, by mia.\n" in told
    assert towpath("policy", "show", "--json").json["policy"]["name"] == "team"
    assert set_policies(world) == [policy_file.read(path).digest]
    assert world.store.ledger("", Question(events=(POLICY_SET,)))[0].reason == "four eyes"


def test_the_plan_says_what_changes_and_what_becomes_weaker(
    towpath: Towpath, world: EmbeddedWorld, tmp_path: Path
) -> None:
    path = written(tmp_path, alone(**{"review_days: 365": "review_days: 400", "      scope:\n": ""}))
    told = towpath("policy", "set", str(path), "--reason", "r", "--dry-run").out
    assert re.search(r"^levels\.production\.review_days +365 +400$", told, flags=re.MULTILINE)
    assert "What this asks less of, or lets more through:\n" in told
    assert "  production: the gate scope is gone\n" in told
    assert "  staging: the next look at it is due after 400 days instead of 365\n" in told
    assert told.endswith("Nothing was changed (--dry-run).\n")
    assert set_policies(world) == []


def test_the_plan_as_json(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    path = written(tmp_path, alone(**{"review_days: 365": "review_days: 400"}))
    told = towpath("policy", "set", str(path), "--reason", "r", "-y", "--json", env=MIA).json
    assert (told["set"], told["ledger_entry"], told["before"]["name"]) == (True, 1, "solo")
    assert {"key": "levels.staging.review_days", "before": "365", "after": "400"} in told["changes"]
    assert "staging: the next look at it is due after 400 days instead of 365" in told["weaker"]


def test_the_same_policy_again_changes_and_records_nothing(
    towpath: Towpath, world: EmbeddedWorld, tmp_path: Path
) -> None:
    path = written(tmp_path, alone())
    towpath("policy", "set", str(path), "--reason", "r", "-y")
    told = towpath("policy", "set", str(path), "--reason", "r", "-y").out
    assert told == "mine version 1 is in force already; nothing to do.\n"
    assert len(set_policies(world)) == 1


def test_another_policy_of_the_same_name_needs_a_higher_version(
    towpath: Towpath, world: EmbeddedWorld, tmp_path: Path
) -> None:
    towpath("policy", "set", str(written(tmp_path, alone())), "--reason", "r", "-y")
    changed = alone(**{"review_days: 365": "review_days: 90"})
    told = towpath("policy", "set", str(written(tmp_path, changed)), "--reason", "r", "-y", code=2).err
    assert "policy.yaml: version 1 of mine, and version 1 is in force" in told
    assert "write version: 2 into" in told
    higher = changed.replace("version: 1", "version: 2")
    towpath("policy", "set", str(written(tmp_path, higher)), "--reason", "r", "-y")
    assert len(set_policies(world)) == 2


def test_who_may_not_set_a_policy_is_refused_by_the_one_in_force(
    towpath: Towpath, world: EmbeddedWorld, tmp_path: Path
) -> None:
    towpath("policy", "set", str(written(tmp_path, filled("team"))), "--reason", "r", "-y", env=MIA)
    path = written(tmp_path, alone())
    told = towpath("policy", "set", str(path), "--reason", "back to one", "-y", env=DORA, code=1).err
    assert "dora may not set the policy: only methodologist may" in told
    assert len(set_policies(world)) == 1
    assert world.store.ledger("")[-1].event == "refused"
    towpath("policy", "set", str(path), "--reason", "back to one", "-y", env=MIA)


def test_a_faulty_policy_is_not_set(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    towpath("policy", "init", "team")
    assert "still to be filled in" in towpath("policy", "set", "policy.yaml", "--reason", "r", "-y", code=2).err
    assert set_policies(world) == []


def test_a_reason_is_needed(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    assert "Missing option '--reason'" in towpath("policy", "set", str(written(tmp_path, alone())), code=2).err
    blank = ("policy", "set", str(written(tmp_path, alone())), "--reason", " ", "-y")
    assert "a policy is set for a reason" in towpath(*blank, code=2).err
    assert set_policies(world) == []


def test_without_a_terminal_nothing_is_asked_and_nothing_done(
    towpath: Towpath, world: EmbeddedWorld, tmp_path: Path
) -> None:
    told = towpath("policy", "set", str(written(tmp_path, alone())), "--reason", "r", code=2).err
    assert "there is no terminal to ask on" in told
    assert set_policies(world) == []


@pytest.mark.parametrize(("answer", "code", "number"), [(b"y\n", 0, 1), (b"n\n", 1, 0)])
def test_on_a_terminal_it_shows_the_plan_and_asks(
    environment: dict[str, str], world: EmbeddedWorld, tmp_path: Path, answer: bytes, code: int, number: int
) -> None:
    path = written(tmp_path, alone())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "towpath", "policy", "set", str(path), "--reason", "r"]
    with subprocess.Popen(
        command, env={**environment, **MIA}, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        os.write(ours, answer)
        out, err = running.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert running.returncode == code, err
    assert "Put mine version 1 in force, instead of solo version 1" in err
    assert out == ("Done: mine version 1 is in force. Ledger entry 1, by mia.\n" if number else "")
    assert len(set_policies(world)) == number


def test_a_promotion_is_judged_by_the_policy_in_force(towpath: Towpath, world: EmbeddedWorld, tmp_path: Path) -> None:
    path = written(tmp_path, alone(**{"      documentation:\n": "      documentation: {sections: [Ethics]}\n"}))
    towpath("policy", "set", str(path), "--reason", "r", "-y")
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", code=1).out
    assert "documentation: the section Ethics is not there, expected filled in" in told


def test_what_a_policy_takes_away_does_not_load(towpath: Towpath, home: Path, packaged: Path, tmp_path: Path) -> None:
    registered(home, packaged)
    less = "name: mine\nloading: {without: [sklearn.linear_model._logistic.LogisticRegression]}"
    path = written(tmp_path, alone(**{"name: mine": less}))
    towpath("policy", "set", str(path), "--reason", "r", "-y")
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", code=1).out
    taken = "a type is sklearn.linear_model._logistic.LogisticRegression, expected a type that the policy allows"
    assert f"model-format: {taken}" in told


def test_with_a_list_that_nobody_has_reviewed_nothing_loads(
    towpath: Towpath, home: Path, packaged: Path, tmp_path: Path
) -> None:
    registered(home, packaged)
    other = f"name: mine\nloading: {{list: 'sha256:{'0' * 64}'}}"
    path = written(tmp_path, alone(**{"name: mine": other}))
    told = towpath("policy", "set", str(path), "--reason", "r", "-y").out
    assert f"Note: nothing could be loaded here: the list of types is {HERE}, and the policy was reviewed for " in told
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "-y", code=1).out
    assert (
        f"model-format: the list of types is {HERE}, and the policy was reviewed for sha256:000000000000, exp" in told
    )

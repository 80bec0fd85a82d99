from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import KEY, NAME, EmbeddedWorld, material
from towpath_core.refs import ModelRef
from towpath_registry import keys, policy_file
from towpath_registry.governing import desk, put_in_force
from towpath_registry.nouns import KEY_ADDED, KEY_REVOKED
from towpath_registry.policy import Policy, solo

if TYPE_CHECKING:
    from tests.conftest import Towpath

ANN = {"TOWPATH_ACTOR": "ann@example.invalid"}


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    world = EmbeddedWorld(home)
    world.add(material(1))
    return world


def refusals(towpath: Towpath, code: int) -> list[str]:
    told = towpath("promote", f"{NAME}/1", "--to", "staging", "--dry-run", "--json", code=code).json
    return [f"{v['gate']}: {v['got']}" for v in told["verdicts"] if not v["passed"]]


def test_a_home_without_keys_has_none_and_is_not_made(towpath: Towpath, home: Path) -> None:
    assert towpath("keys", "list").out == "No keys yet: the first towpath run makes one.\n"
    assert towpath("keys", "list", "--json").json == {"schema": 1, "keys": []}
    assert not home.exists()


def test_the_key_is_shown_as_a_policy_wants_it(towpath: Towpath, environment: dict[str, str]) -> None:
    shown = towpath("keys", "show", env=ANN).out
    public = keys.home_public(environment, keys.EVIDENCE)
    assert public is not None
    assert f"    public: {public.text}\n" in shown
    assert '    owner: "ann@example.invalid"\n' in shown
    assert towpath("keys", "show", env=ANN).out == shown
    said = towpath("keys", "show", "--json", env=ANN).json
    assert said == {"schema": 1, "id": public.id, "owner": "ann@example.invalid", "public": public.text}


def test_what_is_shown_can_be_put_into_a_policy(towpath: Towpath, tmp_path: Path) -> None:
    name = 'Ann "the" O\'Hara: ä #1'
    shown = towpath("keys", "show", env={"TOWPATH_ACTOR": name}).out
    people = f"people:\n  {json.dumps(name)}: [data_scientist]\nsigners:\n{shown}"
    content = policy_file.built_in("solo").decode().replace("own_keys: true", f"own_keys: false\n{people}")
    (tmp_path / "policy.yaml").write_text(content, encoding="utf-8")
    (signer,) = policy_file.read(tmp_path / "policy.yaml").signers
    assert signer.owner == name
    assert signer.public == keys.home_public({"TOWPATH_HOME": str(tmp_path / "home")}, keys.EVIDENCE)


def test_keys_are_listed_with_what_became_of_them(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath("keys", "rotate", env=ANN)
    listed = towpath("keys", "list", "--json", env=ANN).json["keys"]
    assert [(key["name"], key["owner"], key["state"]) for key in listed] == [
        ("evidence", "ann@example.invalid", "in use"),
        ("ledger", "this registry", "in use"),
        ("evidence", "ann@example.invalid", "replaced"),
    ]
    assert listed[2]["id"] == KEY.public.id
    assert listed[2]["since"] <= listed[0]["since"]
    lines = towpath("keys", "list", env=ANN).out.splitlines()
    assert lines[0].split() == ["key", "signs", "owner", "state", "since", "file"]
    assert lines[3].startswith(KEY.public.id[:8])


def test_what_the_old_key_signed_before_a_rotation_counts_after_it(
    towpath: Towpath, world: EmbeddedWorld, environment: dict[str, str]
) -> None:
    desk(environment).registered(world.store.version(ModelRef(NAME, version=1)), "ann")
    before = len(world.store.ledger(""))
    said = towpath("keys", "rotate", "--json", env=ANN).json
    assert (said["old"], said["compromised"]) == (KEY.public.id, False)
    told = world.store.ledger("")[before:]
    assert [entry.seq for entry in told] == said["ledger_entries"]
    assert [(entry.event, entry.details["id"], entry.actor) for entry in told] == [
        (KEY_ADDED, KEY.public.id, "ann@example.invalid"),
        (KEY_ADDED, said["new"], "ann@example.invalid"),
        (KEY_REVOKED, KEY.public.id, "ann@example.invalid"),
    ]
    assert refusals(towpath, 0) == []


def test_what_the_old_key_signs_after_a_rotation_does_not_count(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath("keys", "rotate")
    world.add(material(2))
    assert all("(left)" in why for why in refusals(towpath, 1))


def test_nothing_that_a_compromised_key_signed_counts_any_more(towpath: Towpath, world: EmbeddedWorld) -> None:
    said = towpath("keys", "rotate", "--compromised", "--reason", "laptop was stolen", env=ANN).out
    assert "signs evidence from now on, in the place of the key" in said
    assert world.store.ledger("")[-1].reason == "laptop was stolen"
    found = refusals(towpath, 1)
    assert len(found) >= 2
    assert all("was revoked on" in why and "(compromise)" in why for why in found)


def test_before_there_is_a_registry_no_ledger_tells_of_a_rotation(towpath: Towpath, home: Path) -> None:
    towpath("keys", "show")
    assert towpath("keys", "rotate", "--json").json["ledger_entries"] == []
    assert sorted(path.name for path in home.iterdir()) == ["keys"]


def test_in_a_team_the_policy_is_where_a_new_key_must_stand(towpath: Towpath, world: EmbeddedWorld) -> None:
    may = ["data-checks", "quality", "documentation"]
    signer = {"owner": "ann", "public": KEY.public.text, "may": may, "since": "2026-01-01"}
    of_ann = {"own_keys": False, "people": {"ann": ["data_scientist"]}, "signers": {"ann": signer}}
    team = Policy.of({**solo().content(), **of_ann})
    put_in_force(world.store, team, "ann", "we are two now")
    before = len(world.store.ledger(""))
    assert "# in the policy's file, below signers:" in towpath("keys", "rotate").out
    assert len(world.store.ledger("")) == before


def test_a_key_that_others_can_read_is_refused_with_the_remedy(
    towpath: Towpath, world: EmbeddedWorld, home: Path
) -> None:
    (home / "keys/evidence.pem").chmod(0o644)
    said = towpath("keys", "rotate", code=2).err
    assert "others can read the key" in said
    assert f"Next:  chmod 600 {home}/keys/evidence.pem" in said


def test_a_key_that_was_chosen_is_not_rotated(towpath: Towpath, tmp_path: Path) -> None:
    keys.make(tmp_path / "mine.pem")
    said = towpath("keys", "rotate", env={"TOWPATH_KEY": str(tmp_path / "mine.pem")}, code=2).err
    assert "TOWPATH_KEY names a key that towpath does not keep" in said

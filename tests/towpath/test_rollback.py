from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import NAME, EmbeddedWorld, material, promotions
from towpath_core.refs import ModelRef

if TYPE_CHECKING:
    from tests.conftest import Towpath


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    """Two versions, released one after the other."""
    world = EmbeddedWorld(home)
    for number in (1, 2):
        world.add(material(number))
        for level in ("staging", "production"):
            promotions(world).settle(promotions(world).plan(ModelRef(NAME, version=number), level), "ann", "")
    return world


def at(world: EmbeddedWorld, level: str) -> int:
    return world.store.version(ModelRef(NAME, alias=level)).version


BACK = ("rollback", NAME, "--to-previous")


def test_the_version_before_is_put_back(towpath: Towpath, world: EmbeddedWorld) -> None:
    told = towpath(*BACK, "-y", "--reason", "too many wrong codes", env={"TOWPATH_ACTOR": "bob"}).out
    assert f"Roll back production of {NAME}: from {NAME}/2 to {NAME}/1" in told
    assert f"Done: {NAME}/1 is at production. Ledger entry 5, by bob." in told
    assert (at(world, "production"), at(world, "staging")) == (1, 2)
    last = world.store.ledger(NAME)[-1]
    assert (last.event, last.previous, last.reason) == ("rolled_back", 2, "too many wrong codes")


def test_another_level_can_be_rolled_back(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath(*BACK, "--level", "staging", "-y")
    assert (at(world, "production"), at(world, "staging")) == (2, 1)


def test_with_nothing_before_it_says_no_and_changes_nothing(towpath: Towpath, world: EmbeddedWorld) -> None:
    towpath(*BACK, "-y")
    told = towpath(*BACK, "-y", code=1).err
    assert f"the ledger names no version of {NAME} that stood at production before" in told
    assert f"towpath history {NAME}" in told
    assert at(world, "production") == 1


def test_a_dry_run_shows_the_way_back(towpath: Towpath, world: EmbeddedWorld) -> None:
    planned = towpath(*BACK, "--dry-run", "--json").json
    assert (planned["event"], planned["version"], planned["from"], planned["allowed"]) == ("rolled_back", 1, 2, True)
    assert at(world, "production") == 2
    assert len(world.store.ledger(NAME)) == 4


def test_the_same_gates_judge_it(towpath: Towpath, world: EmbeddedWorld) -> None:
    with world.store.model_folder(world.store.version(ModelRef(NAME, version=1))) as folder:
        (folder / "MODEL_CARD.md").write_text("nothing")
    told = towpath(*BACK, "-y", code=1).out
    assert "documentation: the section Purpose is not there" in told
    assert at(world, "production") == 2


def test_it_says_where_to_and_asks_only_on_a_terminal(towpath: Towpath, world: EmbeddedWorld) -> None:
    assert "towpath rollback occupation-coder --to-previous" in towpath("rollback", NAME, code=2).err
    assert "no terminal" in towpath(*BACK, code=2).err
    assert at(world, "production") == 2


def test_unknown_models_and_levels_are_errors(towpath: Towpath, world: EmbeddedWorld) -> None:
    assert "there is no model nothing" in towpath("rollback", "nothing", "--to-previous", "-y", code=3).err
    assert "there is no level 'prod'" in towpath(*BACK, "--level", "prod", "-y", code=2).err

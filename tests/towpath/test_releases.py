from __future__ import annotations

from pathlib import Path

from registry_world import NAME, EmbeddedWorld, material, promotions
from towpath import releases
from towpath_core.refs import ModelRef
from towpath_registry import checkpoints


def test_a_release_brings_the_newest_checkpoint_of_the_ledger_with_it(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material())
    with releases.opened(f"{NAME}/1", world.environ) as before:
        assert before.checkpoint == ""
    desk = promotions(world)
    desk.settle(desk.plan(ModelRef(NAME, version=1), "staging"), "ann", "")
    with releases.opened(f"{NAME}@staging", world.environ) as after:
        assert checkpoints.read(after.checkpoint).size == 1

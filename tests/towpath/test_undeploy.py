"""towpath undeploy, where there is nothing to take away; see test_deploy for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Towpath


def test_nothing_to_take_away_is_told(towpath: Towpath, home: Path, tmp_path: Path) -> None:
    done = towpath("undeploy", "occupation-coder", env={"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}, code=3)
    assert "nothing is deployed under the name occupation-coder" in done.err
    assert "Next:  towpath deploy" in done.err
    assert not list(home.rglob("*.json"))


def test_a_name_is_a_name(towpath: Towpath, home: Path) -> None:
    assert "is not a good name" in towpath("undeploy", "../x", code=2).err
    assert not home.exists()

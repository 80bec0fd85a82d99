from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from registry_world import NAME, START, EmbeddedWorld, free_port, material

if TYPE_CHECKING:
    from tests.conftest import Towpath


def test_models_are_listed_with_their_newest_version_and_aliases(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home)
    for number in (1, 2):
        world.add(material(number))
    world.add(material(3), "employment")
    world.move_alias(NAME, "production", 1)
    world.move_alias(NAME, "staging", 2)

    lines = towpath("list").out.splitlines()

    assert lines[0].split() == ["model", "newest", "aliases", "updated"]
    assert lines[1].startswith("employment        1       –")
    assert lines[2].startswith(f"occupation-coder  2       production → 1, staging → 2  {START:%Y-%m-%d} 08:00 UTC")


def test_json_says_the_same(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home)
    version = world.add(material())
    world.move_alias(NAME, "staging", 1)
    (model,) = towpath("list", "--json").json["models"]
    assert model["updated"] == version.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (model["name"], model["latest"], model["aliases"]) == (NAME, 1, {"staging": 1})


def test_an_empty_registry_says_how_to_make_a_first_model(towpath: Towpath, home: Path) -> None:
    EmbeddedWorld(home)
    assert "towpath new occupation-coder --template coding" in towpath("list").out
    assert towpath("list", "--json").json == {"schema": 1, "models": [], "overdue": []}


def test_a_missing_registry_is_an_error_with_the_next_step_and_is_not_made(towpath: Towpath, home: Path) -> None:
    told = towpath("list", code=3).err
    assert f"there is no registry yet: no file {home / 'towpath.db'}" in told
    assert "towpath run" in told
    assert not home.exists()


def test_a_server_that_is_away_is_named(towpath: Towpath) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    told = towpath("list", env={"MLFLOW_TRACKING_URI": address}, code=3).err
    assert f"the MLflow server {address} does not answer" in told


def test_a_tracking_uri_that_is_none_is_asked_wrongly(towpath: Towpath) -> None:
    told = towpath("list", env={"MLFLOW_TRACKING_URI": "file:///tmp/mlruns"}, code=2).err
    assert "MLFLOW_TRACKING_URI=file:///tmp/mlruns is not a store" in told

"""The same commands against a team's MLflow server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tests.journeys.conftest import NAMES, World, made

from registry_world import mlflow_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_the_path_is_walked_on_a_server_as_it_is_without_one(uri: str, tmp_path: Path) -> None:
    world = made("tabular", tmp_path)
    name = NAMES["tabular"]
    server = {"MLFLOW_TRACKING_URI": uri}
    assert world("run", "--json", env=server).json["version"] == 1
    assert not world("run", "--json", env=server).json["new"]
    world("promote", f"{name}/1", "--to", "production", "--yes", env=server, code=1)
    world("promote", f"{name}/1", "--to", "staging", "--yes", env=server)
    world("promote", f"{name}/1", "--to", "production", "--yes", env=server)
    assert world("show", f"{name}@production", "--json", env=server).json["version"] == 1
    events = [entry["event"] for entry in world("history", name, "--json", env=server).json["entries"]]
    assert events.count("promoted") == 2
    assert "refused" in events
    assert world("monitor", "--json", env=server).json["passed"]
    pd.read_parquet(world.project / "data" / "prepared.parquet").head(20).to_csv(tmp_path / "in.csv", index=False)
    world("score", str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), env=server)
    assert len(pd.read_csv(tmp_path / "out.csv")) == 20
    assert not (world.home / "towpath.db").exists()


def test_a_server_that_is_away_is_said_and_nothing_is_lost(tabular: World, tmp_path: Path) -> None:
    copy = tabular.copy(tmp_path)
    away = copy("list", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, code=3)
    assert "127.0.0.1:9" in away.err
    assert "Next:" in away.err

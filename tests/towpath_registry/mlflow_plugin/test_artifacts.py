"""The files of a kept version are written once, whatever path or name for the folder somebody uses."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from governed_files import MadeInFolder, refused
from governed_world import MODEL, GovernedWorld
from towpath_registry.mlflow_plugin.artifacts import GovernedFiles


@pytest.fixture
def made(tmp_path: Path) -> MadeInFolder:
    return MadeInFolder(GovernedWorld(tmp_path / "home"))


@pytest.mark.parametrize(
    "spelt",
    [
        "{e}/models/./{m}/artifacts",
        "{e}//models/{m}//artifacts",
        "{e}/models/{m}/artifacts/.",
        "{e}/models/{m}/../{m}/artifacts",
        "{e}/linked",
    ],
)
def test_another_spelling_of_the_folder_is_the_same_folder(made: MadeInFolder, spelt: str) -> None:
    made.world.stand(MODEL, 1, "staging")
    (made.world.artifacts / made.experiment / "linked").symlink_to(made.world.artifacts / made.model)
    path = spelt.format(e=made.experiment, m=made.model_id)
    with made.world.asked_by("bob"), pytest.raises(MlflowException, match="its files are written once"):
        made.put(f"{path}/model.skops", b"second")
    with made.world.asked_by("bob"), pytest.raises(MlflowException, match="its files are written once"):
        made.delete(f"{path}/model.skops")
    assert made.all()[f"{made.model}/model.skops"] == b"first"


def test_the_server_writes_nowhere_else(made: MadeInFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    with made.world.asked_by("bob"):
        files = GovernedFiles(outside.as_uri())
        refused(lambda: files.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt"), "below its own artifacts only")
        refused(lambda: GovernedFiles("/etc").delete_artifacts("hostname"), "below its own artifacts only")
    assert not outside.exists()

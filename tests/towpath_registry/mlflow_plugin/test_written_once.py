"""The files of a kept version are written once, in a folder and in an object store: the same facts of each."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from governed_files import Made, MadeInBucket, MadeInFolder, refused
from governed_world import MODEL, GovernedWorld
from object_store import pointing_at
from towpath_registry.mlflow_plugin.house import outside_flask


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Made]:
    world = GovernedWorld(tmp_path / "home")
    if request.param == "folder":
        yield MadeInFolder(world)
        return
    running = request.getfixturevalue("running")
    with pointing_at(running):
        yield MadeInBucket(world, running)


def test_before_anybody_asks_for_it_a_version_s_files_are_anybody_s(made: Made) -> None:
    with made.world.asked_by("bob"):
        made.put(f"{made.model}/model.skops", b"second")
    assert made.all()[f"{made.model}/model.skops"] == b"second"
    assert made.world.authors("model", made.model_id) == {"ann", "bob"}


@pytest.mark.parametrize("how", ["ask", "stand"])
def test_from_the_request_on_they_are_written_once(made: Made, how: str) -> None:
    getattr(made.world, how)(MODEL, 1, "staging")
    before = made.all()
    with made.world.asked_by("bob"):
        words = (f"{MODEL}/1", "staging", "written once", "register it as the next version")
        refused(lambda: made.put(f"{made.model}/model.skops", b"second"), *words)
        refused(lambda: made.put(f"{made.model}/extra.txt", b"second"), *words)
        refused(lambda: made.put(f"{made.model}/new/folder/extra.txt", b"second"), *words)
        refused(lambda: made.put(made.model, b"second"), *words)
        refused(lambda: made.put(f"{made.evidence}/quality.dsse.json", b"second"), *words)
        refused(lambda: made.put(f"{made.evidence}/safety.dsse.json", b"second"), *words)
        refused(lambda: made.delete(f"{made.model}/model.skops"), *words)
        refused(lambda: made.delete(made.model), *words)
        refused(lambda: made.delete(f"{made.model}/"), *words)
    assert made.all() == before
    assert {what for _, what, _ in made.world.attempts()} == {"upload", "delete-artifacts"}
    assert len(made.world.attempts()) == 9


@pytest.mark.parametrize("path", ["{e}", "{e}/models", "{e}/models/{m}", "{e}/{r}", "{e}/{r}/artifacts", None])
def test_nothing_above_them_is_deleted(made: Made, path: str | None) -> None:
    made.world.stand(MODEL, 1, "staging")
    before = made.all()
    told = path and path.format(e=made.experiment, m=made.model_id, r=made.run)
    with made.world.asked_by("bob"):
        refused(lambda: made.delete(told), "stands at staging")
    assert made.all() == before


def test_other_files_of_the_run_go_on_being_written(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    before = made.all()
    with made.world.asked_by("bob"):
        made.put(f"{made.experiment}/{made.run}/artifacts/plots/after.png", b"plot")
        made.put(f"{made.experiment}/{made.run}/artifacts/evidence.txt", b"beside it")
        made.delete(f"{made.experiment}/{made.run}/artifacts/plots")
        made.delete(f"{made.experiment}/{made.run}/artifacts/evidence.txt")
    assert made.all() == before


def test_a_repository_that_begins_further_down_knows_them_too(made: Made) -> None:
    made.world.stand(MODEL, 1, "staging")
    for below in (f"/{made.model}", f"/{made.experiment}/models/{made.model_id}"):
        files = made.files(below)
        with made.world.asked_by("bob"):
            refused(lambda: files.log_artifact_from_stream(io.BytesIO(b"x"), "a.txt", "artifacts"), "written once")  # noqa: B023
            refused(files.delete_artifacts, "written once")


def test_a_folder_of_files_is_refused_at_the_first_one(made: Made, tmp_path: Path) -> None:
    made.world.stand(MODEL, 1, "staging")
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "model.skops").write_bytes(b"second")
    with made.world.asked_by("bob"):
        refused(lambda: made.files().log_artifacts(str(tmp_path / "new"), made.model), "written once")
        refused(lambda: made.files().log_artifact(str(tmp_path / "new/deep/model.skops"), made.model), "written once")
        made.files().log_artifacts(str(tmp_path / "new"), "7/other")
    assert made.all()["7/other/deep/model.skops"] == b"second"


def test_an_upload_that_lasts_longer_than_the_request_takes_is_refused_at_its_end(made: Made) -> None:
    """The bytes came while the name was free; the request was made before they were put in place."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b"sec"
        made.world.ask(MODEL, 1, "production")
        yield b"ond"

    async def upload() -> None:
        mark = outside_flask.set((made.world.house, "bob"))
        try:
            await made.files().log_artifact_from_async_stream(slowly(), "model.skops", made.model)
        finally:
            outside_flask.reset(mark)

    before = made.all()
    refused(lambda: asyncio.run(upload()), f"{MODEL}/1 is asked for production")
    assert made.all() == before
    assert made.world.attempts()[-1][:2] == ("bob", "upload")


def test_what_is_kept_already_is_refused_before_a_byte_is_read(made: Made) -> None:
    made.world.ask(MODEL, 1, "production")

    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError

    with made.world.asked_by("bob"):
        refused(
            lambda: made.files().log_artifact_from_stream(Unread(), "model.skops", made.model),
            "is asked for production",
        )


def test_nobody_writes_who_is_not_known(made: Made) -> None:
    refused(lambda: made.put("7/file.txt", b"x"), "only through its server")
    with made.world.asked_by(""):
        refused(lambda: made.put("7/file.txt", b"x"), "nobody is logged in")

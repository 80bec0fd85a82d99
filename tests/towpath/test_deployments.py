"""How one release takes another's place, on a target that starts servers in threads."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from serving_world import NAME, AbsentTarget, Service, ThreadTarget, ask, release, running
from towpath.deployments import Desk, choose, current, deploy, undeploy
from towpath.releases import Release
from towpath.targets import Instance, Say, Target
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused
from towpath_core.manifest import Threshold
from towpath_serve.predictor import Predictor
from towpath_serve.server import bound

ONE, TWO = f"{NAME}/1", f"{NAME}/2"


@pytest.fixture
def port() -> int:
    """Free, as far as anybody can know."""
    with bound("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def thread() -> Iterator[ThreadTarget]:
    target = ThreadTarget()
    yield target
    for instance in target.instances(NAME):
        target.remove(instance)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def desk(tmp_path: Path, thread: ThreadTarget, said: list[str]) -> Desk:
    return Desk(tmp_path / "deployments", {"thread": thread}, said.append, lambda: datetime(2026, 3, 31, tzinfo=UTC))


@pytest.fixture
def one(packaged: Path) -> Release:
    return release(packaged)


@pytest.fixture
def two(packaged: Path, tmp_path: Path) -> Release:
    """The same model, with another card: another digest."""
    folder = Path(shutil.copytree(packaged, tmp_path / "two"))
    (folder / "MODEL_CARD.md").write_text("# Another\n")
    return release(folder, 2)


def served(port: int) -> str:
    return str(ask(port, "GET", "/health")[1]["model"])


def test_the_first_is_proven_aside_and_takes_the_port(
    desk: Desk, thread: ThreadTarget, one: Release, port: int
) -> None:
    made, changed = deploy(desk, one, thread, port)

    assert changed
    assert served(port) == ONE
    assert thread.started == [f"{ONE} on a spare port", f"{ONE} on the port"]
    assert running(thread) == [made.instance]
    assert current(desk, NAME) == made
    assert json.loads((desk.folder / f"{NAME}.json").read_text()) == {
        "schema": 1, "name": NAME, "model": ONE, "digest": one.digest, "target": "thread",
        "instance": made.instance, "port": port, "since": "2026-03-31T00:00:00.000000Z",
    }  # fmt: skip


def test_what_runs_already_is_left_alone(desk: Desk, thread: ThreadTarget, one: Release, port: int) -> None:
    made, _ = deploy(desk, one, thread, port)
    assert deploy(desk, one, thread, port) == (made, False)
    assert len(thread.started) == 2


def test_the_next_takes_its_place(desk: Desk, thread: ThreadTarget, one: Release, two: Release, port: int) -> None:
    deploy(desk, one, thread, port)
    made, changed = deploy(desk, two, thread, port)
    assert (changed, made.model, served(port)) == (True, TWO, TWO)
    assert running(thread) == [made.instance]


def test_it_can_move_to_another_port(desk: Desk, thread: ThreadTarget, one: Release, port: int) -> None:
    deploy(desk, one, thread, port)
    with bound("127.0.0.1", 0) as listener:
        other = int(listener.getsockname()[1])
    deploy(desk, one, thread, other)
    assert served(other) == ONE
    with pytest.raises(ConnectionRefusedError):
        served(port)


def wrong_threshold(good: Predictor) -> Predictor:
    return replace(good, manifest=replace(good.manifest, threshold=Threshold(0.1)))


def wrong_digest(good: Predictor) -> Predictor:
    return replace(good, digest="sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        (wrong_threshold, "answers otherwise than at evaluation: example 1: the threshold is 0.1, expected 0.7"),
        (wrong_digest, "another model answers at"),
    ],
)
@pytest.mark.parametrize("on_the_port", [False, True])
def test_one_that_does_not_prove_itself_leaves_the_old_one_running(
    desk: Desk, thread: ThreadTarget, one: Release, two: Release, port: int, spoilt: Any, told: str, on_the_port: bool
) -> None:
    old, _ = deploy(desk, one, thread, port)
    thread.spoil = lambda ref, asked, good: spoilt(good) if ref == TWO and bool(asked) == on_the_port else good

    with pytest.raises(Mismatch, match=told) as no:
        deploy(desk, two, thread, port)

    assert no.value.hint == f"{ONE} still answers at http://127.0.0.1:{port}"
    assert served(port) == ONE
    assert running(thread) == [old.instance]
    assert current(desk, NAME) == old


@pytest.mark.parametrize("on_the_port", [False, True])
@pytest.mark.parametrize("what", [CouldNot("no room"), KeyboardInterrupt()])
def test_one_that_does_not_start_leaves_the_old_one_running(
    desk: Desk, thread: ThreadTarget, one: Release, two: Release, port: int, on_the_port: bool, what: BaseException
) -> None:
    old, _ = deploy(desk, one, thread, port)

    def refuse(ref: str, asked: int, good: Predictor) -> Predictor:
        if ref == TWO and bool(asked) == on_the_port:
            raise what
        return good

    thread.spoil = refuse
    with pytest.raises(type(what)):
        deploy(desk, two, thread, port)

    assert served(port) == ONE
    assert running(thread) == [old.instance]


class Silent(ThreadTarget):
    """Starts a server that takes every request, and answers none."""

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and not (self.healthy and scope["path"] == "/health"):
                await asyncio.Event().wait()
            elif scope["type"] == "http":
                said = json.dumps({"digest": release.digest}).encode()
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": said})

        self._services["silent"] = Service(app, port)
        self._made["silent"] = (deployment, None, self._services["silent"].port)
        return Instance("silent", self._services["silent"].port, running=True)

    healthy = False


@pytest.mark.parametrize(
    ("healthy", "told"),
    [(False, "did not answer in 0.3 seconds"), (True, "does not answer its own examples: timed out")],
)
def test_one_whose_first_answer_never_ends_is_given_up(
    desk: Desk, one: Release, port: int, healthy: bool, told: str
) -> None:
    target = Silent()
    target.healthy = healthy
    with pytest.raises(CouldNot, match=told):
        deploy(replace(desk, patience=0.3), one, target, port)
    assert target.instances(NAME) == []


def test_one_that_ends_by_itself_is_told_with_its_last_words(desk: Desk, one: Release, port: int) -> None:
    class Ending(ThreadTarget):
        def start(self, *arguments: Any) -> Any:
            instance = super().start(*arguments)
            self.halt(instance)
            return instance

    target = Ending()
    with pytest.raises(CouldNot, match=rf"{ONE} ended by itself; its last words:\n{ONE} #0 was here"):
        deploy(desk, one, target, port)
    assert target.instances(NAME) == []
    assert current(desk, NAME) is None


def test_a_port_of_somebody_else_is_told_before_anything_starts(
    desk: Desk, thread: ThreadTarget, one: Release, port: int
) -> None:
    with bound("127.0.0.1", port) as listener:
        listener.listen()
        with pytest.raises(CouldNot, match=f"port {port} on 127.0.0.1 is taken"):
            deploy(desk, one, thread, port)
    assert thread.started == []


def test_a_model_that_was_changed_is_not_started(desk: Desk, thread: ThreadTarget, two: Release, port: int) -> None:
    (two.folder / "MODEL_CARD.md").write_text("changed")
    with pytest.raises(Mismatch, match="registered was"):
        deploy(desk, two, thread, port)
    assert thread.started == []


def test_a_model_that_nothing_could_prove_is_not_started(
    desk: Desk, thread: ThreadTarget, two: Release, port: int
) -> None:
    (two.folder / "expected.json").write_text("{}")
    with pytest.raises(Refused, match="nothing could prove it"):
        deploy(desk, release(two.folder, 2), thread, port)
    assert thread.started == []


def test_what_an_interrupted_deploy_left_is_cleared_away(
    desk: Desk, thread: ThreadTarget, one: Release, two: Release, port: int
) -> None:
    """Killed after the new one took the port, before it was written down."""
    old, _ = deploy(desk, one, thread, port)
    thread.halt(thread.instances(NAME)[0])
    thread.start(NAME, two, port, print)
    assert current(desk, NAME) == old

    made, _ = deploy(desk, two, thread, port)

    assert served(port) == TWO
    assert running(thread) == [made.instance]
    assert [instance.id for instance in thread.instances(NAME)] == [made.instance]


def test_one_that_died_is_started_again(desk: Desk, thread: ThreadTarget, one: Release, port: int) -> None:
    old, _ = deploy(desk, one, thread, port)
    thread.halt(thread.instances(NAME)[0])

    made, changed = deploy(desk, one, thread, port)

    assert changed
    assert made.instance != old.instance
    assert served(port) == ONE


def test_two_deploys_at_once_do_not_mix(desk: Desk, thread: ThreadTarget, one: Release, port: int) -> None:
    desk.folder.mkdir()
    with (desk.folder / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CouldNot, match="is being deployed by another process"):
            deploy(desk, one, thread, port)
    assert deploy(desk, one, thread, port)[1]


def test_undeploy_stops_and_forgets(desk: Desk, thread: ThreadTarget, one: Release, port: int) -> None:
    made, _ = deploy(desk, one, thread, port)
    assert undeploy(desk, NAME) == [made.instance]
    assert thread.instances(NAME) == []
    assert current(desk, NAME) is None
    with pytest.raises(NotFound, match=f"nothing is deployed under the name {NAME}"):
        undeploy(desk, NAME)


def test_undeploy_forgets_nothing_that_it_could_not_reach(
    desk: Desk, thread: ThreadTarget, one: Release, port: int
) -> None:
    deploy(desk, one, thread, port)
    away = replace(desk, targets={"thread": AbsentTarget()})
    with pytest.raises(CouldNot, match="runs on thread, which cannot be reached: no Docker engine answers"):
        undeploy(away, NAME)
    assert current(desk, NAME) is not None


def test_a_broken_note_is_told(desk: Desk) -> None:
    desk.folder.mkdir()
    (desk.folder / f"{NAME}.json").write_text('{"what": 1}')
    with pytest.raises(Misused, match="describes no deployment") as no:
        current(desk, NAME)
    assert no.value.hint.startswith("rm ")


def test_auto_is_docker_where_it_answers_and_says_so(desk: Desk, thread: ThreadTarget, said: list[str]) -> None:
    process: Target = ThreadTarget()
    assert choose(replace(desk, targets={"docker": thread, "process": process}), "auto") is thread
    assert said == ["a Docker engine answers: it runs as a container"]
    assert choose(replace(desk, targets={"docker": AbsentTarget(), "process": process}), "auto") is process
    assert said[1] == "no Docker engine answers: it runs as a process of this machine"


def test_a_target_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(Misused, match="there is no target 'cloud'") as no:
        choose(desk, "cloud")
    assert no.value.hint == "--target, one of auto, thread"
    with pytest.raises(CouldNot, match="nothing can run on thread: no Docker engine answers"):
        choose(replace(desk, targets={"thread": AbsentTarget()}), "thread")

"""Targets: how they are found, and what each has to hold."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from serving_world import NAME, ask, release
from towpath import targets
from towpath.targets import Instance, Target
from towpath.targets.process import ProcessTarget
from towpath_core.errors import CouldNot, Misused


def test_targets_are_the_modules_of_their_folder() -> None:
    assert targets.names() == ["docker", "process"]
    for name in targets.names():
        assert targets.find(name, {}).name == name


def test_an_unknown_target_is_told() -> None:
    with pytest.raises(Misused, match="there is no target 'cloud'") as no:
        targets.find("cloud", {})
    assert no.value.hint == "--target, one of auto, docker, process"


def test_without_an_engine_docker_says_what_it_asked(tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    assert targets.find("docker", nowhere).lack() == f"no Docker engine answers at unix://{tmp_path}/no.sock"


@pytest.fixture
def target(home: Path) -> Iterator[Target]:
    target = ProcessTarget({**os.environ, "TOWPATH_HOME": str(home)})
    yield target
    for instance in target.instances(NAME):
        target.remove(instance)


def answering(target: Target, instance: Instance) -> dict[str, object]:
    """What it says of its health, once it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return dict(ask(instance.port, "GET", "/health")[1])
        except ConnectionRefusedError:
            assert target.instances(NAME)[0].running, target.log(instance)
    raise AssertionError(target.log(instance))


def pid(instance: Instance) -> int:
    return int(json.loads((Path(instance.id) / "process.json").read_text())["pid"])


@pytest.mark.slow
def test_a_process_lives_on_its_own_and_is_found_again(target: Target, packaged: Path, home: Path) -> None:
    made = target.start(NAME, release(packaged), 0, print)
    assert answering(target, made)["model"] == f"{NAME}/1"
    assert os.getsid(pid(made)) == pid(made)

    again = ProcessTarget({"TOWPATH_HOME": str(home)})
    assert again.instances(NAME) == [Instance(made.id, made.port, running=True)]
    assert again.instances("another") == []
    assert "answers on" in again.log(made)

    again.halt(made)
    assert again.instances(NAME) == [Instance(made.id, made.port, running=False)]
    target.resume(made)
    assert answering(target, made)["status"] == "ok"
    again.remove(made)
    assert again.instances(NAME) == []
    assert not Path(made.id).exists()
    again.remove(made)


@pytest.mark.slow
def test_a_process_gets_no_credentials(home: Path, packaged: Path) -> None:
    environ = {**os.environ, "TOWPATH_HOME": str(home), "MLFLOW_TRACKING_TOKEN": "secret"}
    target = ProcessTarget(environ)
    made = target.start(NAME, release(packaged), 0, print)
    try:
        assert b"secret" not in Path(f"/proc/{pid(made)}/environ").read_bytes()
    finally:
        target.remove(made)


def test_a_pid_that_was_given_again_is_left_alone(target: Target, home: Path) -> None:
    """After a restart of the machine the number may be anybody's."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as somebody:
        folder = home / "deployments" / NAME / "1234"
        folder.mkdir(parents=True)
        (folder / "process.json").write_text(json.dumps({"pid": somebody.pid, "started": "boot 1"}))

        (instance,) = target.instances(NAME)
        assert not instance.running
        target.remove(instance)

        assert somebody.poll() is None
        assert target.instances(NAME) == []
        somebody.kill()


@pytest.mark.parametrize("note", ["", "[]", '{"pid": -1}', '{"pid": "1"}', '{"pid": 0, "started": ""}', "{}"])
def test_a_note_that_broke_off_kills_nobody(target: Target, home: Path, note: str) -> None:
    folder = home / "deployments" / NAME / "1234"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text(note)
    (instance,) = target.instances(NAME)
    assert (instance.running, instance.port) == (False, 0)
    target.remove(instance)


def test_what_cannot_be_copied_leaves_nothing(target: Target, home: Path, packaged: Path, tmp_path: Path) -> None:
    gone = release(packaged)
    missing = type(gone)(gone.name, 1, gone.digest, "", tmp_path / "gone")
    with pytest.raises(CouldNot, match="cannot start a process"):
        target.start(NAME, missing, 0, print)
    assert target.instances(NAME) == []


@pytest.mark.slow
def test_one_that_does_not_listen_is_ended_all_the_same(target: Target, packaged: Path) -> None:
    made = target.start(NAME, release(packaged), 0, print)
    answering(target, made)
    os.kill(pid(made), signal.SIGSTOP)
    killed = ProcessTarget({**os.environ, "TOWPATH_HOME": str(Path(made.id).parents[2])}, patience=0.2)
    killed.halt(made)
    assert not target.instances(NAME)[0].running


def test_every_target_keeps_the_interface(tmp_path: Path) -> None:
    environ: Mapping[str, str] = {"TOWPATH_HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    for name in targets.names():
        target = targets.find(name, environ)
        for method in ("lack", "start", "instances", "halt", "resume", "remove", "log"):
            assert callable(getattr(target, method))
        assert target.lack() == "" or "no Docker engine" in target.lack()

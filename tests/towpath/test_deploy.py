"""towpath deploy and undeploy, as a person calls them: as a process and as a container."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry_world import EmbeddedWorld
from serving_world import NAME, ask, registered, remove_image, wheelhouse
from towpath import wheels
from towpath.wheels import Lock
from towpath_serve.server import bound

if TYPE_CHECKING:
    from tests.conftest import Towpath

LOCK = Path(__file__).parents[2] / "platform/towpath/serving.lock"


@pytest.fixture
def world(home: Path, packaged: Path) -> EmbeddedWorld:
    """A registry with two good versions, and a third whose expected answers are not the model's."""
    expected = (packaged / "expected.json").read_bytes().replace(b'"label": "5434"', b'"label": "2314"')
    lock = {"requirements.txt": LOCK.read_bytes()}
    return registered(
        home, packaged, lock, {**lock, "MODEL_CARD.md": b"# Other\n"}, {**lock, "expected.json": expected}
    )


@pytest.fixture
def port() -> str:
    with bound("127.0.0.1", 0) as listener:
        return str(listener.getsockname()[1])


@pytest.fixture
def clean(towpath: Towpath) -> Iterator[None]:
    """Nothing of this test runs afterwards."""
    yield
    with contextlib.suppress(AssertionError):
        towpath("undeploy", NAME)


def served(port: str) -> Any:
    return ask(int(port), "GET", "/health")[1]["model"]


@pytest.mark.slow
@pytest.mark.usefixtures("world", "clean")
def test_a_process_is_deployed_replaced_and_taken_away(towpath: Towpath, port: str, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}

    first = towpath("deploy", f"{NAME}@production", "--port", port, env=nowhere)
    assert first.out == f"{NAME}/1 answers at http://127.0.0.1:{port}/predict (process)\n"
    assert f"no Docker engine answers at unix://{tmp_path}/no.sock: it runs as a process of this machine" in first.err
    assert f"{NAME}/1 answers 3 examples as it did at evaluation" in first.err
    assert served(port) == f"{NAME}/1"

    again = towpath("deploy", f"{NAME}/1", "--port", port, "--target", "process", "--json")
    assert (again.json["changed"], again.json["model"]) == (False, f"{NAME}/1")

    second = towpath("deploy", f"{NAME}/2", "--port", port, "--target", "process", "--json", "--quiet")
    assert (second.json["changed"], second.json["url"], second.err) == (True, f"http://127.0.0.1:{port}", "")
    assert served(port) == f"{NAME}/2"

    bad = towpath("deploy", f"{NAME}/4", "--port", port, "--target", "process", code=5)
    assert "answers otherwise here than at evaluation: example 1: the label is" in bad.err
    assert f"Next:  {NAME}/2 still answers at http://127.0.0.1:{port}" in bad.err
    assert served(port) == f"{NAME}/2"

    gone = towpath("undeploy", NAME)
    assert gone.out == f"{NAME} is no longer deployed\n"
    with pytest.raises(ConnectionRefusedError):
        served(port)


@pytest.mark.slow
@pytest.mark.usefixtures("world", "clean")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_deploy_that_is_killed_is_made_good_by_the_next(
    towpath: Towpath, environment: Mapping[str, str], home: Path, port: str, tmp_path: Path, how: signal.Signals
) -> None:
    command = [sys.executable, "-m", "towpath", "deploy", f"{NAME}/1", "--target", "process", "--port", port]
    with subprocess.Popen(command, env=dict(environment), cwd=tmp_path, stderr=subprocess.PIPE, text=True) as deploy:
        assert deploy.stderr
        while "process " not in deploy.stderr.readline():
            pass
        deploy.send_signal(how)
        deploy.communicate(timeout=60)
    left = [json.loads(path.read_text())["pid"] for path in home.rglob("process.json")]
    if how is signal.SIGTERM:
        assert (deploy.returncode, left) == (130, [])
    else:
        assert len(left) == 1

    towpath("deploy", f"{NAME}/1", "--target", "process", "--port", port)

    assert served(port) == f"{NAME}/1"
    assert len(list(home.rglob("process.json"))) == 1
    for pid in left:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.usefixtures("world")
def test_bad_requests_are_told(towpath: Towpath, port: str, tmp_path: Path) -> None:
    nowhere = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    assert "there is no target 'cloud'" in towpath("deploy", f"{NAME}/1", "--target", "cloud", code=2).err
    refused = towpath("deploy", f"{NAME}/1", "--target", "docker", env=nowhere, code=3)
    assert "nothing can run on docker: no Docker engine answers" in refused.err
    assert "there is no version" in towpath("deploy", f"{NAME}/9", code=3).err
    with bound("127.0.0.1", int(port)) as taken:
        taken.listen()
        done = towpath("deploy", f"{NAME}/1", "--target", "process", "--port", port, code=3)
    assert f"port {port} on 127.0.0.1 is taken" in done.err


@pytest.fixture
def images(environment: Mapping[str, str], home: Path) -> Iterator[None]:
    """The wheels that images are built from; the images are gone afterwards."""
    lock = Lock.parse(LOCK.read_text())
    to = wheels.folder(home, lock)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.symlink_to(wheelhouse(lock, print))
    yield
    for version in (1, 2, 3, 4):
        remove_image(f"{NAME}:{version}", environment)


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("world", "clean", "images")
def test_a_container_is_deployed_replaced_and_taken_away(
    towpath: Towpath, environment: Mapping[str, str], port: str
) -> None:
    import docker

    client = docker.from_env(environment=dict(environment))

    first = towpath("deploy", f"{NAME}/2", "--port", port)
    assert first.out == f"{NAME}/2 answers at http://127.0.0.1:{port}/predict (docker)\n"
    assert "a Docker engine answers: it runs as a container" in first.err
    assert served(port) == f"{NAME}/2"
    assert not towpath("deploy", f"{NAME}/2", "--port", port, "--json").json["changed"]

    second = towpath("deploy", f"{NAME}/3", "--port", port, "--json").json
    assert (second["changed"], second["target"], served(port)) == (True, "docker", f"{NAME}/3")

    container = client.containers.get(second["instance"])
    host = container.attrs["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["PidsLimit"]) == (1 << 30, 256)
    assert host["PortBindings"]["8080/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": port}]
    status: Any = container.exec_run(["cat", "/proc/1/status"]).output
    told = dict(line.split(":", 1) for line in status.decode().splitlines())
    assert (told["Uid"].split()[0], told["CapEff"].strip(), told["NoNewPrivs"].strip()) == ("10001", "0" * 16, "1")
    assert container.exec_run(["touch", "/srv/x"]).exit_code != 0

    bad = towpath("deploy", f"{NAME}/4", "--port", port, code=5)
    assert "answers otherwise here than at evaluation" in bad.err
    assert served(port) == f"{NAME}/3"
    mine: dict[str, Any] = {
        "label": [f"{key}={container.labels[key]}" for key in ("towpath.deployment", "towpath.home")]
    }
    assert [one.name for one in client.containers.list(all=True, filters=mine)] == [second["instance"]]

    towpath("undeploy", NAME)
    assert client.containers.list(all=True, filters=mine) == []


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("clean", "images")
def test_a_process_gives_way_to_a_container(towpath: Towpath, world: EmbeddedWorld, port: str, home: Path) -> None:
    towpath("deploy", f"{NAME}/2", "--port", port, "--target", "process")
    made = towpath("deploy", f"{NAME}/2", "--port", port, "--target", "docker", "--json").json
    assert (made["changed"], made["target"], served(port)) == (True, "docker", f"{NAME}/2")
    assert list(home.rglob("process.json")) == []


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("world", "images")
def test_an_image_whose_model_was_changed_does_not_start(
    towpath: Towpath, environment: Mapping[str, str], tmp_path: Path
) -> None:
    import docker

    towpath("build", f"{NAME}/2")
    (tmp_path / "Dockerfile").write_text(f"FROM {NAME}:2\nUSER 0\nRUN echo '# changed' >> /srv/model/MODEL_CARD.md\n")
    client = docker.from_env(environment=dict(environment))
    client.images.build(path=str(tmp_path), tag=f"{NAME}:4")

    container = client.containers.run(f"{NAME}:4", detach=True, network_mode="none")
    try:
        assert container.wait(timeout=60)["StatusCode"] == 5
        assert "has the digest sha256:" in container.logs().decode()
    finally:
        container.remove(force=True)

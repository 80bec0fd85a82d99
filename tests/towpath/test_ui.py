from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry_world import NAME, EmbeddedWorld, free_port, material

if TYPE_CHECKING:
    from tests.conftest import Towpath


@contextlib.contextmanager
def ui(environment: dict[str, str], port: int) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`towpath ui` once it has said that it answers, and what it said."""
    command = [sys.executable, "-m", "towpath", "ui", "--port", str(port), "--json", "--quiet"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended"
        try:
            yield process, json.loads("".join(lines))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def descendants(of: int) -> set[int]:
    """All processes below one, by /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {of}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {of}


@pytest.mark.slow
def test_it_serves_this_registry_on_loopback_until_it_is_interrupted(
    home: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    world = EmbeddedWorld(home)
    version = world.add(material())
    port = free_port()
    before = sorted(path.name for path in home.iterdir())
    with ui(environment, port) as (process, said):
        assert said["address"] == f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning"
        base = f"http://127.0.0.1:{port}"
        with urllib.request.urlopen(f"{base}/api/2.0/mlflow/registered-models/get?name={NAME}") as answer:
            assert json.load(answer)["registered_model"]["name"] == NAME
        evidence = f"{base}/get-artifact?path=evidence/quality.dsse.json&run_uuid={version.run_id}"
        with urllib.request.urlopen(evidence) as answer:
            assert json.load(answer)["payloadType"] == "application/vnd.in-toto+json"
        for path in ("../towpath.db", "..%2ftowpath.db", "%2e%2e/towpath.db", "/etc/passwd"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{base}/api/2.0/mlflow-artifacts/artifacts/{path}")
        children = descendants(process.pid)
        assert children
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not listens(port)
    assert not {child for child in children if Path(f"/proc/{child}").exists()}
    assert sorted(path.name for path in home.iterdir()) == before


@pytest.mark.slow
def test_nothing_is_left_running_when_it_is_killed(home: Path, environment: dict[str, str]) -> None:
    EmbeddedWorld(home)
    port = free_port()
    with ui(environment, port) as (process, _):
        children = descendants(process.pid)
        assert children
        process.kill()
        process.wait(30)
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "all to have ended")
    assert not listens(port)


@pytest.mark.slow
def test_a_level_does_not_move_in_the_ui_without_what_it_asks(home: Path, environment: dict[str, str]) -> None:
    world = EmbeddedWorld(home)
    version = world.add(material(judged=None))
    port = free_port()
    with ui({**environment, "TOWPATH_ACTOR": "ann@office.example"}, port):
        content = {"name": NAME, "alias": "staging", "version": str(version.version)}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/registered-models/alias",
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        said = json.load(refused.value)
    assert refused.value.code == 403
    assert "quality" in said["message"]
    assert said["error_code"] == "PERMISSION_DENIED"
    last = world.store.ledger(NAME)[-1]
    assert (last.event, last.actor, last.details["attempt"]) == ("refused", "ann@office.example", "set-alias")
    assert world.store.models()[0].aliases == {}


@pytest.mark.slow
def test_towpath_reads_through_the_server_what_it_reads_from_the_file(
    home: Path, environment: dict[str, str], towpath: Towpath
) -> None:
    world = EmbeddedWorld(home)
    world.add(material())
    world.move_alias(NAME, "staging", 1)
    port = free_port()
    with ui(environment, port):
        server = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
        assert towpath("list", env=server).out == towpath("list").out
        through = towpath("show", f"{NAME}@staging", "--json", env=server).json
        straight = towpath("show", f"{NAME}@staging", "--json").json
    assert through.pop("page") == straight.pop("page").replace(":5000/", f":{port}/")
    assert through == straight


def test_a_port_that_is_taken_is_named_with_another(towpath: Towpath, home: Path) -> None:
    EmbeddedWorld(home)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = towpath("ui", "--port", str(port), code=3).err
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in told
    assert f"towpath ui --port {port % 65535 + 1}" in told


def test_a_missing_registry_is_an_error_and_is_not_made(towpath: Towpath, home: Path) -> None:
    told = towpath("ui", code=3).err
    assert "there is no registry yet" in told
    assert "towpath run" in told
    assert not home.exists()


def test_with_a_server_it_prints_the_servers_address_without_the_password(towpath: Towpath) -> None:
    server = {"MLFLOW_TRACKING_URI": "https://ann:s3cret@mlflow.example.invalid"}
    told = towpath("ui", "--json", env=server).json
    assert told["address"] == "https://mlflow.example.invalid/#/experiments?workflowType=machine_learning"
    assert told["started"] is False
    assert "s3cret" not in towpath("ui", env=server).out


def test_an_address_that_is_not_this_machines_is_an_error(towpath: Towpath, home: Path) -> None:
    EmbeddedWorld(home)
    told = towpath("ui", "--host", "192.0.2.1", code=3).err
    assert "Warning: whoever reaches 192.0.2.1 acts as you in this registry" in told
    assert "cannot listen on 192.0.2.1 port 5000" in told

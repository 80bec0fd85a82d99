"""Served models for tests: registered versions, a server in a thread, a target that starts such servers."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from registry_world import EmbeddedWorld, Material
from towpath.releases import Release
from towpath.targets import Instance, Say
from towpath.wheels import Lock, Platform, Wheelhouse, download
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot
from towpath_serve.app import create_app
from towpath_serve.predictor import Predictor
from towpath_serve.server import bound

NAME = "occupation-coder"


def registered(home: Path, packaged: Path, *more: dict[str, bytes]) -> EmbeddedWorld:
    """A registry with a version of the packaged model in production, and one more for each set of other files."""
    world = EmbeddedWorld(home)
    for changes in ({}, *more):
        files = {path.name: path.read_bytes() for path in packaged.iterdir()}
        world.add(Material({**files, **changes}))
    world.move_alias(NAME, "production", 1)
    return world


def release(folder: Path, version: int = 1) -> Release:
    return Release(NAME, version, dir_hash(folder), "4f5c2d1e", folder)


def wheelhouse(lock: Lock, say: Say) -> Path:
    """The lock's wheels, downloaded once for all tests of this machine; what lies there is known by its digest."""
    base = Path(tempfile.gettempdir()) / f"towpath-tests-{os.getuid()}" / "wheelhouse"
    folder = base / lock.digest.removeprefix("sha256:")
    if Wheelhouse.at(folder, lock).missing:
        download(folder, lock, Platform("3.11", os.uname().machine, 36), say)
    return folder


def remove_image(tag: str, environ: Mapping[str, str]) -> None:
    """It may not be there."""
    import docker
    import docker.errors

    with contextlib.suppress(docker.errors.ImageNotFound):
        docker.from_env(environment=dict(environ)).images.remove(tag, force=True)


class Service:
    """A server in a thread of this process."""

    def __init__(self, app: Any, port: int = 0) -> None:
        started = threading.Event()

        class Server(uvicorn.Server):
            async def startup(self, sockets: Any = None) -> None:
                await super().startup(sockets)
                started.set()

        listener = bound("127.0.0.1", port)
        self.port = listener.getsockname()[1]
        self._server = Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        assert started.wait(20)

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return ask(self.port, method, path, body)


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of an answer; a `body` that is not bytes is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body if body is None or isinstance(body, bytes) else json.dumps(body).encode())
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


class ThreadTarget:
    """Starts servers in threads. `spoil` may refuse, or change what answers: it gets model, port and predictor."""

    name = "thread"

    def __init__(self, spoil: Callable[[str, int, Predictor], Predictor] = lambda _ref, _port, good: good) -> None:
        self.spoil = spoil
        self.started: list[str] = []
        self._made: dict[str, tuple[str, Any, int]] = {}
        self._services: dict[str, Service] = {}

    def lack(self) -> str:
        return ""

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        predictor = self.spoil(release.ref, port, Predictor.open(release.folder, version=release.ref))
        name = f"{release.ref} #{len(self.started)}"
        self._services[name] = Service(create_app(predictor), port)
        self._made[name] = (deployment, predictor, self._services[name].port)
        self.started.append(f"{release.ref} on {'the port' if port else 'a spare port'}")
        return Instance(name, self._services[name].port, running=True)

    def instances(self, deployment: str) -> list[Instance]:
        found = [(name, port) for name, (of, _, port) in self._made.items() if of == deployment]
        return [Instance(name, port, self._services[name].running) for name, port in found]

    def halt(self, instance: Instance) -> None:
        self._services[instance.id].stop()

    def resume(self, instance: Instance) -> None:
        _, predictor, port = self._made[instance.id]
        self._services[instance.id] = Service(create_app(predictor), port)

    def remove(self, instance: Instance) -> None:
        if instance.id in self._services:
            self.halt(instance)
            del self._made[instance.id], self._services[instance.id]

    def log(self, instance: Instance) -> str:
        return f"{instance.id} was here"


class AbsentTarget(ThreadTarget):
    """A target that nothing can be started on."""

    def lack(self) -> str:
        return "no Docker engine answers"

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        raise CouldNot(self.lack())


def running(target: ThreadTarget, deployment: str = NAME) -> Sequence[str]:
    return [instance.id for instance in target.instances(deployment) if instance.running]

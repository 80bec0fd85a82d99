"""Containers of a Docker engine."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from towpath.releases import Release
from towpath.targets import Instance, Say
from towpath.targets.docker_door import Container, Engine
from towpath_core.errors import CouldNot
from towpath_registry import places

DEPLOYMENT, HOME = "towpath.deployment", "towpath.home"


@dataclass(frozen=True)
class DockerTarget:
    """A hardened container per instance. It is started again with the engine, until it is removed."""

    environ: Mapping[str, str]
    name: str = field(default="docker", init=False)

    @cached_property
    def _engine(self) -> Engine:
        return Engine(self.environ)

    @property
    def _home(self) -> Path:
        return places.home(self.environ)

    def lack(self) -> str:
        try:
            return "" if self._engine.version else "an engine that does not know itself"
        except CouldNot as error:
            return error.message

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        from towpath import images

        image = images.ensure(self._engine, release, self._home, say)
        name = f"towpath-{deployment}-{secrets.token_hex(4)}"
        return _instance(self._engine.run(image.id, name, port, self._labels(deployment), restart=port != 0))

    def instances(self, deployment: str) -> list[Instance]:
        return [_instance(found) for found in self._engine.containers(self._labels(deployment))]

    def halt(self, instance: Instance) -> None:
        self._engine.stop(instance.id)

    def resume(self, instance: Instance) -> None:
        self._engine.start(instance.id)

    def remove(self, instance: Instance) -> None:
        with contextlib.suppress(CouldNot):
            self._engine.stop(instance.id)
        self._engine.remove(instance.id)

    def log(self, instance: Instance) -> str:
        return self._engine.log(instance.id)

    def _labels(self, deployment: str) -> dict[str, str]:
        """Another home's deployment of the same name on the same engine is not ours."""
        home = hashlib.sha256(str(self._home).encode()).hexdigest()[:16]
        return {DEPLOYMENT: deployment, HOME: home}


def _instance(container: Container) -> Instance:
    return Instance(container.name, container.port, container.running, container.code)


target = DockerTarget

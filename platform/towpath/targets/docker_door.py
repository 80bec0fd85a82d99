"""The door to Docker: the one module that imports its SDK. It speaks of images and containers by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_core.errors import CouldNot, NotFound

if TYPE_CHECKING:
    from docker import DockerClient

_MIB = 1 << 20
PORT = 8080  # of the server inside the container
# Nothing in the container may become more than it is, write more than it needs, or take the machine down.
_HARDENED: Mapping[str, Any] = {
    "user": "10001:10001",
    "read_only": True,
    "tmpfs": {"/tmp": "rw,noexec,nosuid,size=64m"},  # noqa: S108 (inside the container)
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "mem_limit": 1024 * _MIB,
    "memswap_limit": 1024 * _MIB,
    "pids_limit": 256,
    "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
}


@dataclass(frozen=True, slots=True)
class Image:
    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Container:
    """`port` is the one on this machine; 0 while it does not run. `code` is what it ended with."""

    name: str
    running: bool
    port: int
    code: int
    labels: Mapping[str, str]


class Engine:
    """The engine that DOCKER_HOST names, else the local one. Raises: CouldNot if none answers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._client = _client(environ)

    @property
    def version(self) -> str:
        with _translated("asking the engine"):
            return str(self._client.version().get("Version", "of unknown version"))

    def image(self, name: str) -> Image | None:
        import docker.errors

        with _translated(f"looking for the image {name}"):
            try:
                found = self._client.images.get(name)
            except docker.errors.ImageNotFound:
                return None
        return Image(str(found.id), dict(found.labels or {}))

    def output(self, image: str, command: list[str]) -> str:
        """What the command writes in a container of its own, without a network."""
        with _translated(f"running {image}"):
            told: bytes = self._client.containers.run(
                image, command, remove=True, network_mode="none", cap_drop=["ALL"]
            )
        return told.decode(errors="replace")

    def build(
        self,
        context: Path,
        tag: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        say: Callable[[str], None],
    ) -> Image:
        """Build the folder's Dockerfile without a network; the tag moves when all is done, or not at all."""
        last = ""
        with _translated(f"building {tag}"):
            events = self._client.api.build(
                path=str(context),
                tag=tag,
                rm=True,
                forcerm=True,
                network_mode="none",
                buildargs=dict(arguments),
                labels=dict(labels),
                decode=True,
            )
            for event in events:
                if "error" in event:
                    raise CouldNot(
                        f"the image {tag} could not be built: {event['error'].strip()[-1500:]}\n{last[-1500:]}"
                    )
                line = str(event.get("stream", "")).rstrip()
                if line:
                    last = f"{last}\n{line}"[-4000:]
                if line.startswith("Step ") and (" : RUN " in line or " : COPY " in line):
                    say(line[:80])
        built = self.image(tag)
        if built is None:
            raise CouldNot(f"the image {tag} is not there after it was built", hint="build it again")
        return built

    def run(self, image: str, name: str, port: int, labels: Mapping[str, str], *, restart: bool) -> Container:
        """Start a container that answers on this machine's loopback only; `port` 0 takes a free one."""
        options: dict[str, Any] = {
            **_HARDENED,
            "name": name,
            "detach": True,
            "ports": {f"{PORT}/tcp": ("127.0.0.1", port or None)},
            "labels": dict(labels),
            "restart_policy": {"Name": "unless-stopped" if restart else "no"},
        }
        try:
            with _translated(f"starting {name}"):
                self._client.containers.run(image, **options)
        except BaseException:  # it may have been made, and not started
            self.remove(name)
            raise
        return self.container(name)

    def container(self, name: str) -> Container:
        """Raise NotFound if there is none."""
        with _translated(f"looking for the container {name}"):
            return _container(self._client.containers.get(name))

    def containers(self, labels: Mapping[str, str]) -> list[Container]:
        """Those that carry all of the labels, running or not."""
        wanted = [f"{key}={value}" for key, value in labels.items()]
        with _translated("listing containers"):
            found = self._client.containers.list(all=True, filters={"label": wanted}, ignore_removed=True)
            return [_container(one) for one in found]

    def start(self, name: str) -> None:
        with _translated(f"starting {name}"):
            self._client.containers.get(name).start()

    def stop(self, name: str) -> None:
        """Let it answer what is under way, for at most 15 seconds."""
        with _translated(f"stopping {name}"):
            self._client.containers.get(name).stop(timeout=15)

    def remove(self, name: str) -> None:
        """It may be gone already."""
        with contextlib.suppress(NotFound), _translated(f"removing {name}"):
            self._client.containers.get(name).remove(force=True, v=True)

    def log(self, name: str) -> str:
        """Its last lines."""
        with _translated(f"reading the log of {name}"):
            told: bytes = self._client.containers.get(name).logs(tail=20)
        return told.decode(errors="replace").strip()


def _client(environ: Mapping[str, str]) -> DockerClient:
    import docker
    import docker.errors

    host = environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    try:
        client = docker.from_env(timeout=600, environment=dict(environ))
        client.ping()
    except (docker.errors.DockerException, OSError) as error:  # the SDK lets the network's own errors through
        raise CouldNot(
            f"no Docker engine answers at {host}", hint="start Docker, or set DOCKER_HOST; towpath doctor"
        ) from error
    return client


def _container(found: Any) -> Container:
    state = found.attrs.get("State", {})
    bound = (found.attrs.get("NetworkSettings", {}).get("Ports") or {}).get(f"{PORT}/tcp") or []
    return Container(
        name=str(found.name),
        running=bool(state.get("Running")) and not state.get("Restarting"),
        port=int(bound[0]["HostPort"]) if bound else 0,
        code=int(state.get("ExitCode") or 0),
        labels=dict(found.labels or {}),
    )


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """Docker's errors as ours."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.NotFound as error:
        raise NotFound(f"{doing}: there is none") from error
    except docker.errors.APIError as error:
        raise CouldNot(f"{doing}: {error.explanation or error}", hint="towpath doctor") from error
    except (docker.errors.DockerException, docker.errors.StreamParseError) as error:
        raise CouldNot(f"{doing}: no answer", hint="start Docker, or set DOCKER_HOST; towpath doctor") from error
    except requests.exceptions.RequestException as error:
        raise CouldNot(f"{doing}: the engine went away", hint="start Docker, then run it again") from error

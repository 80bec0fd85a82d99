"""MLflow's own server over the embedded registry, for as long as somebody looks at it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from towpath_core.errors import CouldNot, NotFound
from towpath_core.processes import group
from towpath_registry import places

_PATIENCE = 120.0  # seconds; without compiled byte code MLflow takes nearly a minute to start
# What MLflow starts beside its pages by default, and nobody here asked for.
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
}


def page(address: str) -> str:
    """Where to begin; without the parameter the UI opens in its mode for language models, and hides the models."""
    return f"{address}/#/experiments?workflowType=machine_learning"


@contextlib.contextmanager
def serving(
    environ: Mapping[str, str], host: str, port: int, say: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The UI's address once it answers, and a function that waits until somebody interrupts; then all of it ends.

    Raises: NotFound without a registry, CouldNot for a port that is taken and for a server that does not start.
    """
    database, artifacts = places.database(environ), places.artifacts(environ)
    if database is None or artifacts is None or not database.exists():
        raise NotFound(
            f"there is no registry yet: no file {database}",
            hint="make a first version with towpath run (in a project's folder); TOWPATH_HOME says where to look",
        )
    places.ensure_home(environ)
    _refuse_taken(host, port)
    say("Starting MLflow…")
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", places.tracking_uri(environ), "--artifacts-destination", artifacts.as_uri()]
    clean = {name: value for name, value in environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW_"))}
    with group(command, env={**clean, **_QUIET}, cwd=database.parent) as server:
        last: deque[str] = deque(maxlen=20)
        reader = threading.Thread(target=_drain, args=(server, last), daemon=True)
        reader.start()
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        _wait_until_up(server, _reachable(host, port), last)

        def wait() -> None:
            with contextlib.suppress(KeyboardInterrupt):
                server.wait()
                raise CouldNot(f"MLflow ended by itself: {_told(last)}", hint="run it again; towpath doctor")
            say("Stopped.")

        yield page(address), wait


def _refuse_taken(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        raise CouldNot(
            f"cannot listen on {host} port {port}: {error.strerror}", hint=f"towpath ui --port {port % 65535 + 1}"
        ) from error


def _reachable(host: str, port: int) -> str:
    """The address for a first question: one that listens everywhere is asked on this machine."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{near}]' if ':' in near else near}:{port}/health"


def _wait_until_up(server: subprocess.Popen[str], address: str, last: deque[str]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), direct.open(address, timeout=5):
            return
        time.sleep(0.1)
    raise CouldNot(f"MLflow does not start: {_told(last)}", hint="towpath doctor")


def _drain(server: subprocess.Popen[str], last: deque[str]) -> None:
    """Read what the server says, so that it never waits for a reader."""
    with contextlib.suppress(ValueError, OSError):
        for line in server.stdout or ():
            if os.environ.get("TOWPATH_DEBUG"):
                sys.stderr.write(line)
            last.append(line.strip())


def _told(last: deque[str]) -> str:
    lines = [line for line in last if line]
    return lines[-1] if lines else "it says nothing"

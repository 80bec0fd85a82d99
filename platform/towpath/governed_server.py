"""MLflow's server with the registry's rules inside, as a child of this process that never outlives it."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath_core.errors import CouldNot
from towpath_core.processes import group
from towpath_registry.artifact_place import Place

_PATIENCE = 120.0  # seconds; without compiled byte code MLflow takes nearly a minute to start
_MODULE = "towpath_registry.mlflow_plugin.launch"
_USERS = "towpath_registry.mlflow_plugin.users"
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# What MLflow starts beside its pages by default, and nobody here asked for; and what it would let through.
_ALWAYS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
    "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
    "MLFLOW_SERVER_X_FRAME_OPTIONS": "DENY",
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore:starlette.middleware.wsgi is deprecated",
    "TOWPATH_SERVER_TIED": "1",
}
# Secrets that are taken from the environment, else made once and kept.
_SECRETS = {
    "MLFLOW_FLASK_SERVER_SECRET_KEY": ("session.key", lambda: secrets.token_urlsafe(32)),
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": (
        "webhooks.key",
        lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    ),
}
_PASSED_ON = ("MLFLOW_AUTH_ADMIN_USERNAME", "MLFLOW_AUTH_ADMIN_PASSWORD")
_ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"  # as MLflow calls it; AWS's own variables are left as they are


@dataclass(frozen=True, slots=True)
class Server:
    """What is to be started. `folder` holds its users and secrets; `only` is the one person of one without a login."""

    database: str
    artifacts: Place
    folder: Path
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    workspaces: bool = False
    upload_mb: int = 4096
    only: str = ""

    @property
    def address(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def users(self) -> Path:
        """How MLflow knows who may log in, and what they may do by default."""
        return self.folder / "users.ini"

    @property
    def admin_password(self) -> Path:
        """Where the first administrator's password is left."""
        return self.folder / "admin-password"

    @property
    def command(self) -> list[str]:
        told = {
            "--app": "towpath-one" if self.only else "towpath",
            "--database": self.database,
            "--artifacts": str(self.artifacts),
            "--host": self.host,
            "--port": str(self.port),
            "--workers": str(self.workers),
            "--admin-password-file": str(self.admin_password),
        }
        return [sys.executable, "-m", _MODULE, *(part for pair in told.items() for part in pair)]

    def allowed_hosts(self) -> tuple[str, ...]:
        """What a request's Host may be: the names given, with and without the port, else those of this machine."""
        names = self.hosts or tuple(dict.fromkeys((*_LOOPBACK, self.host)))
        spelt = [f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name for name in names]
        return tuple(dict.fromkeys(one for name in spelt for one in (name, _with_port(name, self.port))))

    def settings(self) -> dict[str, str]:
        """The environment that makes MLflow's server this one; it holds no secret."""
        told = {**_ALWAYS, "TOWPATH_SERVER_UPLOAD_MB": str(self.upload_mb)}
        if not (self.only and self.host in _EVERYWHERE):
            told["MLFLOW_SERVER_ALLOWED_HOSTS"] = ",".join(self.allowed_hosts())
        told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = ",".join(self.origins)
        told["MLFLOW_ENABLE_WORKSPACES"] = "true" if self.workspaces else "false"
        if self.only:
            told["TOWPATH_SERVER_ACTOR"] = self.only
        else:
            told["MLFLOW_AUTH_CONFIG_PATH"] = str(self.users)
        return {name: value for name, value in told.items() if value}


def is_loopback(host: str) -> bool:
    return host in _LOOPBACK


def is_everywhere(host: str) -> bool:
    return host in _EVERYWHERE


def environment(server: Server, environ: Mapping[str, str]) -> dict[str, str]:
    """The child's whole environment; secrets that nobody chose are made, and kept in the server's folder."""
    clean = {k: v for k, v in environ.items() if not k.startswith(("MLFLOW_", "_MLFLOW_", "TOWPATH_SERVER_"))}
    if server.only:
        return {**clean, **server.settings()}
    kept = {name: environ.get(name) or _kept(server.folder / file, make) for name, (file, make) in _SECRETS.items()}
    chosen = {name: environ[name] for name in (*_PASSED_ON, _ENDPOINT) if environ.get(name)}
    return {**clean, **server.settings(), **kept, **chosen}


def secret_names(server: Server, environ: Mapping[str, str]) -> list[str]:
    """The secrets that the child's environment will hold."""
    return [] if server.only else [*_SECRETS, *(name for name in _PASSED_ON if environ.get(name))]


def add_user(ini: Path, name: str, may: str, password: str, environ: Mapping[str, str]) -> None:
    """Make a login on the server that the file describes. Raises: CouldNot, with MLflow's reason."""
    clean = {k: v for k, v in environ.items() if not k.startswith(("MLFLOW_", "_MLFLOW_", "TOWPATH_SERVER_"))}
    env = {**clean, "MLFLOW_AUTH_CONFIG_PATH": str(ini), "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", _USERS, name, may]
    done = subprocess.run(command, env=env, input=password, capture_output=True, text=True, check=False, cwd=ini.parent)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise CouldNot(f"{name} was not added: {lines[-1] if lines else 'no reason given'}", hint="towpath server user")


def prepare(server: Server) -> None:
    """Make the folders, for the owner alone, and write down how MLflow knows its users. Raises: CouldNot."""
    try:
        for folder in (server.folder, server.artifacts):
            if isinstance(folder, Path):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if server.database.startswith("sqlite:///"):
            Path(server.database.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not server.only:
            _write_secretly(server.users, _users_ini(server))
    except OSError as error:
        raise CouldNot(f"cannot make {error.filename}: {error.strerror}", hint="set TOWPATH_HOME elsewhere") from error


@contextlib.contextmanager
def serving(
    server: Server, environ: Mapping[str, str], verb: str, hear: Callable[[str], None] = lambda _: None
) -> Iterator[Callable[[], None]]:
    """Once the server answers, a function that waits until somebody interrupts; then all of it ends.

    `hear` is told each line that the server says, `verb` is the command that started it.

    Raises: CouldNot for a port that is taken and for a server that does not start.
    """
    prepare(server)
    refuse_taken(server.host, server.port, verb)
    with group(server.command, env=environment(server, environ), cwd=server.folder, tied=True) as process:
        last: deque[str] = deque(maxlen=20)
        threading.Thread(target=_drain, args=(process, last, hear), daemon=True).start()
        _wait_until_up(process, _near(server.host, server.port), last)

        def wait() -> None:
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
                raise CouldNot(f"the server ended by itself: {_told(last)}", hint="run it again; towpath doctor")

        yield wait


def refuse_taken(host: str, port: int, verb: str) -> None:
    """Raise CouldNot unless one can listen there."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        raise CouldNot(
            f"cannot listen on {host} port {port}: {error.strerror}", hint=f"towpath {verb} --port {port % 65535 + 1}"
        ) from error


def _users_ini(server: Server) -> str:
    at_home = f"sqlite:///{server.folder / 'users.db'}"
    database = at_home if server.database.startswith("sqlite:") else server.database
    return (
        "[mlflow]\n"
        "# Whoever has a login sees nothing until somebody lets them: artifacts may hold more than all should see.\n"
        "default_permission = NO_PERMISSIONS\n"
        f"database_uri = {database.replace('%', '%%')}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "grant_default_workspace_access = false\n"
        "# Checking a password takes a fifth of a second, several times in each request.\n"
        "auth_cache_ttl_seconds = 60\n"
    )


def _kept(file: Path, make: Callable[[], str]) -> str:
    """The secret in the file, made if there is none. Raises: CouldNot for one that others can read."""
    try:
        if not file.exists():
            _write_secretly(file, make(), new=True)
        if file.stat().st_mode & 0o077:
            raise CouldNot(f"{file} can be read by others than its owner", hint=f"chmod 600 {file}")
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CouldNot(f"cannot read {file}: {error.strerror}", hint=f"look at the folder {file.parent}") from error


def _write_secretly(file: Path, text: str, *, new: bool = False) -> None:
    how = os.O_WRONLY | os.O_CREAT | (os.O_EXCL if new else os.O_TRUNC)
    with os.fdopen(os.open(file, how, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)


def _with_port(name: str, port: int) -> str:
    return name if name.rpartition(":")[2].isdigit() and not name.endswith("]") else f"{name}:{port}"


def _near(host: str, port: int) -> str:
    """The address for a first question: one that listens everywhere is asked on this machine."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{near}]' if ':' in near else near}:{port}/health"


def _wait_until_up(process: subprocess.Popen[str], address: str, last: deque[str]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), direct.open(address, timeout=5):
            return
        time.sleep(0.1)
    raise CouldNot(f"the server does not start: {_told(last)}", hint=_hint(last) or "towpath doctor")


def _drain(process: subprocess.Popen[str], last: deque[str], hear: Callable[[str], None]) -> None:
    """Read what the server says, so that it never waits for a reader."""
    with contextlib.suppress(ValueError, OSError):
        for line in process.stdout or ():
            if os.environ.get("TOWPATH_DEBUG"):
                sys.stderr.write(line)
            else:
                hear(line.rstrip("\n"))
            last.append(line.strip())


def _told(last: deque[str]) -> str:
    lines = [line for line in last if line and not line.startswith("Next:")]
    return lines[-1] if lines else "it says nothing"


def _hint(last: deque[str]) -> str:
    return next((line.removeprefix("Next:").strip() for line in reversed(last) if line.startswith("Next:")), "")

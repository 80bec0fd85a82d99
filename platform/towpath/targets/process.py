"""Processes of this machine, for where there is no Docker engine."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towpath.releases import Release
from towpath.targets import Instance, Say
from towpath_core.errors import CouldNot, TowpathError
from towpath_core.files import read_json, write_json
from towpath_registry import places
from towpath_serve.server import bound

_LOG = 16_384  # bytes of the log that are read
# The server needs no more of this shell's environment, and least of all its credentials.
_PASSED_ON = {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH"}


@dataclass(frozen=True, slots=True)
class ProcessTarget:
    """A detached server per instance, with its own copy of the model and its log in TOWPATH_HOME.

    It ends with the machine; a container comes back.
    """

    environ: Mapping[str, str]
    patience: float = 15.0  # seconds for what is under way, before it is killed
    name: str = field(default="process", init=False)

    def lack(self) -> str:
        return "" if os.name == "posix" else "processes are started on Linux and macOS only"

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        folder = self._folder(deployment) / secrets.token_hex(4)
        try:
            shutil.copytree(release.folder, folder / "model", copy_function=shutil.copyfile)
            chosen = port or _free_port()
            command = [
                sys.executable, "-P", "-m", "towpath_serve", str(folder / "model"), "--port", str(chosen),
                "--digest", release.digest, "--version", release.ref,
            ]  # fmt: skip
            write_json(folder / "command.json", {"port": chosen, "command": command})
            _spawn(folder, command, self.environ)
        except BaseException as error:
            _kill(folder, self.patience)
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise CouldNot(f"cannot start a process: {error.strerror or error}") from error
            raise
        say(f"process {_process(folder).get('pid')}, log {folder / 'server.log'}")
        return Instance(str(folder), chosen, running=True)

    def instances(self, deployment: str) -> list[Instance]:
        folder = self._folder(deployment)
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [Instance(str(path), _port(path), _alive(path), _code(path)) for path in found if path.is_dir()]

    def halt(self, instance: Instance) -> None:
        _kill(Path(instance.id), self.patience)

    def resume(self, instance: Instance) -> None:
        folder = Path(instance.id)
        if not _alive(folder):
            _spawn(
                folder, list(read_json(folder / "command.json", "the command of a deployment")["command"]), self.environ
            )

    def remove(self, instance: Instance) -> None:
        _kill(Path(instance.id), self.patience)
        shutil.rmtree(instance.id, ignore_errors=True)

    def log(self, instance: Instance) -> str:
        try:
            return (Path(instance.id) / "server.log").read_bytes()[-_LOG:].decode(errors="replace").strip()
        except OSError:
            return ""

    def _folder(self, deployment: str) -> Path:
        return places.home(self.environ) / "deployments" / deployment


def _spawn(folder: Path, command: list[str], environ: Mapping[str, str]) -> None:
    """Start it in a session of its own: neither Ctrl-C here nor the end of this shell reaches it."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={name: value for name, value in environ.items() if name in _PASSED_ON},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    write_json(folder / "process.json", {"pid": process.pid, "started": _started(process.pid)})


def _kill(folder: Path, patience: float) -> None:
    """End the folder's process, if it is still that one."""
    for how, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        if not _alive(folder):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(_process(folder)["pid"], how)
        deadline = time.monotonic() + wait
        while _alive(folder) and time.monotonic() < deadline:
            time.sleep(0.05)


def _alive(folder: Path) -> bool:
    """A pid is given again, to somebody else: when it was started tells them apart."""
    process = _process(folder)
    pid = process.get("pid")
    if type(pid) is not int or pid <= 0:
        return False
    started = _started(pid)  # asked before the wait: what ends in between is still alive here, and told the next time
    with contextlib.suppress(ChildProcessError):  # not started by this very process: then it need not wait for it
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            write_json(folder / "ended.json", {"code": os.waitstatus_to_exitcode(status)})
    return started != "" and started == process.get("started")


def _started(pid: int) -> str:
    """When the process was started, in words that no other process of that pid has; empty if it does not run."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else f"{boot} {fields[19]}"
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _process(folder: Path) -> dict[str, Any]:
    return _note(folder / "process.json")


def _port(folder: Path) -> int:
    port = _note(folder / "command.json").get("port")
    return port if type(port) is int else 0


def _code(folder: Path) -> int:
    code = _note(folder / "ended.json").get("code")
    return code if type(code) is int else 0


def _note(path: Path) -> dict[str, Any]:
    """What was written there; empty if that did not come about."""
    try:
        found = read_json(path, "a deployment's note")
    except TowpathError:
        return {}
    return found if isinstance(found, dict) else {}


def _free_port() -> int:
    with bound("127.0.0.1", 0) as listener:
        port: int = listener.getsockname()[1]
    return port


target = ProcessTarget

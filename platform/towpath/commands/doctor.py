"""`towpath doctor`: what is installed, what is missing, what that costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Literal

import click

from towpath.cli import NO_TELEMETRY
from towpath.console import Console, with_console
from towpath_core.errors import TowpathError

GIB = 2**30
State = Literal["ok", "poor", "missing"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `costs` says what cannot be done or is slower, `next` what to type. `poor` still works."""

    part: str
    state: State
    found: str
    costs: str = ""
    next: str = ""
    required: bool = False


@click.command("doctor")
@click.option("--repair", is_flag=True, help="Make the registry's guards again, as after an upgrade of MLflow.")
@with_console
def command(console: Console, repair: bool) -> int:
    """Say what is installed, what is missing, and what that costs.

    Ends with 3 when something is missing that every project needs. With --repair, guards of the registry that MLflow
    dropped when it changed its own tables are made again; whatever stands at a level that no entry put there is
    written into the ledger.

    \b
    towpath doctor
    towpath doctor --repair
    towpath doctor --json
    """
    if repair:
        _repair(console)
    findings = examined(os.environ)
    ill = [finding for finding in findings if finding.required and finding.state == "missing"]
    text = "\n".join(_lines(finding) for finding in findings)
    console.result({"healthy": not ill, "findings": [asdict(finding) for finding in findings]}, text)
    return 3 if ill else 0


def examined(environ: Mapping[str, str]) -> list[Finding]:
    """Everything that the doctor looks at, in the order in which a person meets it."""
    looks: tuple[Callable[[Mapping[str, str]], Finding], ...] = (
        _python,
        _git,
        _libraries,
        _as_in_images,
        _byte_compiled,
        _home,
        _registry,
        _guards,
        engine,
        _wheelhouse,
        _uv,
        _telemetry,
    )
    return [look(environ) for look in looks]


def _lines(finding: Finding) -> str:
    more = [("costs: ", finding.costs), ("next:  ", finding.next)]
    rest = "".join(f"\n{'':30}{word}{text}" for word, text in more if text)
    return f"{finding.state:<9}{finding.part:<21}{finding.found}{rest}"


def _python(_environ: Mapping[str, str]) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", "ok", version, required=True)
    return Finding("Python", "missing", version, "towpath is tested on 3.11 to 3.13", "use one of these", required=True)


def _git(_environ: Mapping[str, str]) -> Finding:
    version = _said("git", "--version").removeprefix("git version ")
    if version:
        return Finding("git", "ok", version, required=True)
    return Finding("git", "missing", "not on the PATH", "towpath new and towpath run", "install git", required=True)


def _libraries(_environ: Mapping[str, str]) -> Finding:
    """What towpath's own metadata ask for, extras left out."""
    from packaging.requirements import Requirement

    asked = [Requirement(line) for line in metadata.requires("towpath") or []]
    asked = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [
        f"{one.name} {_version(one.name) or 'missing'}, expected {one.specifier}" for one in asked if not _fits(one)
    ]
    if wrong:
        return Finding("libraries", "missing", "; ".join(wrong), "the commands that use them", "make install", True)
    named = ", ".join(f"{name} {_version(name)}" for name in ("mlflow", "dvc", "great-expectations"))
    return Finding("libraries", "ok", f"{len(asked)} of {len(asked)} as required: {named}", required=True)


def _fits(asked: object) -> bool:
    from packaging.requirements import Requirement

    assert isinstance(asked, Requirement)
    version = _version(asked.name)
    return bool(version) and asked.specifier.contains(version, prereleases=True)


def _as_in_images(_environ: Mapping[str, str]) -> Finding:
    """Whether a model is trained here with the libraries that will serve it."""
    import towpath
    from towpath.environment import differences, locked

    lock = Path(towpath.__file__).parent / "serving.lock"
    told = differences(lock)
    if not told:
        return Finding("serving libraries", "ok", f"{len(locked(lock))} as in the images that towpath builds")
    costs = "models are trained with other libraries than those that serve them"
    return Finding("serving libraries", "poor", "; ".join(told), costs, "make install")


def _byte_compiled(_environ: Mapping[str, str]) -> Finding:
    """A sample: modules deep inside the slowest starters, which no start so far need have compiled."""
    sample = [
        _folder("mlflow") / "server" / "handlers.py",
        _folder("great_expectations") / "execution_engine" / "pandas_execution_engine.py",
        _folder("sklearn") / "cluster" / "_kmeans.py",
    ]
    if all(Path(util.cache_from_source(str(path))).exists() for path in sample):
        return Finding("byte code", "ok", "compiled at installation")
    costs = "the first start of each command takes three to four times as long"
    return Finding("byte code", "poor", "not compiled", costs, f"python -m compileall -q {_folder('mlflow').parent}")


def _home(environ: Mapping[str, str]) -> Finding:
    from towpath_registry.places import home

    place = home(environ)
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("home", "missing", f"{there} cannot be written", "every run", "set TOWPATH_HOME", required=True)
    free = shutil.disk_usage(there).free
    told = f"{place}, {free / GIB:.0f} GiB free" + ("" if place.exists() else "; the first run makes it")
    if free < GIB:
        return Finding("home", "poor", told, "a run may find the disk full", "make room, or set TOWPATH_HOME", True)
    if place.exists() and place.stat().st_mode & 0o022:
        costs = "other users of this machine can replace models"
        return Finding("home", "poor", f"{told}; others may write", costs, f"chmod go-w {place}", True)
    return Finding("home", "ok", told, required=True)


def _registry(environ: Mapping[str, str]) -> Finding:
    from towpath_registry import places

    costs = "list, show, history, promote, run"
    try:
        uri, path = places.tracking_uri(environ), places.database(environ)
        if path is None:
            return _server(places.without_password(uri), costs)
        if not path.exists():
            return Finding("registry", "ok", f"{path}; the first run makes it", required=True)
        _check(path)
    except TowpathError as error:
        return Finding("registry", "missing", error.message, costs, error.hint, required=True)
    return Finding("registry", "ok", str(path), required=True)


def _check(path: Path) -> None:
    import contextlib
    import sqlite3

    from towpath_core.errors import CouldNot
    from towpath_registry.places import check_revision

    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            check_revision(connection, path)
    except sqlite3.Error as error:
        raise CouldNot(f"cannot read {path}: {error}", hint="look at its owner and permissions") from error


def _guards(environ: Mapping[str, str]) -> Finding:
    """The embedded registry's own tables and triggers, and the policy in force; a server has a doctor of its own."""
    from towpath_registry import places

    costs = "promote, run: nothing is written while they are not whole"
    try:
        path = places.database(environ)
        if path is None or not path.exists():
            return Finding("guards", "ok", "those of the server" if path is None else "made with the registry")
        from towpath_registry import tables
        from towpath_registry.governing import policy_in_force
        from towpath_registry.sqlite_door import SqliteDatabases

        with SqliteDatabases(path).reading() as database:
            if not tables.exists(database):
                return Finding("guards", "ok", "none yet; the first promotion makes them")
            tables.check(database)
        policy = policy_in_force(environ)
    except TowpathError as error:
        return Finding("guards", "missing", error.message, costs, error.hint, required=True)
    return Finding(
        "guards", "ok", f"whole; the policy {policy.name} is in force ({policy.digest[7:19]})", required=True
    )


def _repair(console: Console) -> None:
    from towpath_core.errors import Misused
    from towpath_registry.database_store import DatabaseStore
    from towpath_registry.store import open_store

    store = open_store(os.environ)
    if not isinstance(store, DatabaseStore):
        raise Misused("a server makes its guards itself, when it starts", hint="restart it: towpath server")
    made = store.repair()
    console.say(f"Made again: {', '.join(made)}." if made else "The guards are whole; there was nothing to repair.")


def _server(uri: str, costs: str) -> Finding:
    """MLflow tells its version to everybody; the registry's inner hooks stand on ours."""
    import urllib.error
    import urllib.request

    ours = _version("mlflow")
    try:
        with urllib.request.urlopen(f"{uri}/version", timeout=3) as answer:  # noqa: S310 (places allows http and https)
            theirs = answer.read(50).decode("ascii", "replace").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        hint = "start the server, or unset MLFLOW_TRACKING_URI to work on TOWPATH_HOME"
        return Finding("registry", "missing", f"{uri} does not answer: {reason}", costs, hint, required=True)
    if theirs != ours:
        told = f"{uri} runs mlflow {theirs}, this machine {ours}"
        return Finding("registry", "poor", told, "a feature may be missing on one side", "use the same version", True)
    return Finding("registry", "ok", f"{uri}, mlflow {theirs}", required=True)


def engine(environ: Mapping[str, str]) -> Finding:
    host = environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    version = _engine_version(host)
    if version:
        return Finding("Docker engine", "ok", f"{version} at {host}")
    costs = "towpath build, and containers; towpath deploy --target process works"
    return Finding("Docker engine", "missing", f"no answer at {host}", costs, "start Docker, or set DOCKER_HOST")


def _engine_version(host: str) -> str:
    """Asked with the standard library, because the SDK takes longer to import than all the rest here."""
    import http.client
    import json
    import socket

    kind, _, place = host.partition("://")
    name, _, port = place.partition(":")
    try:
        if kind == "unix":
            connection = http.client.HTTPConnection("localhost", timeout=3)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(3)
            connection.sock.connect(place)
        elif kind in ("tcp", "http"):
            connection = http.client.HTTPConnection(name, int(port or 2375), timeout=3)
        else:
            return ""
        connection.request("GET", "/version")
        return str(json.loads(connection.getresponse().read(100_000))["Version"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ""


def _wheelhouse(environ: Mapping[str, str]) -> Finding:
    """The wheels of the platform's own lock; a model with another one needs a wheelhouse of its own."""
    import towpath
    from towpath import wheels
    from towpath_registry.places import home

    lock = wheels.Lock.parse((Path(towpath.__file__).parent / "serving.lock").read_text(encoding="utf-8"))
    folder = wheels.folder(home(environ), lock)
    found = wheels.Wheelhouse.at(folder, lock)
    where = f"{folder.parent}/{folder.name[:12]}…"
    if not found.missing:
        return Finding("wheelhouse", "ok", f"{len(found.wheels)} wheels in {where}")
    told = f"{len(found.missing)} of {len(lock.pins)} wheels are not in {where}"
    return Finding("wheelhouse", "missing", told, "the first image needs the network", "towpath build --download")


def _uv(_environ: Mapping[str, str]) -> Finding:
    version = _said("uv", "--version").removeprefix("uv ")
    if version:
        return Finding("uv", "ok", version)
    return Finding("uv", "missing", "not on the PATH", "make install takes pip, which is slower", "pip install uv")


def _telemetry(environ: Mapping[str, str]) -> Finding:
    """Off unless the person's own environment says otherwise: what it says is not overruled."""
    on = [name for name, value in NO_TELEMETRY.items() if environ.get(name, value) != value]
    if not on:
        return Finding("telemetry", "ok", "off: towpath has none, and that of its tools is switched off")
    told = f"set otherwise by your environment: {', '.join(on)}"
    return Finding("telemetry", "poor", told, "a tool may call home", f"unset {' '.join(on)}")


def _said(*words: str) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _folder(package: str) -> Path:
    """Where a package lies, without importing it; a folder that does not exist when it is not installed."""
    found = util.find_spec(package)
    places = found.submodule_search_locations if found else None
    return Path(places[0]) if places else Path(os.devnull, package)

"""A governed server as a team runs it: `towpath server`, people with logins, a policy, and versions of theirs.

People ask it over HTTP. What somebody does who may approve is done by the desk over the same database, as the server's
own pages do it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import policies
from registry_world import KEY, TESTER, Material, free_port, private_key
from towpath_core.refs import ModelRef
from towpath_registry import evidence
from towpath_registry.artifact_place import S3Place
from towpath_registry.database import Databases
from towpath_registry.governing import LocalDesk, server_desk
from towpath_registry.keys import PublicKey
from towpath_registry.nouns import LedgerEntry, ModelVersion
from towpath_registry.policy import Policy
from towpath_registry.sqlite_door import SqliteDatabases

PASSWORD = "correct-horse-battery"
# Who has which right in MLflow: EDIT, MANAGE, everything, and reading alone.
PEOPLE = {"ann": "EDIT", "eva": "EDIT", "max": "MANAGE", "bob": "READ", "mia": "READ"}
API, ROLES = "/api/2.0/mlflow", "/api/3.0/mlflow/roles"


@dataclass(frozen=True)
class Said:
    """An answer of the server."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def message(self) -> str:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            return str(self.json.get("message", self.text))
        return self.text


@dataclass
class Person:
    """Somebody who asks over HTTP; without a password, somebody who has no login."""

    address: str
    name: str
    password: str = PASSWORD

    def ask(self, method: str, path: str, content: Any = None, headers: Mapping[str, str] | None = None) -> Said:
        """`content` goes as JSON, and bytes as they are."""
        whole = dict(headers or {})
        if self.password:
            whole["Authorization"] = "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()
        data = content if isinstance(content, bytes) or content is None else json.dumps(content).encode()
        if data is not None and not isinstance(content, bytes):
            whole["Content-Type"] = "application/json"
        request = urllib.request.Request(self.address + path, data, whole, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Said(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Said(error.code, error.read().decode(errors="replace"))

    def done(self, method: str, path: str, content: Any = None) -> Any:
        """The content of an answer that must be a good one."""
        said = self.ask(method, path, content)
        assert said.status == 200, said
        return said.json if said.text else {}


@dataclass
class ServerWorld:
    """The server that answers at `address`, and the database behind it."""

    home: Path
    address: str
    process: subprocess.Popen[str]
    databases: Databases
    database: str
    artifacts: Path
    place: S3Place | None = None  # else the files lie in the folder
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def desk(self) -> LocalDesk:
        environ = {"TOWPATH_HOME": str(self.home)}
        place = self.place or self.artifacts
        return server_desk(self.databases, place, environ, shared=True, first=lambda name: name == "admin")

    @property
    def admin(self) -> Person:
        return self.people["admin"]

    def add(self, made: Material, name: str, by: str = "ann", tags: Mapping[str, str] | None = None) -> ModelVersion:
        """Log the material as somebody's run and model, and register it, as MLflow's client does."""
        who = self.people[by]
        experiment = self.experiment(name, by)
        run = who.done("POST", f"{API}/runs/create", {"experiment_id": experiment, "start_time": 1})["run"]
        run_id = run["info"]["run_id"]
        model = who.done(
            "POST", f"{API}/logged-models", {"experiment_id": experiment, "name": name, "source_run_id": run_id}
        )["model"]["info"]
        folder = self.home / "made" / model["model_id"]
        actual = made.written(folder)
        for file in made.files:
            self.put(by, f"{_path(model['artifact_uri'])}/{file}", (folder / file).read_bytes())
        for file, envelope in made.evidence(name, actual).items():
            self.put(by, f"{_path(run['info']['artifact_uri'])}/{evidence.FOLDER}/{file}", envelope)
        who.ask("POST", f"{API}/registered-models/create", {"name": name})
        content = {
            "name": name,
            "source": f"models:/{model['model_id']}",
            "run_id": run_id,
            "model_id": model["model_id"],
            "tags": [{"key": k, "value": v} for k, v in {**made.all_tags(actual), **(tags or {})}.items()],
        }
        number = who.done("POST", f"{API}/model-versions/create", content)["model_version"]["version"]
        version = self.desk.store.version(ModelRef(name, version=int(number)))
        self.desk.registered(version, by)
        return version

    def experiment(self, name: str, by: str = "ann") -> str:
        who = self.people[by]
        found = who.ask("GET", f"{API}/experiments/get-by-name?experiment_name={name}")
        if found.status == 200:
            return str(found.json["experiment"]["experiment_id"])
        return str(who.done("POST", f"{API}/experiments/create", {"name": name})["experiment_id"])

    def put(self, by: str, path: str, content: bytes) -> None:
        said = self.people[by].ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{path}", content)
        assert said.status == 200, said

    def places(self, version: ModelVersion) -> tuple[str, str]:
        """The folders of the version's files and of its run's evidence, below the server's artifacts."""
        model = self.admin.done("GET", f"{API}/logged-models/{version.source.rpartition('/')[2]}")
        run = self.admin.done("GET", f"{API}/runs/get?run_id={version.run_id}")["run"]
        return _path(model["model"]["info"]["artifact_uri"]), f"{_path(run['info']['artifact_uri'])}/evidence"

    def promote(self, version: ModelVersion, level: str) -> LedgerEntry:
        """Ask for it as ann, and have everybody approve it who may."""
        desk = self.desk
        asked = desk.request(desk.plan(ModelRef(version.name, version=version.version), level), "ann", "a test")
        for name in ("mia", "bob") if level == "production" else ("mia",):
            desk.approve(asked.id, name, "looks good")
        return desk.apply(asked.id, "ann")

    def ask_for(self, version: ModelVersion, level: str) -> str:
        """The id of an open request, which nobody has approved."""
        desk = self.desk
        return desk.request(desk.plan(ModelRef(version.name, version=version.version), level), "ann", "a test").id

    def ledger(self, name: str = "") -> list[LedgerEntry]:
        return self.desk.store.ledger(name)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)


def a_policy(**other: Any) -> Policy:
    """The ready-made `team`: mia is the methodologist, bob the business owner; what dora signs with KEY counts."""
    content = policies.content("team")
    (signer,) = content["signers"].values()
    content["signers"] = {"first-key": {**signer, "owner": TESTER, "public": KEY.public.text, "since": "2020-01-01"}}
    content["people"][TESTER] = ["data_scientist"]
    return Policy.of({**content, **other})


def other_key(number: int) -> PublicKey:
    return private_key(number).public


@contextlib.contextmanager
def started(home: Path, *options: str, environ: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """`towpath server` once it has said that it answers: what it said, and its `process`."""
    command = [sys.executable, "-m", "towpath", "server", "--json", "--quiet", *options]
    env = {**os.environ, "TOWPATH_HOME": str(home), **(environ or {})}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1], f"it ended: {lines}"
        try:
            yield {**json.loads("".join(lines)), "process": process}
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(60)


@contextlib.contextmanager
def team_server(
    home: Path,
    databases: Databases | None = None,
    database: str = "",
    workers: int = 1,
    place: S3Place | None = None,
) -> Iterator[ServerWorld]:
    """A server with its people and a policy, over a database and an object store, else over files in its home."""
    port, folder = free_port(), home / "server"
    at_home = folder / "registry.db"
    chosen = [*(("--database", database) if database else ()), *(("--artifacts", str(place)) if place else ())]
    with started(home, "--port", str(port), "--workers", str(workers), *chosen) as said:
        address = f"http://127.0.0.1:{port}"
        where = (databases or SqliteDatabases(at_home), database or f"sqlite:///{at_home}")
        world = ServerWorld(home, address, said["process"], *where, folder / "artifacts", place)
        world.people["admin"] = Person(address, "admin", (folder / "admin-password").read_text().strip())
        for name, right in PEOPLE.items():
            world.people[name] = Person(address, name)
            add_person(world.admin, name, right)
        world.people["nobody"] = Person(address, "nobody", "")
        world.desk.set_policy(a_policy(), "admin", "the first one")
        yield world


def add_person(admin: Person, name: str, right: str) -> None:
    """A login, and a right to every experiment and every model, as an administrator gives them by MLflow."""
    admin.done("POST", f"{API}/users/create", {"username": name, "password": PASSWORD})
    roles = {role["name"]: role["id"] for role in admin.done("GET", f"{ROLES}/list?workspace=default")["roles"]}
    if right not in roles:
        made = admin.done("POST", f"{ROLES}/create", {"name": right, "workspace": "default"})
        roles[right] = made["role"]["id"]
        for kind in ("experiment", "registered_model"):
            content = {"role_id": roles[right], "resource_type": kind, "resource_pattern": "*", "permission": right}
            admin.done("POST", f"{ROLES}/permissions/add", content)
    admin.done("POST", f"{ROLES}/assign", {"username": name, "role_id": roles[right]})


def _path(uri: str) -> str:
    return uri.removeprefix("mlflow-artifacts:/").lstrip("/")

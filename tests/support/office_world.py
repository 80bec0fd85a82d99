"""A governed server without MLflow: an embedded registry, people who log in, and the promotion pages over both.

Everybody's password is their name. In the policy `team` mia is the methodologist, bob the business owner,
and dora the data scientist, whose key signs the evidence of `registry_world`.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import flask
from werkzeug.serving import make_server

import policies
from registry_world import KEY, NAME, EmbeddedWorld, Material, Ticking, material, private_key
from towpath_core.clock import Clock
from towpath_core.errors import NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_registry import policy_file
from towpath_registry.governing import LocalDesk
from towpath_registry.keys import PublicKey
from towpath_registry.nouns import WORKSPACE, ModelVersion
from towpath_registry.policy import Policy
from towpath_registry.promotion_web import blueprint
from towpath_registry.promotion_web.office import EDIT
from towpath_registry.requests import Promotion

KEYS = {"dora": KEY, "mia": private_key(2), "bob": private_key(3), "petra": private_key(4)}


def _key(person: str) -> PublicKey:
    return KEYS.get(person, private_key(50 + sum(person.encode()) % 50)).public


def policy(name: str = "team") -> Policy:
    """A ready-made policy with these people and their keys."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(policies.filled(name, _key))
        return policy_file.read(path)


class Office:
    """What the blueprint asks; `strangers` may read no model, `readers` edit none."""

    def __init__(self, desk: LocalDesk) -> None:
        self._desk = desk
        self.strangers: set[str] = set()
        self.readers: set[str] = set()
        self.workspaces = {WORKSPACE}

    def person(self) -> str:
        name = str(flask.g.get("person", ""))
        if not name:
            raise Refused("nobody is logged in")
        return name

    def workspace(self) -> str:
        return str(flask.g.get("workspace", WORKSPACE))

    def enter(self, workspace: str) -> None:
        if workspace not in self.workspaces:
            raise NotFound(f"there is no workspace {workspace}")
        flask.g.workspace = workspace

    def desk(self) -> LocalDesk:
        return self._desk

    def may(self, model: str, doing: str) -> bool:
        return self.person() not in self.strangers and (doing != EDIT or self.person() not in self.readers)

    def secret(self) -> bytes:
        return b"known to the server alone"

    def vkey(self) -> str:
        return "towpath+0badcafe+AQ=="


class OfficeWorld:
    """The registry, its desk, and the app that carries the pages; `admin` may set the first policy."""

    def __init__(self, home: Path, clock: Ticking | None = None) -> None:
        self.clock: Clock = clock or Ticking()
        self.registry = EmbeddedWorld(home, clock or Ticking())
        self.desk = LocalDesk(self.registry.store, self.clock, (), shared=True, first=lambda person: person == "admin")
        self.office = Office(self.desk)
        self.app = flask.Flask("office")
        self.app.before_request(_log_in)
        self.app.register_blueprint(blueprint(self.office, self.clock))

    def govern(self, chosen: Policy | None = None) -> Policy:
        self.desk.set_policy(chosen or policy(), "admin", "the first one")
        return self.desk.policy()

    def add(self, made: Material | None = None, by: str = "dora", name: str = NAME) -> ModelVersion:
        version = self.registry.add(made or material(), name)
        self.desk.registered(version, by)
        return version

    def ask(self, version: int = 1, to: str = "staging", by: str = "dora", reason: str = "please") -> Promotion:
        asked = self.desk.settle(self.desk.plan(ModelRef(NAME, version=version), to), by, reason)
        assert isinstance(asked, Promotion), asked
        return asked

    def put(self, version: int = 1, to: str = "staging", reason: str = "please") -> None:
        """Through all that the policy `team` asks."""
        asked = self.ask(version, to, reason=reason)
        self.desk.approve(asked.id, "mia", "the gain holds in every division")
        if to == "production":
            self.desk.approve(asked.id, "bob", "")
        self.desk.apply(asked.id, "dora")

    def stands(self, level: str, name: str = NAME) -> int | None:
        return {model.name: model.aliases.get(level) for model in self.registry.store.models()}[name]

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """The address of the app on loopback, for as long as the block runs."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _log_in() -> flask.Response | None:
    said = flask.request.authorization
    if said is None or not said.username or said.username != said.password:
        return flask.Response("You are not authenticated.", 401, {"WWW-Authenticate": 'Basic realm="mlflow"'})
    flask.g.person = said.username
    return None

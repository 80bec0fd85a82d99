"""The desk of a real governed server: the same answers as on its own machine, and the same exit codes for who types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Answer

from registry_world import JUDGED, material
from server_world import ServerWorld, team_server
from towpath_core.errors import TowpathError
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import exporting, nouns
from towpath_registry.governing import Desk, desk
from towpath_registry.remote import RemoteDesk, RemoteStore
from towpath_registry.requests import Promotion

pytestmark = pytest.mark.slow
BAD = (Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55"), JUDGED[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """ann and max may edit models, bob and mia read them; mia is the methodologist, bob the business owner."""
    with team_server(tmp_path_factory.mktemp("team") / "home") as world:
        yield world


def environ(server: ServerWorld, person: str) -> dict[str, str]:
    return {
        "MLFLOW_TRACKING_URI": server.address,
        "MLFLOW_TRACKING_USERNAME": person,
        "MLFLOW_TRACKING_PASSWORD": server.people[person].password,
    }


def at(server: ServerWorld, person: str) -> Desk:
    return desk(environ(server, person))


def types(server: ServerWorld, person: str, *arguments: str, code: int = 0) -> Answer:
    """What towpath says to somebody who works against the server."""
    told = {**os.environ, **environ(server, person), "TOWPATH_ACTOR": "mallory"}
    command = [sys.executable, "-m", "towpath", *arguments]
    done = subprocess.run(command, env=told, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return Answer(done.returncode, done.stdout, done.stderr)


def test_the_server_says_that_it_is_a_governed_one(server: ServerWorld) -> None:
    there = at(server, "ann")
    assert isinstance(there, RemoteDesk)
    assert isinstance(there.store, RemoteStore)
    assert there.policy() == server.desk.policy()


def test_everything_reads_the_same_as_on_the_servers_machine(server: ServerWorld) -> None:
    name = "reads-the-same"
    server.add(material(1), name)
    second = server.add(material(2), name)
    server.promote(second, "staging")
    here, there = server.desk, at(server, "bob")
    for ref in (ModelRef(name, version=1), ModelRef(name, alias="staging")):
        assert there.store.version(ref) == here.store.version(ref)
    assert there.store.versions(name) == here.store.versions(name)
    assert there.store.models() == here.store.models()
    assert there.store.metrics(second) == here.store.metrics(second)
    assert there.store.evidence(second) == here.store.evidence(second) != []
    assert there.store.ledger(name) == here.store.ledger(name)
    assert there.store.recorded(second) == here.store.recorded(second) != {}
    assert there.store.authors(second) == here.store.authors(second) != ()
    assert there.store.checkpoint() == here.store.checkpoint() != ""
    assert [(r.sha256, r.owners, r.problem, r.recorded) for r in there.evidence(second)] == [
        (r.sha256, r.owners, r.problem, r.recorded) for r in here.evidence(second)
    ]
    plan, again = (one.plan(ModelRef(name, version=1), "staging") for one in (there, here))
    assert (plan, plan.id) == (again, again.id)
    with there.store.model_folder(second) as there_files, here.store.model_folder(second) as here_files:
        assert {p.name: p.read_bytes() for p in there_files.iterdir()} == {
            p.name: p.read_bytes() for p in here_files.iterdir()
        }


def test_a_promotion_is_typed_from_the_plan_to_the_move(server: ServerWorld) -> None:
    name = "typed"
    server.add(material(), name)
    looked = types(server, "bob", "promote", f"{name}/1", "--to", "staging", "--dry-run")
    assert "Every gate agrees. It would be asked for, and wait for approval" in looked.out
    told = types(server, "ann", "promote", f"{name}/1", "--to", "staging", "-y", "--reason", "first", "--json", code=4)
    number = told.json["request"]["id"]
    assert told.json["request"]["requester"] == "ann"
    refused = types(server, "ann", "approve", number, code=1)
    assert "'ann' is not among the policy's people, expected mia" in refused.err
    assert f"towpath requests {number}" in refused.err
    assert "it waits for 1 × methodologist (mia)" in types(server, "max", "promote", "--apply", number, code=1).err
    assert number in types(server, "mia", "requests").out
    assert "approved by all who are asked" in types(server, "mia", "approve", number, "--reason", "it holds").out
    assert "is at staging" in types(server, "bob", "promote", "--apply", number).out
    assert types(server, "max", "show", f"{name}@staging", "--json").json["version"] == 1
    events = [(e["event"], e["actor"]) for e in types(server, "bob", "history", name, "--json").json["entries"]]
    assert events == [
        ("registered", "ann"),
        ("requested", "ann"),
        ("refused", "ann"),
        ("refused", "max"),
        ("approved", "mia"),
        ("promoted", "bob"),
    ]
    assert types(server, "ann", "promote", f"{name}/1", "--to", "staging", "-y").out.endswith("nothing to do.\n")


def test_a_request_is_rejected_and_another_taken_back_by_typing(server: ServerWorld) -> None:
    name = "typed-no"
    version = server.add(material(), name)
    first = server.ask_for(version, "staging")
    types(server, "mia", "reject", first, "--reason", "division 9 is too bad")
    assert "rejected by mia: division 9 is too bad" in types(server, "ann", "requests", first).out
    second = server.ask_for(version, "staging")
    types(server, "bob", "cancel", second, code=1)
    types(server, "ann", "cancel", second, "--reason", "not now")
    assert server.desk.promotion(second).state == "cancelled"


def test_its_ledger_is_exported_by_typing_and_verified(server: ServerWorld, tmp_path: Path) -> None:
    file = tmp_path / "ledger.tar.gz"
    made = types(server, "mia", "audit", "export", str(file), "--json").json
    assert (made["entries"], made["missing"]) == (len(every_entry(server)), [])
    anchor = tmp_path / "anchor.note"
    anchor.write_text(at(server, "mia").store.checkpoint())
    given = ["--key", made["key"], "--anchor", str(anchor)]
    command = [sys.executable, "-I", "-S", str(exporting.VERIFIER), str(file), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.endswith("OK\n")) == (0, True), done
    assert "max is not among the policy's people" in types(server, "max", "audit", "export", f"{file}2", code=1).err
    assert not Path(f"{file}2").exists()


def every_entry(server: ServerWorld) -> list[Any]:
    models = [model.name for model in server.desk.store.models()]
    return [entry for name in ("", *models) for entry in server.ledger(name)]


def test_what_the_gates_refuse_is_refused_alike(server: ServerWorld) -> None:
    name = "refused"
    server.add(material(1, judged=BAD), name)
    told = types(server, "ann", "promote", f"{name}/1", "--to", "staging", "-y", "--json", code=1)
    assert (told.json["allowed"], told.json["moved"], told.json["request"]) == (False, False, None)
    last = server.ledger(name)[-1]
    assert (last.seq, last.event, last.actor) == (told.json["ledger_entry"], nouns.REFUSED, "ann")


def test_who_may_only_read_asks_for_nothing_and_that_is_recorded(server: ServerWorld) -> None:
    name = "reader"
    server.add(material(), name)
    refused = types(server, "bob", "promote", f"{name}/1", "--to", "staging", "-y", code=1)
    assert f"bob may not edit {name}" in refused.err
    last = server.ledger(name)[-1]
    assert (last.event, last.actor, last.details["attempt"]) == (nouns.REFUSED, "bob", "request")


def test_who_is_not_logged_in_is_told_what_to_set(server: ServerWorld) -> None:
    wrong = {**os.environ, "MLFLOW_TRACKING_URI": server.address, "MLFLOW_TRACKING_USERNAME": "ann"}
    for password in ("", "wrong"):
        done = subprocess.run(
            [sys.executable, "-m", "towpath", "list"],
            env={**wrong, "MLFLOW_TRACKING_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "MLFLOW_TRACKING_USERNAME" in done.stderr) == (3, True), done


WRONG: dict[str, Callable[[Desk, str], Any]] = {
    "an unknown model": lambda at, name: at.plan(ModelRef("no-such-model", version=1), "staging"),
    "an unknown version": lambda at, name: at.plan(ModelRef(name, version=9), "staging"),
    "an unknown alias": lambda at, name: at.plan(ModelRef(name, alias="production"), "staging"),
    "an unknown level": lambda at, name: at.plan(ModelRef(name, version=1), "prod"),
    "an unknown request": lambda at, name: at.promotion("0123456789ab"),
    "nothing to go back to": lambda at, name: at.plan_rollback(name, "production"),
    "nothing to retire": lambda at, name: at.plan_retirement(name, "production"),
    "a version that is not there": lambda at, name: at.store.version(ModelRef(name, version=9)),
    "the ledger of an unknown model": lambda at, name: at.store.ledger("no-such-model"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_error_is_the_same_as_on_the_servers_machine(server: ServerWorld, what: str) -> None:
    name = "errors"
    if name not in [model.name for model in server.desk.store.models()]:
        server.add(material(), name)
    said = []
    for there in (server.desk, at(server, "bob")):
        with pytest.raises(TowpathError) as caught:
            WRONG[what](there, name)
        said.append((type(caught.value), caught.value.message, caught.value.hint, caught.value.exit_code))
    assert said[0] == said[1]


def test_many_who_apply_the_same_request_at_once_move_it_once(server: ServerWorld) -> None:
    name = "at-once"
    version = server.add(material(), name)
    asked = server.ask_for(version, "staging")
    at(server, "mia").approve(asked, "", "")
    command = [sys.executable, "-m", "towpath", "promote", "--apply", asked, "--json"]
    all_ = [
        subprocess.Popen(
            command,
            env={**os.environ, **environ(server, person)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for person in ("ann", "mia", "bob", "ann")
    ]
    ended = [(process.communicate(), process.returncode) for process in all_]
    codes = sorted(code for _, code in ended)
    assert codes[0] == 0
    assert set(codes[1:]) <= {1, 3}, ended
    assert [e.event for e in server.ledger(name)].count(nouns.PROMOTED) == 1
    done = next(json.loads(out) for (out, _), code in ended if code == 0)
    assert done["request"]["state"] == "applied"
    assert isinstance(server.desk.promotion(asked), Promotion)

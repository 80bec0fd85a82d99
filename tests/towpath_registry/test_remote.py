"""Which kind of server answers, and what is done with answers that are none. That it keeps a desk's promises is for
tests/contracts to say."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fake_mlflow import FakeMlflow, serving
from office_world import OfficeWorld, policy
from registry_world import NAME, START, Ticking, free_port
from towpath_core.errors import CouldNot, Mismatch, Refused
from towpath_core.refs import ModelRef
from towpath_registry import wire
from towpath_registry.governing import LocalDesk, desk
from towpath_registry.nouns import REGISTERED, Decision, ModelVersion
from towpath_registry.remote import Api, RemoteDesk, RemoteStore
from towpath_registry.server import ServerStore
from towpath_registry.store import open_store

VERSION = ModelVersion(NAME, 1, START, "a run", "models:/m-1", "sha256:" + "d" * 64)
SERVER = {"api": 1, "towpath": "0.1.0", "workspace": "default", "person": "ann", "policy": None, "vkey": ""}


class Canned:
    """A server that answers everything alike, and notes what it was asked."""

    def __init__(self, code: int, content: bytes) -> None:
        self.code, self.content = code, content
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.after: bytes | None = None  # what it answers once it was asked which kind it is


@contextlib.contextmanager
def answering(canned: Canned) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            canned.asked.append((self.command, self.path, dict(self.headers), body))
            first = self.path.startswith("/towpath/api/1/server")
            content = canned.content if first or canned.after is None else canned.after
            self.send_response(canned.code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def at(address: str, **more: str) -> dict[str, str]:
    return {"MLFLOW_TRACKING_URI": address, **more}


def governed(after: object) -> Canned:
    """A governed server that answers one thing whatever it is asked."""
    canned = Canned(200, json.dumps(SERVER).encode())
    canned.after = after if isinstance(after, bytes) else wire.dumps(after)
    return canned


@pytest.mark.parametrize(
    ("code", "content"),
    [
        (404, b"<!doctype html><title>404 Not Found</title>"),
        (404, b""),
        (404, b'{"error_code": "ENDPOINT_NOT_FOUND", "message": "no such address"}'),
        (403, b"Permission denied"),
    ],
)
def test_a_server_that_does_not_know_the_address_is_a_plain_one(code: int, content: bytes) -> None:
    with answering(Canned(code, content)) as address:
        assert type(open_store(at(address))) is ServerStore
        assert isinstance(desk(at(address)), LocalDesk)


def test_a_server_that_knows_it_is_a_governed_one() -> None:
    with answering(governed({})) as address:
        assert isinstance(open_store(at(address)), RemoteStore)
        assert isinstance(desk(at(address)), RemoteDesk)


@pytest.mark.parametrize(
    ("code", "content", "words"),
    [
        (200, b"<html>a login page</html>", "does not answer as an MLflow server does"),
        (200, b"[]", "does not answer as an MLflow server does"),
        (200, b"{}", "answers as another towpath than this one would"),
        (200, b'{"api": 2, "towpath": "9.0"}', "answers as another towpath than this one would"),
        (200, b'{"api": 1}', "answers as another towpath than this one would"),
        (401, b"You are not authenticated.", "refused: Unauthorized"),
        (403, b"Forbidden by the proxy", "refused: Forbidden"),
        (403, b"<html>Permission denied</html>", "refused: Forbidden"),
        (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "there is no workspace x"}', "no workspace x"),
        (302, b"", "answered 302"),
        (500, b"", "answered 500"),
        (502, b"", "answered 502"),
        (503, b"Permission denied", "answered 503"),
    ],
)
def test_any_other_answer_is_an_error_and_never_a_plain_server(code: int, content: bytes, words: str) -> None:
    with answering(Canned(code, content)) as address:
        for ask in (open_store, desk):
            with pytest.raises(CouldNot, match=words):
                ask(at(address))


def test_a_server_that_is_away_is_no_plain_one() -> None:
    with pytest.raises(CouldNot, match="does not answer"):
        open_store(at(f"http://127.0.0.1:{free_port()}"))


def test_the_user_and_the_workspace_are_told_as_mlflows_client_tells_them() -> None:
    canned = governed({"requests": []})
    more = {"MLFLOW_TRACKING_TOKEN": "abc", "MLFLOW_WORKSPACE": "team-a"}
    with answering(canned) as address:
        desk(at(address, **more)).promotions()
    for _, _, headers, _ in canned.asked:
        assert (headers["Authorization"], headers["X-Mlflow-Workspace"]) == ("Bearer abc", "team-a")


def test_who_acts_is_never_sent() -> None:
    canned = governed({})
    with answering(canned) as address:
        there = desk(at(address))
        for act in (there.approve, there.reject, there.cancel, there.apply):
            with pytest.raises(CouldNot, match="cannot be read"):
                act("0123456789ab", "mallory", "because")
    bodies = [body for method, _, _, body in canned.asked if method == "POST"]
    assert len(bodies) == 4
    assert not any(b"mallory" in body for body in bodies)


def test_a_requests_id_stays_one_part_of_the_address() -> None:
    canned = governed({})
    with answering(canned) as address, pytest.raises(CouldNot):
        desk(at(address)).apply("../policy?x=#", "ann")
    assert canned.asked[-1][1] == "/towpath/api/1/requests/..%2Fpolicy%3Fx%3D%23/apply"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "requests: it is not a list"),
        ({"requests": [{"id": "1"}]}, "requests: approvals is missing"),
        ({"requests": {}}, "requests: it is not a list"),
        (b'{"requests": [', "does not answer as an MLflow server does"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_an_error(answer: object, words: str) -> None:
    with answering(governed(answer)) as address, pytest.raises(CouldNot, match=words):
        desk(at(address)).promotions()


@pytest.mark.parametrize("content", [None, {}, {"name": "solo"}, "team"])
def test_a_policy_that_cannot_be_used_is_an_error(content: object) -> None:
    refused = pytest.raises(CouldNot, match="cannot be read: the policy cannot be used")
    with answering(governed({"digest": "", "content": content})) as address, refused:
        desk(at(address)).policy()


def test_a_plan_that_is_not_what_its_id_says_is_an_error(tmp_path: Path) -> None:
    world = OfficeWorld(tmp_path / "home", Ticking())
    world.govern()
    world.add()
    plan = world.desk.plan(ModelRef(NAME, version=1), "staging")
    refused = pytest.raises(CouldNot, match="the plan is another than its id says")
    with answering(governed({"plan": plan, "id": "0123456789ab"})) as address, refused:
        desk(at(address)).plan(ModelRef(NAME, version=1), "staging")


def test_a_kept_policy_is_held_against_its_digest() -> None:
    refused = pytest.raises(Mismatch, match="gave is another than sha256:000000000000")
    with answering(governed({"content": "{}"})) as address, refused:
        open_store(at(address)).policy("sha256:" + "0" * 64)


def test_nothing_is_recorded_from_here() -> None:
    said = Decision(NAME, REGISTERED, "", 1, None, "ann", "", "", "", ())
    with answering(governed({})) as address:
        store = open_store(at(address))
        with pytest.raises(CouldNot, match="only the server writes its ledger"):
            store.record(said)
        with pytest.raises(CouldNot, match="only the server writes its ledger"):
            store.adopt(said, b"", ())


def test_a_refusal_reads_as_it_was_said_there() -> None:
    refusal = wire.error_content(Refused("mia is the requester", hint="ask max"))
    canned = governed({})
    with answering(canned) as address:
        there = desk(at(address))
        canned.code, canned.after = 403, json.dumps(refusal).encode()
        with pytest.raises(Refused) as caught:
            there.apply("0123456789ab", "")
    assert (caught.value.message, caught.value.hint) == ("mia is the requester", "ask max")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"metrics": {"accuracy": "high"}}, "metrics: one is no number"),
        ({"metrics": {"accuracy": "nan"}}, "metrics: one is no number"),
        ({"metrics": {"accuracy": "-inf"}}, "metrics: one is no number"),
        ({"metrics": {"accuracy": 0.5}}, "metrics: accuracy is not str"),
        ({"metrics": []}, "metrics: it is not an object"),
    ],
)
def test_a_measure_that_is_no_number_is_an_error(answer: object, words: str) -> None:
    with answering(governed(answer)) as address, pytest.raises(CouldNot, match=words):
        open_store(at(address)).metrics(VERSION)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"evidence": {"quality.dsse.json": "not base64!"}}, "evidence: it is not base64"),
        ({"evidence": {"quality.dsse.json": None}}, "evidence: quality.dsse.json is not str"),
        ({}, "evidence: it is not an object"),
    ],
)
def test_evidence_that_cannot_be_read_is_an_error(answer: object, words: str) -> None:
    with answering(governed(answer)) as address, pytest.raises(CouldNot, match=words):
        open_store(at(address)).evidence(VERSION)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({}, "version: it is not an object"),
        ({"version": VERSION}, "metrics: it is not an object"),
        ({"version": VERSION, "metrics": {}}, "note: it is not str"),
        ({"version": VERSION, "metrics": {}, "policy": {"name": "mine"}}, "cannot be read"),
        ({"version": VERSION, "metrics": {}, "policy": policy().content()}, "evidence: it is not an object"),
    ],
)
def test_a_part_that_is_missing_of_what_is_told_about_a_version_is_an_error(answer: object, words: str) -> None:
    with answering(governed(answer)) as address, pytest.raises(CouldNot, match=words):
        desk(at(address)).about(ModelRef(NAME, version=1))


def test_a_models_files_are_fetched_as_from_any_mlflow_server() -> None:
    fake = FakeMlflow()
    with serving(fake) as address, RemoteStore(Api(address, {}), address, {}).model_folder(VERSION) as folder:
        assert list(folder.iterdir()) == []
    assert [path for _, path, _ in fake.requests] == ["/api/2.0/mlflow/logged-models/m-1/artifacts/directories"]

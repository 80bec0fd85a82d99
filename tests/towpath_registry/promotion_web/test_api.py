"""What the interface refuses, and to whom. That it does what a desk does is for tests/contracts to say."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from office_world import OfficeWorld
from registry_world import NAME, material
from towpath_core.refs import ModelRef
from towpath_registry import nouns
from towpath_registry.promotion_web.api import LONGEST_REASON
from towpath_registry.promotion_web.guard import LARGEST_JSON
from visitor import Visitor

API = "/towpath/api/1"
PLAN = {"kind": "promotion", "ref": f"{NAME}/1", "level": "staging"}


def made(folder: Path) -> OfficeWorld:
    world = OfficeWorld(folder / "home")
    world.govern()
    world.add()
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> OfficeWorld:
    """A registry with one version, in which nothing is ever approved."""
    return made(tmp_path_factory.mktemp("world"))


@pytest.fixture
def own(tmp_path: Path) -> OfficeWorld:
    """One that a test may change."""
    return made(tmp_path)


def error(answer: Any) -> dict[str, Any]:
    """The error that the answer says, which is all that it says."""
    assert answer.mimetype == "application/json"
    content: dict[str, Any] = answer.get_json()
    assert content.keys() == {"error"}
    return dict(content["error"])


def refused(world: OfficeWorld) -> list[tuple[str, str, str]]:
    entries = world.desk.store.ledger(NAME, nouns.Question(events=(nouns.REFUSED,)))
    return [(entry.actor, entry.details["attempt"], entry.reason) for entry in entries]


def test_the_server_says_which_it_is_and_who_asks(world: OfficeWorld) -> None:
    policy = world.desk.policy()
    assert Visitor(world, "bob").asks("GET", f"{API}/server").get_json() == {
        "api": 1,
        "towpath": "0.1.0",
        "workspace": "default",
        "person": "bob",
        "policy": {"name": "team", "version": 1, "digest": policy.digest},
        "vkey": "towpath+0badcafe+AQ==",
    }


def test_a_server_that_nobody_set_a_policy_for_says_so_too(tmp_path: Path) -> None:
    world = OfficeWorld(tmp_path / "home")
    assert Visitor(world, "bob").asks("GET", f"{API}/server").get_json()["policy"] is None
    said = error(Visitor(world, "bob").asks("GET", f"{API}/policy"))
    assert said["message"] == "this server has no policy yet, so nothing may move on it"


def test_nobody_is_answered_who_is_not_logged_in(own: OfficeWorld) -> None:
    own.app.before_request_funcs[None].clear()  # even if whatever logs people in let somebody through
    answer = Visitor(own, "").asks("GET", f"{API}/server")
    assert (answer.status_code, error(answer)["message"]) == (403, "nobody is logged in")


@pytest.mark.parametrize("field", ["actor", "by", "person", "requester"])
def test_no_field_says_who_acts(world: OfficeWorld, field: str) -> None:
    asked = world.ask()
    answer = Visitor(world, "bob").asks("POST", f"{API}/requests/{asked.id}/approve", json={field: "mia"})
    assert (answer.status_code, error(answer)["exit_code"]) == (400, 2)
    assert f"{field}: no such key" in error(answer)["message"]
    assert world.desk.promotion(asked.id).approvals == ()


def test_the_actor_is_who_is_logged_in_whatever_a_header_says(world: OfficeWorld) -> None:
    asked = world.ask()
    headers = {"X-Forwarded-User": "mia", "X-Remote-User": "mia", "Remote-User": "mia", "From": "mia"}
    answer = Visitor(world, "eve").asks("POST", f"{API}/requests/{asked.id}/approve", headers, json={})
    assert answer.status_code == 403
    assert "'eve' is not among the policy's people" in error(answer)["message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (b'{"reason": "a", "reason": "b"}', "a key stands twice"),
        (b'{"reason": NaN}', "NaN and infinite numbers are no JSON"),
        (b'{"reason": "\\ud800"}', "half a character"),
        (b'{"reason": "\xff"}', "not UTF-8"),
        (b'{"reason": 1}', "reason: is 1, expected text"),
        (b'{"reason": null, "role": []}', "role: is a list, expected text"),
        (b'{"approve": true}', "approve: no such key"),
        (json.dumps({"reason": "x" * (LONGEST_REASON + 1)}).encode(), f"longer than {LONGEST_REASON} characters"),
    ],
)
def test_content_that_is_not_what_is_meant_is_misuse(world: OfficeWorld, content: bytes, words: str) -> None:
    asked = world.ask()
    address = f"{API}/requests/{asked.id}/approve"
    answer = Visitor(world, "mia").asks("POST", address, data=content, content_type="application/json")
    assert answer.status_code == 400
    assert words in error(answer)["message"]
    assert world.desk.promotion(asked.id).approvals == ()


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_content_that_any_page_could_send_is_not_read(world: OfficeWorld, kind: str) -> None:
    asked = world.ask()
    answer = Visitor(world, "mia").asks("POST", f"{API}/requests/{asked.id}/approve", data=b"{}", content_type=kind)
    assert (answer.status_code, error(answer)["message"]) == (400, "the content of a request is application/json")
    assert world.desk.promotion(asked.id).approvals == ()


def test_content_above_the_limit_is_not_read(world: OfficeWorld) -> None:
    content = b'{"reason": "' + b"x" * LARGEST_JSON + b'"}'
    answer = Visitor(world, "mia").asks("POST", f"{API}/plans", data=content, content_type="application/json")
    assert answer.status_code == 413
    assert error(answer)["exit_code"] == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "ftp://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_what_another_sites_page_sends_changes_nothing(world: OfficeWorld, headers: dict[str, str]) -> None:
    asked = world.ask()
    answer = Visitor(world, "mia").asks("POST", f"{API}/requests/{asked.id}/approve", headers, json={})
    assert (answer.status_code, error(answer)["exit_code"]) == (403, 1)
    assert error(answer)["message"] == "this came from a page of another site, and changes nothing here"
    assert world.desk.promotion(asked.id).approvals == ()


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost"}, {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}]
)
def test_our_own_pages_and_programs_are_heard(world: OfficeWorld, headers: dict[str, str]) -> None:
    answer = Visitor(world, "bob").asks("POST", f"{API}/plans", headers, json=PLAN)
    assert answer.status_code == 200
    assert answer.get_json()["id"] == world.desk.plan(ModelRef(NAME, version=1), "staging").id


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", f"{API}/plans", 404),
        ("GET", f"{API}/requests/0123456789ab/approve", 404),
        ("POST", f"{API}/ledger", 404),
        ("DELETE", f"{API}/policy", 404),
        ("GET", f"{API}/nothing", 404),
        ("GET", "/towpath/api/2/server", 404),
        ("GET", f"{API}/requests/0123456789ab", 404),
        ("GET", f"{API}/policies/sha256:00", 404),
        ("GET", f"{API}/ledger?model=nothing", 404),
        ("GET", f"{API}/ledger?model={NAME}&newest=-1", 400),
        ("GET", f"{API}/ledger?model={NAME}&newest=x", 400),
        ("GET", f"{API}/ledger?model={NAME}&model=other", 400),
        ("GET", f"{API}/ledger?who={NAME}", 400),
        ("GET", f"{API}/recorded?model={NAME}", 400),
        ("GET", f"{API}/recorded?model={NAME}&alias=staging", 400),
        ("GET", f"{API}/about?model={NAME}", 400),
        ("GET", f"{API}/about?model={NAME}&version=9", 404),
        ("GET", f"{API}/version?model={NAME}", 400),
        ("GET", f"{API}/version?model={NAME}&alias=nowhere", 404),
        ("GET", f"{API}/versions?model=nothing", 404),
        ("GET", f"{API}/server?workspace=nowhere", 404),
    ],
)
def test_what_is_not_there_or_asked_wrongly_is_said_in_json(
    world: OfficeWorld, method: str, address: str, status: int
) -> None:
    answer = Visitor(world, "bob").asks(method, address, **({"json": {}} if method != "GET" else {}))
    assert answer.status_code == status
    assert error(answer)["message"]


@pytest.mark.parametrize(
    "content",
    [
        {**PLAN, "kind": "move"},
        {**PLAN, "ref": NAME},
        {**PLAN, "ref": "../1"},
        {**PLAN, "kind": "rollback"},
        {"kind": "retirement", "ref": "No Good Name", "level": "staging"},
        {"kind": "promotion", "level": "staging"},
        {},
    ],
)
def test_a_plan_of_nothing_is_misuse(world: OfficeWorld, content: dict[str, str]) -> None:
    answer = Visitor(world, "bob").asks("POST", f"{API}/plans", json=content)
    assert (answer.status_code, error(answer)["exit_code"]) == (400, 2)


def test_a_request_is_made_of_the_plan_that_was_seen_and_no_other(own: OfficeWorld) -> None:
    answer = Visitor(own, "dora").asks("POST", f"{API}/requests", json={**PLAN, "plan": "0123456789ab"})
    assert (answer.status_code, error(answer)["exit_code"]) == (409, 3)
    assert error(answer)["message"].startswith("plan 0123456789ab is not what it would be now: that is plan ")
    assert own.desk.promotions() == []


def test_what_stands_there_already_is_not_done_again(own: OfficeWorld) -> None:
    own.put(1)
    plan = Visitor(own, "dora").asks("POST", f"{API}/plans", json=PLAN).get_json()
    assert plan["plan"]["done"] is True
    answer = Visitor(own, "dora").asks("POST", f"{API}/requests", json={**PLAN, "plan": plan["id"]})
    assert error(answer)["message"] == f"{NAME}/1 is at staging already; nothing to do"


def test_who_may_not_edit_the_model_asks_for_nothing_and_that_is_recorded(own: OfficeWorld) -> None:
    own.office.readers.add("rita")
    rita = Visitor(own, "rita")
    plan = rita.asks("POST", f"{API}/plans", json=PLAN).get_json()["id"]
    for answer in (
        rita.asks("POST", f"{API}/requests", json={**PLAN, "plan": plan}),
        rita.asks("POST", f"{API}/registered", json={"model": NAME, "version": 1}),
    ):
        assert (answer.status_code, error(answer)["exit_code"]) == (403, 1)
        assert error(answer)["message"] == f"rita may not edit {NAME}"
        assert error(answer)["hint"] == "who manages the model in MLflow grants EDIT"
    why = f"rita may not edit {NAME}"
    assert refused(own) == [("rita", "request", why), ("rita", "register", why)]


def test_about_a_version_all_is_told_at_once_that_is_told_one_by_one(own: OfficeWorld) -> None:
    own.add(material(2))
    asked, bob = own.ask(), Visitor(own, "bob")
    own.ask(2)
    whole = bob.asks("GET", f"{API}/about?model={NAME}&version=1").get_json()
    for part in ("version", "metrics", "evidence", "recorded"):
        assert whole.pop(part) == bob.asks("GET", f"{API}/{part}?model={NAME}&version=1").get_json()[part] != {}
    assert whole.pop("policy") == bob.asks("GET", f"{API}/policy").get_json()["content"]
    assert [told["id"] for told in whole.pop("requests")] == [asked.id]
    assert whole == {}


def test_who_may_not_read_the_model_learns_nothing_of_it(own: OfficeWorld) -> None:
    own.office.strangers.add("stan")
    asked, stan = own.ask(reason="a secret"), Visitor(own, "stan")
    for method, address, content in [
        ("GET", f"/versions?model={NAME}", None),
        ("GET", f"/version?model={NAME}&version=1", None),
        ("GET", f"/version?model={NAME}&alias=staging", None),
        ("GET", f"/about?model={NAME}&version=1", None),
        ("GET", f"/metrics?model={NAME}&version=1", None),
        ("GET", f"/evidence?model={NAME}&version=1", None),
        ("GET", f"/ledger?model={NAME}", None),
        ("GET", f"/seen?model={NAME}", None),
        ("GET", f"/recorded?model={NAME}&version=1", None),
        ("GET", f"/authors?model={NAME}&version=1", None),
        ("GET", f"/requests?model={NAME}", None),
        ("GET", f"/requests/{asked.id}", None),
        ("POST", "/plans", PLAN),
        ("POST", f"/requests/{asked.id}/approve", {}),
        ("POST", f"/requests/{asked.id}/reject", {}),
        ("POST", f"/requests/{asked.id}/cancel", {}),
        ("POST", f"/requests/{asked.id}/apply", {}),
    ]:
        answer = stan.asks(method, API + address, **({"json": content} if method == "POST" else {}))
        assert answer.status_code == 403, address
        assert error(answer)["message"] == f"stan may not read {NAME}"
    assert stan.asks("GET", f"{API}/requests").get_json() == {"requests": []}
    assert stan.asks("GET", f"{API}/models").get_json() == {"models": []}
    assert own.desk.promotion(asked.id).is_open


def test_a_ledger_that_was_changed_is_a_mismatch(own: OfficeWorld) -> None:
    own.add(material(2))
    with contextlib.closing(sqlite3.connect(own.registry.database)) as rows, rows:
        for (trigger,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            rows.execute(f'DROP TRIGGER "{trigger}"')
        rows.execute("UPDATE towpath_ledger SET body = CAST(replace(body, 'dora', 'eve ') AS BLOB) WHERE seq = 2")
    answer = Visitor(own, "bob").asks("GET", f"{API}/ledger?model={NAME}")
    assert (answer.status_code, error(answer)["exit_code"]) == (500, 5)
    assert "the ledger was changed by other means than towpath" in error(answer)["message"]


def test_what_nobody_foresaw_is_a_refusal_that_says_nothing_of_itself(own: OfficeWorld) -> None:
    own.office._desk = None  # type: ignore[assignment]
    answer = Visitor(own, "bob").asks("GET", f"{API}/requests")
    assert answer.status_code == 500
    assert error(answer) == {
        "message": "that could not be decided, so nothing was done",
        "hint": "the server's log says why",
        "exit_code": 3,
    }


def test_answers_are_for_programs_alone(world: OfficeWorld) -> None:
    for address in (f"{API}/server", f"{API}/nothing"):
        headers = Visitor(world, "bob").asks("GET", address).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'none';")
        assert "Access-Control-Allow-Origin" not in headers

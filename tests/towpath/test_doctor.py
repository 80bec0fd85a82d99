from __future__ import annotations

import contextlib
import http.server
import json
import os
import socketserver
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry_world import NAME, EmbeddedWorld, material
from towpath.commands.doctor import Finding, examined

if TYPE_CHECKING:
    from tests.conftest import Answer, Towpath

PARTS = [
    "Python",
    "git",
    "libraries",
    "serving libraries",
    "byte code",
    "home",
    "registry",
    "guards",
    "Docker engine",
    "wheelhouse",
    "uv",
    "telemetry",
]


def of(part: str, **environ: str) -> Finding:
    return next(finding for finding in examined({**os.environ, **environ}) if finding.part == part)


def said(answer: Answer, part: str) -> dict[str, Any]:
    found: dict[str, Any] = next(finding for finding in answer.json["findings"] if finding["part"] == part)
    return found


@contextlib.contextmanager
def answering(content: bytes, server: socketserver.BaseServer) -> Iterator[None]:
    server.content = content  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Says(http.server.BaseHTTPRequestHandler):
    """Answers every question with the server's one content."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None: ...

    def address_string(self) -> str:
        return "a test"


def test_a_healthy_machine_is_told_part_by_part(towpath: Towpath) -> None:
    told = towpath("doctor", "--json")
    assert told.json["healthy"] is True
    assert [finding["part"] for finding in told.json["findings"]] == PARTS
    for part in ("Python", "git", "libraries", "serving libraries", "home", "registry", "telemetry"):
        assert said(told, part)["state"] == "ok", said(told, part)
    assert "mlflow 3.17.2" in said(told, "libraries")["found"]


def test_a_person_reads_what_it_costs_and_what_to_type(towpath: Towpath, tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/docker.sock"
    lines = towpath("doctor", env={"DOCKER_HOST": nowhere}).out.splitlines()
    at = lines.index(f"missing  Docker engine        no answer at {nowhere}")
    assert lines[at + 1].strip().startswith("costs: towpath build")
    assert lines[at + 2].strip() == "next:  start Docker, or set DOCKER_HOST"


def test_a_missing_choice_is_no_illness_a_missing_need_is(towpath: Towpath, tmp_path: Path) -> None:
    only_git = tmp_path / "bin"
    only_git.mkdir()
    assert said(towpath("doctor", "--json", env={"PATH": str(only_git)}, code=3), "git")["state"] == "missing"


def test_looking_makes_nothing(towpath: Towpath, home: Path) -> None:
    towpath("doctor")
    assert not home.exists()


def test_a_home_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = of("home", TOWPATH_HOME=str(tmp_path / "file" / "below"))
    assert (found.state, found.required, found.next) == ("missing", True, "set TOWPATH_HOME")


def test_a_home_that_others_may_write_is_told(home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    found = of("home", TOWPATH_HOME=str(home))
    assert (found.state, found.next) == ("poor", f"chmod go-w {home}")
    assert found.costs == "other users of this machine can replace models"


def test_a_database_that_is_none_is_told(home: Path) -> None:
    home.mkdir()
    (home / "towpath.db").write_text("this is no database, and it is long enough to be read as one: " * 20)
    found = of("registry", TOWPATH_HOME=str(home))
    assert found.state == "missing"
    assert "is not a registry" in found.found


def test_a_server_that_answers_with_our_version_is_well() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says) as server, answering(b"3.17.2", server):
        uri = f"http://127.0.0.1:{server.server_address[1]}"
        assert of("registry", MLFLOW_TRACKING_URI=uri) == Finding(
            "registry", "ok", f"{uri}, mlflow 3.17.2", required=True
        )


def test_a_server_of_another_version_is_told() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says) as server, answering(b"2.9.0", server):
        found = of("registry", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{server.server_address[1]}")
    assert found.state == "poor"
    assert "runs mlflow 2.9.0, this machine 3.17.2" in found.found


def test_a_server_that_is_away_is_an_illness(towpath: Towpath) -> None:
    told = said(towpath("doctor", "--json", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, code=3), "registry")
    assert told["found"].startswith("http://127.0.0.1:9 does not answer: ")
    assert told["next"] == "start the server, or unset MLFLOW_TRACKING_URI to work on TOWPATH_HOME"


def test_a_password_in_an_address_is_neither_told_nor_in_the_way() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Says) as server, answering(b"3.17.2", server):
        place = f"127.0.0.1:{server.server_address[1]}"
        found = of("registry", MLFLOW_TRACKING_URI=f"http://ann:s3cret@{place}")
    assert (found.state, found.found) == ("ok", f"http://{place}, mlflow 3.17.2")


def test_a_store_of_another_kind_is_an_illness() -> None:
    found = of("registry", MLFLOW_TRACKING_URI="databricks")
    assert (found.state, found.required) == ("missing", True)


class _OnSocket(socketserver.ThreadingUnixStreamServer):
    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("a test", 0)


def test_an_engine_that_answers_is_told_by_its_version(tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with _OnSocket(str(path), Says) as server, answering(json.dumps({"Version": "20.10.24"}).encode(), server):
        found = of("Docker engine", DOCKER_HOST=f"unix://{path}")
    assert (found.state, found.found) == ("ok", f"20.10.24 at unix://{path}")


@pytest.mark.parametrize("host", ["ssh://somewhere", "unix:///nowhere.sock", "tcp://127.0.0.1:9", "tcp://x:port", "?"])
def test_no_engine_there_is_a_choice(host: str) -> None:
    found = of("Docker engine", DOCKER_HOST=host)
    assert (found.state, found.required) == ("missing", False)


def test_telemetry_that_a_person_switched_on_is_told(towpath: Towpath) -> None:
    told = said(towpath("doctor", "--json", env={"MLFLOW_DISABLE_TELEMETRY": "false"}), "telemetry")
    assert told["state"] == "poor"
    assert told["next"] == "unset MLFLOW_DISABLE_TELEMETRY"


def test_guards_that_an_upgrade_of_mlflow_dropped_are_told_and_made_again(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home)
    world.add(material(1))
    towpath("promote", f"{NAME}/1", "--to", "staging", "-y")
    with contextlib.closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute("CREATE TABLE copy AS SELECT * FROM registered_model_aliases")
        rows.execute("DROP TABLE registered_model_aliases")
        rows.execute("ALTER TABLE copy RENAME TO registered_model_aliases")
    told = towpath("doctor", "--json", code=3)
    assert "as after an upgrade of MLflow" in said(told, "guards")["found"]
    assert said(told, "guards")["next"] == "towpath doctor --repair"
    assert "Made again: towpath_" in towpath("doctor", "--repair").err
    assert said(towpath("doctor", "--json"), "guards")["state"] == "ok"

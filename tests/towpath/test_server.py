from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from postgres import Postgres
from registry_world import free_port
from server_world import API, PASSWORD, Person, started

if TYPE_CHECKING:
    from tests.conftest import Towpath


def test_check_says_what_would_be_started_and_makes_nothing(towpath: Towpath, home: Path) -> None:
    port = free_port()
    told = towpath("server", "--check", "--json", "--port", str(port)).json
    assert told["address"] == f"http://127.0.0.1:{port}"
    assert told["database"] == f"sqlite:///{home}/server/registry.db"
    assert told["database_state"] == "empty"
    assert told["artifacts"] == f"{home}/server/artifacts"
    assert told["command"][1:5] == ["-m", "towpath_registry.mlflow_plugin.launch", "--app", "towpath"]
    assert told["environment"]["MLFLOW_BASIC_AUTH_FAIL_CLOSED"] == "true"
    assert told["environment"]["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert told["environment"]["MLFLOW_SERVER_X_FRAME_OPTIONS"] == "DENY"
    assert f"127.0.0.1:{port}" in told["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert not home.exists()
    assert "is empty, and will be filled" in towpath("server", "--check", "--port", str(port)).out


def test_check_shows_no_secret(towpath: Towpath) -> None:
    secrets = {
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "s3cret-1",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": "s3cret-2",
        "MLFLOW_AUTH_ADMIN_PASSWORD": "s3cret-3",
        "MLFLOW_SOMETHING_ELSE": "s3cret-4",
        "PGPASSWORD": "s3cret-5",
    }
    answer = towpath("server", "--check", "--json", "--port", str(free_port()), env=secrets)
    assert {answer.json["environment"][name] for name in list(secrets)[:3]} == {"(secret)"}
    assert "s3cret" not in answer.out + answer.err


@pytest.mark.parametrize(
    "address",
    ["postgresql://towpath:s3cret@db/towpath", "postgresql://db/towpath?password=s3cret", "postgresql://u:@h/x"],
)
def test_a_password_in_the_command_is_refused_and_not_repeated(towpath: Towpath, address: str) -> None:
    told = towpath("server", "--database", address, "--check", code=2).err
    assert "a password in a command is seen by everybody" in told
    assert "PGPASSWORD, ~/.pgpass or a service file" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("told", ["gs://models", "s3://", "s3://UPPER", "s3://models?x=1"])
def test_another_kind_of_place_for_files_is_asked_wrongly(towpath: Towpath, told: str) -> None:
    answer = towpath("server", "--artifacts", told, "--check", code=2).err
    assert "s3://bucket/prefix" in answer


def test_a_key_in_the_place_for_files_is_refused_and_not_repeated(towpath: Towpath) -> None:
    told = towpath("server", "--artifacts", "s3://AKIA:s3cret@models/a", "--check", code=2).err
    assert "a password in a command is seen by everybody" in told
    assert "AWS_SECRET_ACCESS_KEY" in told
    assert "s3cret" not in told


def test_an_object_store_that_does_not_answer_is_said_before_the_start(towpath: Towpath) -> None:
    env = {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "towpath",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    for options in (("--check",), ()):
        port = str(free_port())
        told = towpath("server", "--artifacts", "s3://models/a", "--port", port, *options, env=env, code=3)
        assert "opening s3://models/a: the object store does not answer" in told.err
        assert "AWS_ENDPOINT_URL_S3" in told.err
        assert "s3cret" not in told.out + told.err


@pytest.mark.parametrize("address", ["mysql://u@h/x", "sqlite://", "sqlite:///", "http://h", "x", "postgres://u@h/x"])
def test_another_kind_of_database_is_asked_wrongly(towpath: Towpath, address: str) -> None:
    assert "SQLite or in PostgreSQL" in towpath("server", "--database", address, "--check", code=2).err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "says by which names"),
        (("--host", "::"), "says by which names"),
        (("--allowed-hosts", "*"), "reached by any web page"),
        (("--cors-origins", "https://a.example,*"), "reached by any web page"),
        (("--workers", "0"), "--workers"),
        (("--port", "70000"), "--port"),
    ],
)
def test_what_would_open_it_to_everybody_is_asked_wrongly(
    towpath: Towpath, options: tuple[str, ...], words: str
) -> None:
    assert words in towpath("server", *options, "--check", code=2).err


def test_hosts_are_taken_with_and_without_their_port(towpath: Towpath) -> None:
    port = free_port()
    told = towpath(
        "server",
        "--check",
        "--json",
        "--port",
        str(port),
        "--allowed-hosts",
        "models.office.example, other.example:8443",
    ).json
    hosts = ["models.office.example", f"models.office.example:{port}", "other.example:8443"]
    assert told["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",") == hosts


def test_a_database_of_another_mlflow_is_refused_as_it_is(towpath: Towpath, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as rows:
        rows.execute("CREATE TABLE alembic_version(version_num TEXT)")
        rows.execute("INSERT INTO alembic_version VALUES('0123456789ab')")
    before = path.read_bytes()
    told = towpath("server", "--database", f"sqlite:///{path}", "--check", "--port", str(free_port()), code=3).err
    assert "was made by another MLflow (its schema is 0123456789ab" in told
    assert "make a copy of it, then: mlflow db upgrade" in told
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused(towpath: Towpath, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as rows:
        rows.execute("CREATE TABLE cats(name TEXT)")
    (tmp_path / "no.db").write_bytes(b"not a database at all" * 100)
    for name, words in {"other.db": "was made by another program", "no.db": "does not answer"}.items():
        address = f"sqlite:///{tmp_path / name}"
        assert words in towpath("server", "--database", address, "--check", code=3).err


def test_a_database_that_is_away_is_said_to_be_away(towpath: Towpath, tmp_path: Path) -> None:
    address = f"postgresql://nobody@/towpath?host={tmp_path}"
    assert "does not answer" in towpath("server", "--database", address, "--check", code=3).err


@pytest.mark.slow
def test_a_database_of_postgresql_is_ready_or_empty(towpath: Towpath, postgres: Postgres) -> None:
    with postgres.database() as name:
        asked = ("server", "--check", "--json", "--port", str(free_port()), "--database", postgres.url(name))
        assert towpath(*asked).json["database_state"] == "ready"


def test_a_port_that_is_taken_is_named_with_another(towpath: Towpath) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = towpath("server", "--check", "--port", str(port), code=3).err
    assert f"cannot listen on 127.0.0.1 port {port}" in told
    assert f"towpath server --port {port % 65535 + 1}" in told


def test_a_user_is_added_to_a_server_that_was_started_once(towpath: Towpath) -> None:
    told = towpath("server", "user", "add", "ann", code=2).err
    assert "no server has been started here yet" in told


def eventually(holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def family(of: int) -> set[int]:
    """All processes of the process's sessions, by /proc."""
    found, parents = {of}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {of}


def add(home: Path, name: str, may: str, password: str) -> tuple[int, str]:
    """How `towpath server user add` ended, and what it said; the password comes by standard input."""
    command = [sys.executable, "-m", "towpath", "server", "user", "add", name, "--may", may]
    env = {**os.environ, "TOWPATH_HOME": str(home)}
    done = subprocess.run(command, env=env, input=f"{password}\n", capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.slow
def test_it_starts_with_logins_keeps_its_secrets_and_leaves_nothing_running(home: Path) -> None:
    port, folder = free_port(), home / "server"
    address = f"http://127.0.0.1:{port}"
    with started(home, "--port", str(port), "--workers", "2") as said:
        assert said["address"] == f"{address}/#/experiments?workflowType=machine_learning"
        assert said["admin_password_file"] == str(folder / "admin-password")
        password = (folder / "admin-password").read_text().strip()
        assert len(password) >= 24
        admin, nobody = Person(address, "admin", password), Person(address, "x", "")
        assert nobody.ask("GET", f"{API}/registered-models/search").status == 401
        assert admin.ask("GET", f"{API}/registered-models/search").status == 200
        assert add(home, "ann", "edit", PASSWORD) == (0, "")
        assert add(home, "max", "nothing", PASSWORD) == (0, "")
        code, refused = add(home, "eva", "read", "short")
        assert (code, "eva was not added: Password must be at least 12 characters" in refused) == (3, True)
        code, refused = add(home, "ann", "admin", PASSWORD)
        assert (code, "there is a login of that name already" in refused) == (3, True)
        ann, max_ = Person(address, "ann"), Person(address, "max")
        admin.done("POST", f"{API}/registered-models/create", {"name": "coder"})
        assert ann.ask("GET", f"{API}/registered-models/get?name=coder").status == 200
        assert max_.ask("GET", f"{API}/registered-models/get?name=coder").status == 403
        for path in [folder, *folder.rglob("*")]:
            alone = stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
            assert alone or path.name in ("registry.db", "users.db"), path
        secrets = {path.name: path.read_text() for path in folder.iterdir() if path.suffix == ".key"}
        assert set(secrets) == {"session.key", "webhooks.key"}
        children = family(said["process"].pid)
        assert len(children) >= 3
        said["process"].send_signal(signal.SIGTERM)
        assert said["process"].wait(60) == 0
    eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "all to have ended")
    with started(home, "--port", str(port), "--workers", "2") as said:
        assert Person(address, "admin", password).ask("GET", f"{API}/registered-models/get?name=coder").status == 200
        assert {path.name: path.read_text() for path in folder.iterdir() if path.suffix == ".key"} == secrets
        children = family(said["process"].pid)
        said["process"].kill()
        said["process"].wait(30)
        eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "all to have ended")


@pytest.mark.slow
def test_a_server_whose_supervisor_was_killed_is_not_left_half_running(home: Path) -> None:
    port = free_port()
    with started(home, "--port", str(port), "--workers", "2") as said:
        children = family(said["process"].pid)
        (launcher,) = [child for child in children if "launch" in Path(f"/proc/{child}/cmdline").read_text()]
        os.kill(launcher, signal.SIGKILL)
        assert said["process"].wait(60) == 3
    eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "all to have ended")


@pytest.mark.slow
def test_a_secret_that_others_can_read_stops_it(home: Path, towpath: Towpath) -> None:
    folder = home / "server"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "session.key").write_text("known to all")
    (folder / "session.key").chmod(0o644)
    told = towpath("server", "--port", str(free_port()), code=3).err
    assert "can be read by others than its owner" in told
    assert f"chmod 600 {folder / 'session.key'}" in told


@pytest.mark.slow
def test_what_it_cannot_start_on_is_said_in_its_own_words(home: Path, towpath: Towpath, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as rows:
        rows.execute("CREATE TABLE cats(name TEXT)")
    address = f"sqlite:///{tmp_path / 'other.db'}"
    told = towpath("server", "--quiet", "--port", str(free_port()), "--database", address, code=3).err
    assert f"the server does not start: the database {address} was made by another program" in told


@pytest.mark.slow
def test_only_the_names_that_were_given_are_answered(home: Path) -> None:
    port = free_port()
    with started(home, "--port", str(port), "--workers", "1", "--allowed-hosts", "models.office.example"):
        for host, status in {"models.office.example": 401, f"127.0.0.1:{port}": 403, "evil.example": 403}.items():
            request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": host})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            assert refused.value.code == status, host

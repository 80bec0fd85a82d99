from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from towpath_core.errors import CouldNot, Misused
from towpath_registry import places, tables
from towpath_registry.sqlite_door import SqliteDatabase


def test_the_home_is_the_chosen_one_else_in_the_users_data_folder(tmp_path: Path) -> None:
    assert places.home({"TOWPATH_HOME": str(tmp_path)}) == tmp_path
    assert places.home({"XDG_DATA_HOME": "/data"}) == Path("/data/towpath")
    assert places.home({"HOME": "/users/ann"}) == Path("/users/ann/.local/share/towpath")


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert places.home({"TOWPATH_HOME": "here"}) == tmp_path / "here"


def test_without_a_tracking_uri_the_registry_lies_in_the_home() -> None:
    environ = {"TOWPATH_HOME": "/h"}
    assert places.tracking_uri(environ) == "sqlite:////h/towpath.db"
    assert places.database(environ) == Path("/h/towpath.db")
    assert places.artifacts(environ) == Path("/h/artifacts")


def test_a_tracking_uri_of_sqlite_names_another_database_and_the_artifacts_beside_it() -> None:
    environ = {"TOWPATH_HOME": "/h", "MLFLOW_TRACKING_URI": "sqlite:////srv/mlflow.db"}
    assert places.database(environ) == Path("/srv/mlflow.db")
    assert places.artifacts(environ) == Path("/srv/artifacts")


def test_a_server_has_neither_database_nor_artifacts_here() -> None:
    environ = {"MLFLOW_TRACKING_URI": "https://mlflow.example.invalid/"}
    assert places.tracking_uri(environ) == "https://mlflow.example.invalid"
    assert places.database(environ) is None
    assert places.artifacts(environ) is None
    places.ensure_home(environ)


@pytest.mark.parametrize("uri", ["file:///tmp/mlruns", "./mlruns", "databricks", "postgresql://h/d", "sqlite:///"])
def test_a_store_without_room_for_a_ledger_is_refused(uri: str) -> None:
    with pytest.raises(Misused, match="MLFLOW_TRACKING_URI=") as caught:
        places.tracking_uri({"MLFLOW_TRACKING_URI": uri})
    assert "sqlite:///" in caught.value.hint


def test_a_password_in_an_address_is_never_told() -> None:
    for uri in ("postgresql://u:secret@h/d", *(f"http:{rest}" for rest in ("//u:secret@[::1", "//u:secret@"))):
        with pytest.raises(Misused, match="MLFLOW_TRACKING_URI=") as caught:
            places.tracking_uri({"MLFLOW_TRACKING_URI": uri})
        assert "secret" not in caught.value.message


@pytest.mark.parametrize("uri", [f"http:{rest}" for rest in ("//", "//[::1", "//:5000")])
def test_an_address_without_a_host_is_refused(uri: str) -> None:
    with pytest.raises(Misused, match="is not an address of a server"):
        places.tracking_uri({"MLFLOW_TRACKING_URI": uri})


def test_a_new_home_has_mlflows_tables_and_ours_and_nobodys_rows(tmp_path: Path) -> None:
    environ = {"TOWPATH_HOME": str(tmp_path / "ä b" / "home")}
    places.ensure_home(environ)

    database = places.database(environ)
    assert database is not None
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables.check(SqliteDatabase(connection))
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        filled = {name for name in names if connection.execute(f'SELECT 1 FROM "{name}"').fetchone()}
        experiments = connection.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall()
    assert filled == {"alembic_version", "experiments", "workspaces", "towpath_schema", "towpath_levels"}
    assert experiments == [(0, (tmp_path / "ä b" / "home" / "artifacts" / "0").as_uri())]
    assert [path.name for path in database.parent.iterdir()] == ["towpath.db"]
    assert database.stat().st_mode & 0o077 == 0


def test_a_home_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    environ = {"TOWPATH_HOME": str(tmp_path)}
    places.ensure_home(environ)
    before = (tmp_path / "towpath.db").read_bytes(), (tmp_path / "towpath.db").stat().st_mtime_ns
    places.ensure_home(environ)
    assert ((tmp_path / "towpath.db").read_bytes(), (tmp_path / "towpath.db").stat().st_mtime_ns) == before


def test_many_first_uses_at_once_make_one_registry(tmp_path: Path) -> None:
    code = "import os; from towpath_registry import places; places.ensure_home(os.environ)"

    def use(number: int) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "TOWPATH_HOME": str(tmp_path / "home")}
        return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)

    with ThreadPoolExecutor(6) as pool:
        ended = list(pool.map(use, range(6)))

    assert [(done.returncode, done.stderr) for done in ended] == [(0, "")] * 6
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["towpath.db"]


def test_a_registry_of_another_mlflow_is_refused_by_name(tmp_path: Path) -> None:
    environ = {"TOWPATH_HOME": str(tmp_path)}
    places.ensure_home(environ)
    with contextlib.closing(sqlite3.connect(tmp_path / "towpath.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'abc'")
    with pytest.raises(CouldNot, match="was made by another MLflow") as caught:
        places.ensure_home(environ)
    assert "mlflow db upgrade" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_file_that_is_no_registry_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "towpath.db").write_bytes(content)
    with pytest.raises(CouldNot, match="is not a registry"):
        places.ensure_home({"TOWPATH_HOME": str(tmp_path)})


def test_a_place_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CouldNot, match="cannot make the registry") as caught:
        places.ensure_home({"TOWPATH_HOME": str(tmp_path / "file" / "home")})
    assert "TOWPATH_HOME" in caught.value.hint


@pytest.mark.slow
def test_the_shipped_database_is_the_one_that_the_pinned_mlflow_makes(repository: Path) -> None:
    code = "import make_empty_store as m, gzip, sys; p, r = m.make(); sys.stdout.write(r)"
    made = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "registry", capture_output=True, text=True, check=True
    )
    assert made.stdout == places.REVISION

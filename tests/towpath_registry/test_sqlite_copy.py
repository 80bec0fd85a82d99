from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from registry_world import EmbeddedWorld, forget, material
from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_registry.sqlite_copy import frozen


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Of a plain registry with one version."""
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material())
    forget(world.database)
    return world.database


def change(database: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute(statement, values)


def storage(database: Path, artifacts: Path | None = None) -> str | None:
    """Where the version's files lie, as the copy says."""
    with frozen(database, artifacts) as copy, closing(sqlite3.connect(copy)) as rows:
        found: str | None = rows.execute("SELECT storage_location FROM model_versions").fetchone()[0]
        return found


def test_the_original_stays_as_it_was_and_the_copy_is_gone_afterwards(database: Path) -> None:
    before = database.read_bytes()
    with frozen(database) as copy:
        change(copy, "DELETE FROM model_versions")
    assert database.read_bytes() == before
    assert not copy.exists()


def test_a_copy_is_made_while_somebody_else_writes(database: Path) -> None:
    with closing(sqlite3.connect(database)) as rows:
        rows.execute("BEGIN IMMEDIATE")
        rows.execute("UPDATE model_versions SET description = 'half done'")
        with frozen(database) as copy, closing(sqlite3.connect(copy)) as copied:
            assert copied.execute("SELECT description FROM model_versions").fetchall() == [("",)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("mlflow-artifacts:/1/models/m-1", "{files}/1/models/m-1"),
        ("mlflow-artifacts://old:5000/1/m%20x", "{files}/1/m%20x"),
        ("./mlruns/1/x", "file://{beside}/mlruns/1/x"),
        ("mlruns/1/x", "file://{beside}/mlruns/1/x"),
        ("/srv/mlruns/1/x", "/srv/mlruns/1/x"),
        ("file:///srv/mlruns/1/x", "file:///srv/mlruns/1/x"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("runs:/0123/model", "runs:/0123/model"),
    ],
)
def test_addresses_lead_to_where_the_files_are_from_here(
    database: Path, tmp_path: Path, written: str, meant: str
) -> None:
    change(database, "UPDATE model_versions SET storage_location = ?", written)
    expected = meant.format(files=(tmp_path / "files").as_uri(), beside=database.parent)
    assert storage(database, tmp_path / "files") == expected


def test_served_files_lie_beside_the_database_unless_somebody_says_where(database: Path) -> None:
    change(database, "UPDATE model_versions SET storage_location = 'mlflow-artifacts:/x'")
    assert storage(database) == (database.parent / "artifacts" / "x").as_uri()
    (database.parent / "mlartifacts").mkdir()
    assert storage(database) == (database.parent / "mlartifacts" / "x").as_uri()


def test_a_version_of_an_old_mlflow_lies_at_its_source(database: Path) -> None:
    change(database, "UPDATE model_versions SET storage_location = NULL, source = 'mlruns/1/x'")
    assert storage(database) == f"file://{database.parent}/mlruns/1/x"
    change(database, "UPDATE model_versions SET source = 'models:/m-1'")
    assert storage(database) is None


def test_what_is_no_database_of_this_mlflow_is_refused(tmp_path: Path, database: Path) -> None:
    with pytest.raises(NotFound, match="there is no database"), frozen(tmp_path / "none.db"):
        pass
    (tmp_path / "text.db").write_text("no database at all, only text\n" * 100)
    with pytest.raises(CouldNot, match="is not a registry"), frozen(tmp_path / "text.db"):
        pass
    change(database, "UPDATE alembic_version SET version_num = '0123456789ab'")
    with pytest.raises(CouldNot, match="its schema is 0123456789ab"), frozen(database):
        pass


def test_a_ledger_is_not_left_behind(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "governed")
    with pytest.raises(Refused, match="has a ledger") as caught, frozen(world.database):
        pass
    assert caught.value.hint == f"use the registry as it is: MLFLOW_TRACKING_URI=sqlite:///{world.database}"

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import appending
from guarded_world import Guarded
from registry_world import NAME, EmbeddedWorld, material, promotions
from towpath_core.errors import CouldNot, Mismatch, NotFound
from towpath_core.refs import ModelRef
from towpath_registry import places
from towpath_registry.sqlite_door import SqliteDatabases


def test_asking_does_not_make_a_database(tmp_path: Path) -> None:
    databases = SqliteDatabases(tmp_path / "none.db")
    for ask in (databases.reading, databases.writing):
        with pytest.raises(NotFound, match="there is no registry yet") as caught, ask():
            pass
        assert "towpath run" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_who_writes_has_the_database_from_its_first_read_on(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    hasty = SqliteDatabases(guarded_file.path, wait=0.0)
    with guarded_file.databases.writing() as database:
        database.rows("SELECT 1")
        with pytest.raises(CouldNot, match="database is locked") as caught, hasty.writing():
            pass
    assert "another program holds the database" in caught.value.hint
    with hasty.writing():
        pass


def test_who_reads_sees_one_state(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    hasty = SqliteDatabases(guarded_file.path, wait=0.0)
    asked = "SELECT count(*) FROM towpath_ledger"
    with guarded_file.databases.reading() as database:
        assert database.rows(asked) == [(1,)]
        with pytest.raises(CouldNot, match="locked"), hasty.writing() as writer:
            guarded_file.write(writer, "promoted", "production", 2)
        assert database.rows(asked) == [(1,)]
    assert guarded_file.aliases() == {"production": 1}


def test_a_full_disk_undoes_everything_and_is_named(guarded_file: Guarded) -> None:
    before = guarded_file.links()
    with pytest.raises(CouldNot, match="full") as caught, guarded_file.databases.writing() as database:
        guarded_file.write(database, "promoted", "production", 2)
        ((pages,),) = database.rows("PRAGMA page_count")
        database.run(f"PRAGMA max_page_count = {pages}")
        database.run("INSERT INTO towpath_policies VALUES('d', zeroblob(1000000))")
    assert caught.value.hint == "make room, then run it again"
    assert (guarded_file.links(), guarded_file.aliases()) == (before, {"production": 1})


def test_the_tables_of_another_mlflow_are_not_written(guarded_file: Guarded) -> None:
    guarded_file.attack("UPDATE alembic_version SET version_num = 'other'")
    for ask in (guarded_file.databases.reading, guarded_file.databases.writing):
        with pytest.raises(CouldNot, match="was made by another MLflow"), ask():
            pass


def test_what_is_no_database_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("no database at all, only some text that is longer than a header" * 20)
    for ask in (SqliteDatabases(path).reading, SqliteDatabases(path).writing):
        with pytest.raises(CouldNot, match="not a database"), ask():
            pass


@pytest.mark.parametrize("table", ["towpath_ledger", "towpath_evidence", "registered_model_aliases"])
def test_a_table_that_was_taken_away_is_a_change_by_other_means(tmp_path: Path, table: str) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material())
    with contextlib.closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute(f"DROP TABLE {table}")
    with pytest.raises(Mismatch, match=f"changed by other means than towpath: no such table: {table}"):
        promotions(world).plan(ModelRef(NAME, version=1), "staging")


# What is kept open ----------------------------------------------------------------------------------------------------

ASKED = "SELECT count(*) FROM towpath_ledger"


def counted(databases: SqliteDatabases) -> int:
    with databases.reading() as database:
        ((count,),) = database.rows(ASKED)
        return int(count)


def test_a_connection_that_was_kept_sees_what_others_wrote_since(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    assert counted(own) == 1
    guarded_file.append()
    assert counted(own) == 2
    with own.writing() as database:
        guarded_file.write(database, "refused", "", 0)
    guarded_file.append()
    assert counted(own) == 4


def test_another_database_in_its_place_is_the_one_that_is_read_and_written(
    guarded_file: Guarded, tmp_path: Path
) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    backup = tmp_path / "backup.db"
    shutil.copyfile(guarded_file.path, backup)
    with own.writing() as database:
        guarded_file.write(database, "refused", "", 0)
    assert counted(own) == 2
    backup.replace(guarded_file.path)
    assert counted(own) == 1
    with own.writing() as database:
        assert database.rows(ASKED) == [(1,)]


def test_an_upgrade_while_it_is_open_is_noticed(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    assert counted(own) == 1
    with own.writing():
        pass
    guarded_file.attack("UPDATE alembic_version SET version_num = 'other'")
    for ask in (own.reading, own.writing):
        with pytest.raises(CouldNot, match="was made by another MLflow"), ask():
            pass
    guarded_file.attack(f"UPDATE alembic_version SET version_num = '{places.REVISION}'")
    assert counted(own) == 1


def test_what_a_killed_writer_left_is_undone_for_who_had_it_open(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    assert counted(own) == 1
    command = [sys.executable, appending.__file__, "file", str(guarded_file.path), "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half done\n"
        assert guarded_file.path.with_name(f"{guarded_file.path.name}-journal").stat().st_size > 0
        process.kill()
    assert counted(own) == 1


def test_a_transaction_inside_of_another_has_a_connection_of_its_own(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    with own.reading() as outer, own.reading() as inner:
        assert outer.connection is not inner.connection
        assert outer.rows(ASKED) == inner.rows(ASKED) == [(1,)]
    assert counted(own) == 1


def test_a_thread_has_connections_of_its_own(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    assert counted(own) == 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: counted(own), range(20))) == [1] * 20


def test_a_connection_is_not_kept_after_a_failure(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    with pytest.raises(CouldNot), own.writing() as database:
        database.run("PRAGMA foreign_keys = 0")
        database.run("INSERT INTO towpath_levels VALUES('other')")
    with own.writing() as database:
        assert database.rows("PRAGMA foreign_keys") == [(1,)]
    with own.reading() as database:
        assert database.rows("SELECT name FROM towpath_levels ORDER BY name") == [("production",), ("staging",)]


def test_the_database_that_was_read_is_not_written_by_that_connection(guarded_file: Guarded) -> None:
    assert guarded_file.path is not None
    own = SqliteDatabases(guarded_file.path)
    for _ in range(2):
        with pytest.raises(CouldNot, match="readonly"), own.reading() as database:
            database.run("DELETE FROM experiments")

"""The same promises of both doors; and of the one that opens a server's database, on both kinds of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

import appending
from guarded_world import NAME, Guarded
from towpath_core.errors import CouldNot, Mismatch, Refused
from towpath_registry import ledger, server_database
from towpath_registry.sqlalchemy_door import EngineDatabases
from towpath_registry.sqlite_door import SqliteDatabases

DOORS = ["file", "engine", pytest.param("postgresql", marks=pytest.mark.slow)]


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    found: Guarded = request.getfixturevalue("guarded_server" if request.param == "postgresql" else "guarded_file")
    if request.param == "engine":
        engine = sqlalchemy.create_engine(found.uri)
        found.databases = EngineDatabases(engine)
        yield found
        engine.dispose()
    else:
        yield found


def arguments(door: Guarded) -> list[str]:
    """The way to the same database for another process."""
    if isinstance(door.databases, EngineDatabases):
        return ["engine", door.uri]
    return ["file", str(door.path)]


def test_what_was_written_is_there_when_the_block_ended(door: Guarded) -> None:
    with door.databases.writing() as database:
        database.run("UPDATE model_versions SET description = :said WHERE version = :version", said="ä ' %s", version=2)
        assert database.rows("SELECT description FROM model_versions WHERE version = 2") == [("ä ' %s",)]
    with door.databases.reading() as database:
        asked = "SELECT version, description FROM model_versions WHERE description LIKE '%\\%s' ORDER BY version"
        assert database.rows(asked.replace("\\", "")) == [(2, "ä ' %s")]


@pytest.mark.parametrize("error", [KeyError, Refused, KeyboardInterrupt])
def test_nothing_is_there_of_a_block_that_raised_and_what_it_raised_comes_out(
    door: Guarded, error: type[BaseException]
) -> None:
    with pytest.raises(error), door.databases.writing() as database:
        database.run("UPDATE model_versions SET description = 'said'")
        raise error("no")
    with door.databases.writing() as database:
        assert database.rows("SELECT DISTINCT description FROM model_versions") == [(None,)]


def test_bytes_go_in_and_come_out_as_bytes(door: Guarded) -> None:
    content = bytes(range(256))
    with door.databases.writing() as database:
        database.run("INSERT INTO towpath_policies(digest, content) VALUES('d', :content)", content=content)
        asked = "SELECT content, length(content), digest FROM towpath_policies WHERE content = :content"
        ((found, length, digest),) = database.rows(asked, content=content)
    assert (type(found), found, length, digest) == (bytes, content, 256, "d")


def test_who_reads_cannot_write(door: Guarded) -> None:
    with pytest.raises(CouldNot, match="reading the registry") as caught, door.databases.reading() as database:
        database.run("UPDATE model_versions SET description = 'said'")
    assert "read" in caught.value.message.partition(":")[2].replace("-", "")
    with door.databases.writing() as database:  # and who comes next on the same connection can
        database.run("UPDATE model_versions SET description = 'said'")


def test_what_the_database_refuses_comes_out_without_statement_and_values(door: Guarded) -> None:
    for statement, kind, words in (
        ("SELECT x FROM nowhere WHERE x = :value", Mismatch, "changed by other means than towpath"),
        ("INSERT INTO towpath_policies VALUES(NULL, :value)", CouldNot, "writing the registry"),
    ):
        with pytest.raises(kind) as caught, door.databases.writing() as database:
            database.run(statement, value="secret")
        assert words in caught.value.message
        assert "secret" not in caught.value.message
        assert "SELECT" not in caught.value.message
        assert caught.value.hint


def test_the_foreign_keys_of_mlflows_tables_hold(door: Guarded) -> None:
    with pytest.raises(CouldNot, match=r"(?i)foreign key"), door.databases.writing() as database:
        database.run("INSERT INTO registered_model_tags(workspace, name, \"key\") VALUES('default', 'nobody', 'x')")


@pytest.mark.parametrize("door", DOORS[1:], indirect=True)  # the first one has connections of its own
def test_mlflow_writes_on_with_the_connections_that_we_used(door: Guarded) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(door.uri)
    databases = EngineDatabases(store.engine)
    for _ in range(2):
        with databases.reading() as database:
            assert database.rows("SELECT 1") == [(1,)]
        with databases.writing() as database:
            appending.append(database)
        store.set_registered_model_alias(NAME, "free", "1")
        store.update_model_version(NAME, "1", "said")
    with store.engine.connect() as connection:
        level = connection.get_isolation_level()
    assert level == ("SERIALIZABLE" if door.dialect == "sqlite" else "READ COMMITTED")
    assert door.aliases() == {"free": 1, "production": 1}
    store.engine.dispose()


def test_a_server_on_a_file_asks_it_without_the_engine(guarded_file: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    assert guarded_file.path is not None
    monkeypatch.chdir(guarded_file.path.parent)
    for address in (guarded_file.uri, f"sqlite:///{guarded_file.path.name}"):
        databases = server_database.behind(sqlalchemy.create_engine(address))
        assert isinstance(databases, SqliteDatabases)
        with databases.reading() as database:
            assert database.rows("SELECT version FROM towpath_schema") == [(2,)]


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///:memory:", "sqlite:///{file}?mode=rw&uri=true", "postgresql+psycopg:///nobody"]
)
def test_a_server_on_anything_else_asks_by_the_engine(guarded_file: Guarded, address: str) -> None:
    engine = sqlalchemy.create_engine(address.format(file=f"file:{guarded_file.path}"))
    assert isinstance(server_database.behind(engine), EngineDatabases)


def test_mlflow_writes_a_file_that_we_write_too(guarded_file: Guarded) -> None:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(guarded_file.uri)
    databases = server_database.behind(store.engine)
    for version in ("1", "2"):
        with store.ManagedSessionMaker() as session:  # what reads in the same thread keeps nobody from asking
            session.execute(sqlalchemy.text("SELECT 1 FROM model_versions")).all()
            with databases.reading() as database:
                assert database.rows("SELECT 1") == [(1,)]
        with databases.writing() as database:
            appending.append(database)
        store.set_registered_model_alias(NAME, "free", version)
    assert guarded_file.aliases() == {"free": 2, "production": 1}
    store.engine.dispose()


@pytest.mark.slow
def test_many_processes_append_one_after_another(door: Guarded) -> None:
    command = [sys.executable, appending.__file__, *arguments(door), "25"]
    started = [
        subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(8)
    ]
    for process in started:
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    links = door.links()
    assert len(links) == 201
    ledger.verify(links)
    last = ledger.entry(links[-1])
    assert door.aliases() == {"production": last.version}


@pytest.mark.slow
def test_of_a_process_that_was_killed_in_the_middle_nothing_is_left(door: Guarded) -> None:
    before = (door.links(), door.aliases())
    command = [sys.executable, appending.__file__, *arguments(door), "0"]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half done\n"
        if door.path:
            assert door.path.with_name(f"{door.path.name}-journal").stat().st_size > 0
        process.kill()
    assert (door.links(), door.aliases()) == before
    with door.databases.writing() as database:
        assert database.rows("SELECT * FROM towpath_policies") == []
        appending.append(database)
    ledger.verify(door.links())


def environment() -> dict[str, str]:
    support = Path(appending.__file__).parent
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(support)])}

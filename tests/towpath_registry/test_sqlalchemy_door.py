from __future__ import annotations

from typing import Any, cast

import pytest
import sqlalchemy

from guarded_world import Guarded
from towpath_core.errors import CouldNot
from towpath_registry.sqlalchemy_door import EngineDatabases


def hasty(guarded: Guarded) -> EngineDatabases:
    return EngineDatabases(sqlalchemy.create_engine(guarded.uri, poolclass=sqlalchemy.NullPool), wait=0.05)


def test_a_database_of_another_kind_is_refused() -> None:
    engine = cast("sqlalchemy.Engine", sqlalchemy.create_mock_engine("mysql://", lambda *_: None))
    with pytest.raises(CouldNot, match="not kept in mysql") as caught:
        EngineDatabases(engine)
    assert "PostgreSQL" in caught.value.hint


def test_who_writes_is_waited_for_and_not_for_ever(guarded: Guarded) -> None:
    with guarded.databases.writing() as database:
        database.rows("SELECT 1")
        with pytest.raises(CouldNot, match="lock") as caught, hasty(guarded).writing():
            pass
    assert caught.value.hint == "another program holds the database; run it again when that one is done"
    with hasty(guarded).writing():
        pass


def test_a_file_is_read_as_one_state(guarded_file: Guarded) -> None:
    engine = EngineDatabases(sqlalchemy.create_engine(guarded_file.uri))
    with engine.reading() as database:
        assert database.rows("SELECT count(*) FROM towpath_ledger") == [(1,)]
        with pytest.raises(CouldNot, match="locked"), hasty(guarded_file).writing() as writer:
            guarded_file.write(writer, "promoted", "production", 2)
    with engine.writing() as writer:
        guarded_file.write(writer, "promoted", "production", 2)


@pytest.mark.slow
def test_a_server_is_read_as_one_state_and_keeps_nobody_waiting(guarded_server: Guarded) -> None:
    with guarded_server.databases.reading() as database:
        assert database.rows("SELECT count(*) FROM towpath_ledger") == [(1,)]
        guarded_server.promoted(2)
        assert database.rows("SELECT count(*) FROM towpath_ledger") == [(1,)]
    assert len(guarded_server.links()) == 2


@pytest.mark.slow
def test_who_waited_sees_what_was_written_meanwhile(guarded_server: Guarded) -> None:
    with guarded_server.databases.writing() as database:
        assert database.rows("SHOW transaction_isolation") == [("read committed",)]


@pytest.mark.slow
def test_a_connection_that_was_cut_says_that_it_may_have_been_recorded(guarded_server: Guarded) -> None:
    with pytest.raises(CouldNot) as caught, guarded_server.databases.writing() as database:
        ((backend,),) = database.rows("SELECT pg_backend_pid()")
        guarded_server.attack(f"SELECT pg_terminate_backend({backend})")
        guarded_server.write(database, "promoted", "production", 2)
    assert "terminating connection" in caught.value.message
    assert "towpath history" in caught.value.hint
    assert guarded_server.aliases() == {"production": 1}


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named_without_a_password(postgres: Any) -> None:
    address = f"postgresql+psycopg://ada:secret@/nowhere?host={postgres.folder}"
    databases = EngineDatabases(sqlalchemy.create_engine(address))
    for ask in (databases.reading, databases.writing):
        with pytest.raises(CouldNot, match='"nowhere" does not exist|role "ada"') as caught, ask():
            pass
        assert "secret" not in caught.value.message

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from guarded_world import NAME, Guarded, alias, postgres_world, refused, sqlite_world
from postgres import Postgres
from towpath_core.errors import CouldNot, Mismatch
from towpath_registry import books, guards, ledger, tables
from towpath_registry.nouns import IMPORTED, PROMOTED
from towpath_registry.sqlite_door import SqliteDatabase

NARROWER = "ON registered_model_aliases FOR EACH ROW EXECUTE FUNCTION towpath_guard_alias()"
HARMLESS = "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
APPEND_ONLY = ["schema", "ledger", "policies", "evidence", "authors", "checkpoints"]
KEPT = {
    "schema": "version = 2",
    "ledger": "body = prev",
    "policies": "digest = 'x'",
    "evidence": "seq = 9",
    "authors": "actor = 'x'",
    "checkpoints": "note = 'x'",
}


# What is made


def test_what_is_made_is_what_is_expected_and_is_made_once(guarded: Guarded) -> None:
    with guarded.databases.writing() as database:
        assert tables.exists(database)
        assert not tables.ensure(database)
        tables.check(database)
        assert tables.repair(database) == ()
    assert guarded.aliases() == {"production": 1}


def test_from_the_first_moment_the_levels_of_the_built_in_policies_are_guarded(guarded: Guarded) -> None:
    for level in ("staging", "production"):
        with refused(guards.NO_MOVE):
            guarded.attack(alias(level, 2))


def test_a_database_that_is_not_mlflows_gets_no_tables(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        with pytest.raises(CouldNot, match="no database of MLflow"):
            tables.ensure(SqliteDatabase(connection))
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_tables_of_a_later_towpath_are_left_alone(guarded_file: Guarded) -> None:
    guarded_file.attack(
        "DROP TABLE towpath_schema",
        "CREATE TABLE towpath_schema(version INTEGER)",
        "INSERT INTO towpath_schema VALUES(3)",
    )
    with guarded_file.databases.writing() as database:
        for ask in (tables.exists, tables.ensure):
            with pytest.raises(CouldNot, match="made by a later towpath"):
                ask(database)
        with pytest.raises(Mismatch, match="towpath_schema"):
            tables.check(database)


def test_aliases_that_are_there_before_the_guards_do_not_keep_them_from_being_made(tmp_path: Path) -> None:
    guarded = plain_file(tmp_path / "home")
    guarded.attack(
        f"INSERT INTO registered_models(name) VALUES('{NAME}')",
        f"INSERT INTO model_versions(name, version, current_stage) VALUES('{NAME}', 1, 'None')",
        alias("production", 1),
        alias(" Production", 1),
    )
    with guarded.databases.writing() as database:
        assert tables.ensure(database)
        guarded.write(database, IMPORTED, "production", 1, change=False)
    assert guarded.aliases() == {" Production": 1, "production": 1}
    with refused(guards.NO_LEAVING):
        guarded.attack("DELETE FROM registered_model_aliases WHERE alias = 'production'")
    with refused(guards.STANDS):
        guarded.attack("UPDATE model_versions SET current_stage = 'Deleted_Internal'")
    guarded.attack("DELETE FROM registered_model_aliases WHERE alias = ' Production'")


def plain_file(home: Path) -> Guarded:
    """MLflow's tables, and none of ours."""
    plain = sqlite_world(home)
    with plain.session() as session:
        mine = session.execute("SELECT type, name FROM sqlite_master WHERE name GLOB 'towpath_*' AND sql NOT NULL")
        for kind, name in sorted(mine.fetchall(), reverse=True):
            with contextlib.suppress(sqlite3.OperationalError):  # it went away with its table
                session.execute(f"DROP {kind} {name}")
    return plain


# What is written down stays


def insert(entry: str, of: int, how: str = "INSERT") -> str:
    """The statement that adds an entry, made of what entry `of` holds."""
    return f"{how} INTO towpath_ledger SELECT {entry}, '', '', '', '', '', 0 FROM towpath_ledger WHERE seq = {of}"


THERE = {"sqlite": "towpath_ledger is append-only", "postgresql": guards.NOT_NEXT}
LEDGER_ATTACKS: list[tuple[str, str | dict[str, str]]] = [
    ("UPDATE towpath_ledger SET body = prev WHERE seq = 2", "towpath_ledger is append-only"),
    ("UPDATE towpath_ledger SET level = 'staging' WHERE seq = 2", "towpath_ledger is append-only"),
    ("DELETE FROM towpath_ledger WHERE seq = 3", "towpath_ledger is append-only"),
    ("DELETE FROM towpath_ledger", "towpath_ledger is append-only"),
    (insert("seq, body, prev, hash", of=3) + " ON CONFLICT(seq) DO UPDATE SET event = 'promoted'", THERE),
    (insert("9, body, hash, body", of=3), guards.NOT_NEXT),
    (insert("4, body, prev, hash", of=2), THERE),
    (insert("4, body, hash, NULL", of=3), {"sqlite": "NOT NULL constraint", "postgresql": guards.NOT_ITS_HASH}),
]


@pytest.mark.parametrize(("attack", "words"), LEDGER_ATTACKS, ids=range(len(LEDGER_ATTACKS)))
def test_the_ledger_only_grows(guarded: Guarded, attack: str, words: str | dict[str, str]) -> None:
    guarded.promoted(2, 1)
    before = guarded.links()
    with refused(words if isinstance(words, str) else words[guarded.dialect]):
        guarded.attack(attack)
    assert guarded.links() == before


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("UPDATE OR REPLACE towpath_ledger SET seq = 1 WHERE seq = 2", "append-only"),
        ("UPDATE OR IGNORE towpath_ledger SET seq = 7 WHERE seq = 2", "append-only"),
        (insert("2, x'00', prev, randomblob(32)", of=2, how="REPLACE"), "append-only"),
        (insert("4, x'00', hash, hash", of=3, how="REPLACE"), "append-only"),
        (insert("9, x'00', zeroblob(32), randomblob(32)", of=3, how="INSERT OR IGNORE"), guards.NOT_NEXT),
        (insert("9, x'00', zeroblob(32), randomblob(32)", of=3, how="INSERT OR ROLLBACK"), guards.NOT_NEXT),
        (insert("4, 'text', hash, randomblob(32)", of=3), "typeof(body) = 'blob'"),
        (insert("4, x'00', hash, randomblob(31)", of=3), "length(hash) = 32"),
        (insert("4, x'00', hash, randomblob(32)", of=3).replace(", 0 FROM", ", 'none' FROM"), "typeof(version)"),
    ],
)
@pytest.mark.parametrize("recursive", [0, 1])
def test_no_clause_of_sqlite_gets_around_the_ledgers_triggers(
    guarded_file: Guarded, attack: str, words: str, recursive: int
) -> None:
    guarded_file.promoted(2, 1)
    before = guarded_file.links()
    with refused(words):
        guarded_file.attack(f"PRAGMA recursive_triggers = {recursive}", attack)
    assert guarded_file.links() == before


@pytest.mark.slow
def test_postgresql_recomputes_the_hash_of_each_entry(guarded_server: Guarded) -> None:
    with refused(guards.NOT_ITS_HASH):
        guarded_server.attack(insert("2, body, hash, sha256(body)", of=1))
    body = b'{"anything": 1}'
    prev = guarded_server.links()[-1].hash
    digest = hashlib.sha256(b"\x00" + prev + body).hexdigest()
    guarded_server.attack(insert(f"2, '\\x{body.hex()}'::bytea, hash, '\\x{digest}'::bytea", of=1))
    ledger.verify(guarded_server.links())


def test_sqlite_leaves_a_wrong_hash_to_whoever_reads(guarded_file: Guarded) -> None:
    guarded_file.attack(insert("2, x'7b7d', hash, randomblob(32)", of=1))
    with pytest.raises(Mismatch, match="entry 2: its content was changed"):
        ledger.verify(guarded_file.links())


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_kept_beside_the_ledger_is_neither_changed_nor_deleted(guarded: Guarded, table: str) -> None:
    fill(guarded)
    for attack in (f"UPDATE towpath_{table} SET {KEPT[table]}", f"DELETE FROM towpath_{table}"):
        with refused(f"towpath_{table} is append-only"):
            guarded.attack(attack)


def fill(guarded: Guarded) -> None:
    with guarded.databases.writing() as database:
        for statement in (
            "INSERT INTO towpath_policies VALUES('p', :b)",
            "INSERT INTO towpath_checkpoints VALUES(1, 'n', :b)",
        ):
            database.run(statement, b=b"\x00\xff")
        database.run("INSERT INTO towpath_evidence VALUES('e', 1, 'w', 'm', 'd')")
        database.run("INSERT INTO towpath_authors VALUES('w', 'run', 'r', 'ada', 't')")


@pytest.mark.parametrize(
    ("statement", "ask", "kept"),
    [
        ("INTO towpath_evidence VALUES('e', 9, 'other', 'm', 'd')", "SELECT seq FROM towpath_evidence", [(1,)]),
        ("INTO towpath_authors VALUES('w', 'run', 'r', 'ada', 'later')", "SELECT time FROM towpath_authors", [("t",)]),
    ],
)
def test_the_first_who_said_it_stays_the_first(guarded: Guarded, statement: str, ask: str, kept: list[Any]) -> None:
    fill(guarded)
    how = ["INSERT {} ON CONFLICT DO NOTHING"] + (["INSERT OR REPLACE {}"] if guarded.dialect == "sqlite" else [])
    for each in how:
        guarded.attack(each.format(statement))
    with guarded.databases.reading() as database:
        assert database.rows(ask) == kept


@pytest.mark.parametrize("table", ["policies", "checkpoints"])
def test_another_content_under_the_same_name_is_refused(guarded: Guarded, table: str) -> None:
    fill(guarded)
    values = {"policies": "'p', {}", "checkpoints": "1, 'another note', {}"}[table]
    other = values.format("x'01'" if guarded.dialect == "sqlite" else "'\\x01'")
    with refused("append-only" if guarded.dialect == "sqlite" else "duplicate key value"):
        guarded.attack(f"INSERT INTO towpath_{table} VALUES({other})")
    if guarded.dialect == "sqlite":
        with refused("append-only"):
            guarded.attack(f"REPLACE INTO towpath_{table} VALUES({other})")


@pytest.mark.slow
@pytest.mark.parametrize("table", [*APPEND_ONLY, "levels"])
def test_no_table_of_ours_is_truncated(guarded_server: Guarded, table: str) -> None:
    words = guards.LEVELS if table == "levels" else f"towpath_{table} is append-only"
    with refused(words):
        guarded_server.attack(f"TRUNCATE towpath_{table} CASCADE")


@pytest.mark.slow
@pytest.mark.parametrize("table", guards.GUARDED)
def test_no_table_with_guards_is_truncated(guarded_server: Guarded, table: str) -> None:
    with refused(guards.STANDS):
        guarded_server.attack(f"TRUNCATE {table} CASCADE")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("UPDATE towpath_ledger SET level = ''", "towpath_ledger is append-only"),
        ("TRUNCATE towpath_ledger", "towpath_ledger is append-only"),
        (f"UPDATE registered_model_aliases SET version = 2 WHERE name = '{NAME}'", guards.NO_MOVE),
        ("DELETE FROM registered_model_aliases", guards.NO_LEAVING),
        ("DELETE FROM model_version_tags WHERE key = 'towpath.digest'", guards.TAG_ONCE),
    ],
)
def test_a_session_that_plays_a_replica_meets_the_same_triggers(
    guarded_server: Guarded, attack: str, words: str
) -> None:
    with refused(words):
        guarded_server.attack("SET session_replication_role = replica", attack)


# What check finds


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (["DROP TRIGGER towpath_ledger_no_update"], "towpath_ledger_no_update is gone"),
        (
            [
                "DROP TRIGGER towpath_ledger_no_delete",
                "CREATE TRIGGER towpath_ledger_no_delete BEFORE DELETE ON towpath_ledger BEGIN SELECT 1; END",
            ],
            "towpath_ledger_no_delete is changed",
        ),
        (
            [
                "DROP TRIGGER towpath_alias_insert",
                "CREATE TRIGGER towpath_alias_insert BEFORE INSERT ON registered_model_aliases BEGIN SELECT 1; END",
            ],
            "towpath_alias_insert is changed",
        ),
        (["ALTER TABLE towpath_ledger RENAME TO towpath_old"], "towpath_old is not ours"),
        (["ALTER TABLE towpath_ledger RENAME TO elsewhere"], "towpath_ledger is gone"),
        (["ALTER TABLE towpath_policies ADD COLUMN more TEXT"], "towpath_policies is changed"),
        (["DROP TABLE towpath_levels"], "towpath_levels, "),
        (["DROP INDEX towpath_ledger_level"], "towpath_ledger_level is gone"),
        (["CREATE TRIGGER x AFTER INSERT ON towpath_ledger BEGIN SELECT 1; END"], "x is not ours"),
        (
            ["CREATE TRIGGER y BEFORE INSERT ON registered_model_aliases BEGIN SELECT RAISE(IGNORE); END"],
            "y is not ours",
        ),
        (["DROP TRIGGER towpath_schema_no_delete", "DELETE FROM towpath_schema"], "towpath_schema_no_delete is gone"),
    ],
)
def test_check_names_what_was_changed_in_a_file(guarded_file: Guarded, damage: list[str], named: str) -> None:
    guarded_file.attack(*damage)
    with pytest.raises(Mismatch) as caught:
        guarded_file.check()
    assert named in caught.value.message
    with guarded_file.databases.writing() as database, pytest.raises(Mismatch, match="changed by other means than"):
        tables.repair(database)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            ["ALTER TABLE towpath_ledger DISABLE TRIGGER towpath_ledger_fixed"],
            "towpath_ledger_fixed on towpath_ledger is changed",
        ),
        (["ALTER TABLE towpath_ledger DISABLE TRIGGER USER"], "towpath_ledger_fixed on towpath_ledger"),
        (
            ["ALTER TABLE towpath_ledger ENABLE TRIGGER towpath_ledger_fixed"],
            "towpath_ledger_fixed on towpath_ledger is changed",
        ),
        (
            ["ALTER TABLE registered_model_aliases ENABLE REPLICA TRIGGER towpath_alias"],
            "towpath_alias on registered_model_aliases is changed",
        ),
        (["DROP TRIGGER towpath_ledger_whole ON towpath_ledger"], "towpath_ledger_whole on towpath_ledger is gone"),
        (
            [
                "DROP TRIGGER towpath_alias ON registered_model_aliases",
                f"CREATE TRIGGER towpath_alias BEFORE DELETE {NARROWER}",
                "ALTER TABLE registered_model_aliases ENABLE ALWAYS TRIGGER towpath_alias",
            ],
            "towpath_alias on registered_model_aliases is changed",
        ),
        (
            [f"CREATE OR REPLACE FUNCTION towpath_guard_alias() RETURNS trigger {HARMLESS}"],
            "towpath_guard_alias() is changed",
        ),
        (["ALTER FUNCTION towpath_guard_alias() RESET search_path"], "towpath_guard_alias() is changed"),
        (["CREATE RULE r AS ON INSERT TO towpath_ledger DO INSTEAD NOTHING"], "towpath_ledger is changed"),
        (
            ["CREATE RULE r AS ON UPDATE TO registered_model_aliases DO INSTEAD NOTHING"],
            "registered_model_aliases is changed",
        ),
        (["ALTER TABLE towpath_ledger ENABLE ROW LEVEL SECURITY"], "towpath_ledger is changed"),
        (["CREATE TABLE more () INHERITS (towpath_ledger)"], "towpath_ledger is changed"),
        (["ALTER TABLE towpath_ledger DROP CONSTRAINT towpath_ledger_hash_key"], "towpath_ledger is changed"),
        (["ALTER TABLE towpath_levels ALTER COLUMN name TYPE varchar(99)"], "towpath_levels is changed"),
        (["ALTER TABLE towpath_policies SET UNLOGGED"], "towpath_policies is changed"),
        (["ALTER TABLE towpath_ledger RENAME TO towpath_old"], "; towpath_old, "),
        (["CREATE VIEW towpath_more AS SELECT 1"], "towpath_more is not ours"),
        (
            ["CREATE SCHEMA postgres", "CREATE TABLE postgres.towpath_ledger (LIKE towpath_ledger)"],
            ": towpath_ledger, ",
        ),
        (
            ["DROP TRIGGER towpath_schema_fixed ON towpath_schema", "DELETE FROM towpath_schema"],
            "towpath_schema_fixed on towpath_schema is gone",
        ),
    ],
)
def test_check_names_what_was_changed_on_a_server(guarded_server: Guarded, damage: list[str], named: str) -> None:
    guarded_server.attack(*damage)
    with pytest.raises(Mismatch) as caught:
        guarded_server.check()
    assert named in caught.value.message
    assert "changed by other means than towpath" in caught.value.message


def test_a_row_that_was_changed_between_two_triggers_is_found_by_the_chain_alone(guarded: Guarded) -> None:
    """Who owns the tables can put the triggers back as they were: then nothing but the entries themselves tells."""
    guarded.promoted(2, 1)
    change = "UPDATE towpath_ledger SET body = prev WHERE seq = 2"
    if guarded.dialect == "sqlite":
        name = "towpath_ledger_no_update"
        with guarded.session() as session:
            ((made,),) = session.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchall()
        guarded.attack(f"DROP TRIGGER {name}", change, made)
    else:
        trigger = "TRIGGER towpath_ledger_fixed"
        guarded.attack(
            f"ALTER TABLE towpath_ledger DISABLE {trigger}",
            change,
            f"ALTER TABLE towpath_ledger ENABLE ALWAYS {trigger}",
        )
    guarded.check()
    with pytest.raises(Mismatch, match="entry 2: its content was changed"):
        ledger.verify(guarded.links())
    with guarded.databases.reading() as database, pytest.raises(Mismatch, match="entry 2: its content was changed"):
        books.entries(database, "default", NAME, None)


@pytest.mark.slow
def test_a_temporary_table_is_not_taken_for_one_of_ours(guarded_server: Guarded) -> None:
    with refused(guards.NO_MOVE):
        guarded_server.attack("CREATE TEMPORARY TABLE towpath_levels(name text)", alias("staging", 2))
    with refused(guards.NO_MOVE):
        guarded_server.attack(
            "CREATE TEMPORARY TABLE towpath_ledger AS SELECT * FROM towpath_ledger WHERE seq = 1",
            "UPDATE pg_temp.towpath_ledger SET seq = 9, level = 'staging', version = 2",
            alias("staging", 2),
        )


@pytest.mark.parametrize("table", guards.GUARDED)
def test_guards_that_an_upgrade_of_mlflow_dropped_are_made_again(guarded_file: Guarded, table: str) -> None:
    rebuild(guarded_file, table)
    with pytest.raises(Mismatch, match="guards of the registry are gone, as after an upgrade of MLflow"):
        guarded_file.check()
    with guarded_file.databases.writing() as database:
        made = tables.repair(database)
    assert made
    with guarded_file.session() as session:
        where = dict(session.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'").fetchall())
    assert {where[name] for name in made} == {table}
    guarded_file.check()
    with refused(guards.NO_MOVE):
        guarded_file.attack("UPDATE registered_model_aliases SET version = 2")


def rebuild(guarded: Guarded, table: str) -> None:
    """As Alembic changes a table of SQLite: a new one is filled, the old one dropped, the new one renamed."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from sqlalchemy import Column, Integer, create_engine

    engine = create_engine(guarded.uri)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table(table, recreate="always") as batch:
            batch.add_column(Column("from_the_future", Integer))
    engine.dispose()


def test_an_upgrade_that_makes_all_tables_anew_is_not_kept_from_it_by_our_triggers(guarded_file: Guarded) -> None:
    for table in guards.GUARDED:
        rebuild(guarded_file, table)
    with guarded_file.databases.writing() as database:
        tables.repair(database)
        tables.check(database)
    assert guarded_file.aliases() == {"production": 1}


@pytest.mark.slow
def test_a_servers_guards_stay_when_a_table_gets_a_column(guarded_server: Guarded) -> None:
    guarded_server.attack("ALTER TABLE registered_model_aliases ADD COLUMN from_the_future integer")
    guarded_server.check()
    guarded_server.attack("DROP TRIGGER towpath_alias ON registered_model_aliases")
    with guarded_server.databases.writing() as database:
        assert tables.repair(database) == ("towpath_alias on registered_model_aliases",)


@pytest.mark.slow
def test_mlflows_upgrade_passes_over_our_tables(guarded: Guarded) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "db", "upgrade", guarded.uri], env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    guarded.check()


# One transaction


def test_what_is_not_committed_was_not(guarded: Guarded) -> None:
    before = guarded.links()
    with pytest.raises(KeyError, match="entry and end"), guarded.databases.writing() as database:
        guarded.write(database, PROMOTED, "production", 2)
        raise KeyError("between entry and end")
    with pytest.raises(KeyError, match="entry and alias"), guarded.databases.writing() as database:
        guarded.write(database, PROMOTED, "production", 2, change=False)
        raise KeyError("between entry and alias")
    with pytest.raises(CouldNot, match=guards.NO_MOVE), guarded.databases.writing() as database:
        guarded.write(database, PROMOTED, "production", 2, change=False)
        database.run("UPDATE registered_model_aliases SET version = 3")
    assert (guarded.links(), guarded.aliases()) == (before, {"production": 1})


@pytest.mark.slow
def test_the_tables_lie_where_mlflows_lie(postgres: Postgres) -> None:
    with postgres.database() as name:
        with postgres.session(name) as session:
            asked = "SELECT oid::regclass FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            moved = [row[0] for row in session.execute(asked).fetchall()]
            session.execute('CREATE SCHEMA "Team ä"')
            for table in moved:
                session.execute(f'ALTER TABLE {table} SET SCHEMA "Team ä"')
            session.execute(f'ALTER DATABASE {name} SET search_path = elsewhere, "Team ä", public')
        made = postgres_world(postgres, name)
        made.add(1, 2)
        made.promoted(1)
        made.check()
        with refused(guards.NO_MOVE):
            made.attack(alias("staging", 2))
        with made.databases.reading() as database:
            schemas = database.rows("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'towpath%'")
        assert schemas == [("Team ä",)]
        made.attack("CREATE SCHEMA elsewhere", "CREATE TABLE elsewhere.registered_model_aliases (x integer)")
        with pytest.raises(Mismatch, match="are gone"):
            made.check()

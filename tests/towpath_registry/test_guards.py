from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guarded_world import DIGEST, NAME, Guarded, alias, refused, tag
from towpath_registry import guards
from towpath_registry.nouns import IMPORTED, POLICY_SET, PROMOTED, REFUSED, RETIRED, ROLLED_BACK

# Levels


def test_an_alias_that_is_a_level_moves_with_the_ledger_and_not_without(guarded: Guarded) -> None:
    for version, event in ((2, PROMOTED), (1, ROLLED_BACK), (2, IMPORTED)):
        with refused(guards.NO_MOVE):
            guarded.attack(f"UPDATE registered_model_aliases SET version = {version}")
        guarded.append(event, "production", version)
        assert guarded.aliases() == {"production": version}
    guarded.append(RETIRED, "production", 2)
    assert guarded.aliases() == {}
    guarded.check()


@pytest.mark.parametrize(
    ("event", "level", "version", "name"),
    [
        (REFUSED, "production", 2, NAME),
        ("approved", "production", 2, NAME),
        (RETIRED, "production", 2, NAME),
        (PROMOTED, "staging", 2, NAME),
        (PROMOTED, "Production", 2, NAME),
        (PROMOTED, "production", 1, NAME),
        (PROMOTED, "production", 2, "another"),
    ],
)
def test_an_entry_about_anything_else_moves_nothing(
    guarded: Guarded, event: str, level: str, version: int, name: str
) -> None:
    guarded.append(event, level, version, name, change=False)
    with refused(guards.NO_MOVE):
        guarded.attack(f"UPDATE registered_model_aliases SET version = 2 WHERE name = '{NAME}'")
    assert guarded.aliases() == {"production": 1}


def test_an_entry_of_another_workspace_moves_nothing(guarded: Guarded) -> None:
    guarded.attack(
        f"INSERT INTO registered_models(workspace, name) VALUES('team-a', '{NAME}')",
        f"INSERT INTO model_versions(workspace, name, version, current_stage) VALUES('team-a', '{NAME}', 2, 'None')",
    )
    guarded.append(PROMOTED, "staging", 2, change=False)
    with refused(guards.NO_MOVE):
        guarded.attack(alias("staging", 2, "team-a"))


def test_an_entry_counts_only_while_it_is_the_newest(guarded: Guarded) -> None:
    guarded.append(PROMOTED, "production", 2, change=False)
    guarded.append(REFUSED, "production", 2)
    with refused(guards.NO_MOVE):
        guarded.attack("UPDATE registered_model_aliases SET version = 2")


def test_a_level_is_left_only_by_a_retirement_of_its_version(guarded: Guarded) -> None:
    leave = "DELETE FROM registered_model_aliases WHERE alias = 'production'"
    with refused(guards.NO_LEAVING):
        guarded.attack(leave)
    for level, version in (("production", 2), ("staging", 1)):
        guarded.append(RETIRED, level, version, change=False)
        with refused(guards.NO_LEAVING):
            guarded.attack(leave)
    guarded.append(RETIRED, "production", 1, change=False)
    guarded.attack(leave)
    assert guarded.aliases() == {}


def test_no_alias_becomes_a_level_or_ceases_to_be_one_by_another_name(guarded: Guarded) -> None:
    guarded.attack(
        "INSERT INTO registered_models(workspace, name) VALUES('default', 'other')",
        alias("free", 2),
    )
    set_ = "UPDATE registered_model_aliases SET"
    for change, words in (
        (f"{set_} alias = 'old' WHERE alias = 'production'", guards.NO_LEAVING),
        (f"{set_} name = 'other' WHERE alias = 'production'", guards.NO_LEAVING),
        (f"{set_} alias = 'staging' WHERE alias = 'free'", guards.NO_MOVE),
        (f"{set_} alias = 'PRODUCTION' WHERE alias = 'free'", guards.LOOKS_LIKE),
        (f"{set_} version = 2 WHERE alias = 'production'", guards.NO_MOVE),
    ):
        with refused(words):
            guarded.attack(change)
    guarded.attack(f"{set_} alias = 'freer', version = 1 WHERE alias = 'free'", f"{set_} version = version")
    assert guarded.aliases() == {"freer": 1, "production": 1}


@pytest.mark.parametrize("name", ["Production", "PRODUCTION", " production", "production ", "staging\t", "\nStaging"])
def test_an_alias_that_is_spelled_like_a_level_is_refused_even_with_an_entry(guarded: Guarded, name: str) -> None:
    guarded.append(PROMOTED, name, 2, change=False)
    with refused(guards.LOOKS_LIKE):
        guarded.attack(alias(name, 2))


@pytest.mark.parametrize("how", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE"])
def test_replace_does_not_move_a_level(guarded_file: Guarded, how: str) -> None:
    with refused(guards.NO_MOVE):
        guarded_file.attack(alias("production", 2, how=how))
    with refused(guards.NO_MOVE):
        guarded_file.attack(f"{alias('production', 2)} ON CONFLICT DO UPDATE SET version = 2")
    guarded_file.attack(alias("free", 2))
    with refused(guards.NO_MOVE):
        guarded_file.attack("UPDATE OR REPLACE registered_model_aliases SET alias = 'production' WHERE alias = 'free'")
    assert guarded_file.aliases() == {"free": 2, "production": 1}


def test_the_levels_change_only_with_a_policy(guarded: Guarded) -> None:
    changes = [
        "INSERT INTO towpath_levels VALUES('champion')",
        "UPDATE towpath_levels SET name = 'x' WHERE name = 'staging'",
        "DELETE FROM towpath_levels WHERE name = 'staging'",
        "DELETE FROM towpath_levels",
    ]
    for change in changes:
        with refused(guards.LEVELS):
            guarded.attack(change)
    guarded.append(POLICY_SET, name="")
    guarded.attack(*changes[:2], changes[0].replace("champion", "challenger"))
    guarded.append(REFUSED)
    with refused(guards.LEVELS):
        guarded.attack(changes[3])
    with refused(guards.NO_MOVE):
        guarded.attack(alias("champion", 2))


# What stands


@pytest.mark.parametrize(
    "change",
    [
        "source = 'models:/m-9'",
        "source = NULL",
        "storage_location = 'file:///x'",
        "run_id = 'x'",
        "creation_time = 9",
        "version = 9",
        "workspace = 'team-a'",
        "current_stage = 'Deleted_Internal'",
    ],
)
def test_what_stands_at_a_level_stays_what_it_was_judged_as(guarded: Guarded, change: str) -> None:
    with refused(guards.STANDS):
        guarded.attack(f"UPDATE model_versions SET {change} WHERE version = 1")
    with refused(guards.STANDS):
        guarded.attack("DELETE FROM model_versions WHERE version = 1")
    guarded.attack("UPDATE model_versions SET description = 'said', current_stage = 'Production', source = source")


def test_another_version_may_change_until_it_stands(guarded: Guarded) -> None:
    guarded.attack("UPDATE model_versions SET source = 'x', creation_time = 9 WHERE version = 2")
    guarded.promoted(2)
    with refused(guards.STANDS):
        guarded.attack("UPDATE model_versions SET source = 'y' WHERE version = 2")
    guarded.attack("UPDATE model_versions SET source = 'z' WHERE version = 1")
    guarded.append(RETIRED, "production", 2)
    guarded.attack("UPDATE model_versions SET source = 'z' WHERE version = 2")


def test_a_deleted_version_does_not_come_back(guarded: Guarded) -> None:
    guarded.attack("UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 2")
    with refused(guards.STAYS_DELETED):
        guarded.attack("UPDATE model_versions SET current_stage = 'None' WHERE version = 2")


def test_no_other_version_takes_the_place_of_the_one_that_stands(guarded_file: Guarded) -> None:
    with refused(guards.STANDS):
        guarded_file.attack(f"REPLACE INTO model_versions(name, version, source) VALUES('{NAME}', 1, 'x')")
    with refused(guards.STANDS):
        guarded_file.attack("UPDATE OR REPLACE model_versions SET version = 1 WHERE version = 2")


def test_a_model_that_stands_is_neither_renamed_nor_deleted_by_sql(guarded: Guarded) -> None:
    for attack in ("UPDATE registered_models SET name = 'x'", "DELETE FROM registered_models"):
        with refused(guards.STANDS):
            guarded.attack(attack)
    guarded.attack("UPDATE registered_models SET description = 'said'")


# Tags


def test_a_tag_of_ours_is_written_once(guarded: Guarded) -> None:
    for change in ("value = 'x'", "value = NULL", "\"key\" = 'free2'", "version = 1"):
        taken = "version" in change and guarded.dialect == "postgresql"  # version 1 has such a tag of its own
        with refused("duplicate key value" if taken else guards.TAG_ONCE):
            guarded.attack(f"UPDATE model_version_tags SET {change} WHERE version = 2 AND \"key\" = 'towpath.digest'")
    guarded.attack(
        "UPDATE model_version_tags SET value = 'y' WHERE \"key\" = 'free'",
        f"UPDATE model_version_tags SET value = '{DIGEST}' WHERE \"key\" = 'towpath.digest'",
        "DELETE FROM model_version_tags WHERE \"key\" = 'free'",
        tag("towpath.monitoring", "a"),
        "UPDATE model_version_tags SET value = 'b' WHERE \"key\" = 'towpath.monitoring'",
        "DELETE FROM model_version_tags WHERE \"key\" = 'towpath.monitoring'",
        tag("towpath.commit", "a"),
    )
    with refused(guards.TAG_ONCE):
        guarded.attack("UPDATE model_version_tags SET value = 'b' WHERE \"key\" = 'towpath.commit'")


def test_a_tag_of_ours_is_not_replaced(guarded_file: Guarded) -> None:
    with refused(guards.TAG_ONCE):
        guarded_file.attack(tag("towpath.digest", "x", "REPLACE"))
    guarded_file.attack(tag("towpath.digest", DIGEST, "REPLACE"))
    with refused(guards.TAG_ONCE):
        guarded_file.attack(
            "UPDATE OR REPLACE model_version_tags SET \"key\" = 'towpath.digest' WHERE \"key\" = 'free'"
        )


def test_a_tag_of_ours_stays_as_long_as_its_version(guarded: Guarded) -> None:
    gone = "DELETE FROM model_version_tags WHERE version = 2 AND \"key\" = 'towpath.digest'"
    keys = ["PRAGMA foreign_keys = 1"] if guarded.dialect == "sqlite" else []
    words = "FOREIGN KEY constraint failed" if guarded.dialect == "sqlite" else guards.TAG_ONCE
    with refused(words):
        guarded.attack(*keys, gone)
    with refused(guards.TAG_ONCE):  # nor is it taken and given back as another in one go
        guarded.attack(*keys, "BEGIN", gone, tag("towpath.digest", "sha256:2"), "COMMIT")
    guarded.attack(
        *keys,
        "BEGIN",
        "DELETE FROM model_version_tags WHERE version = 2",
        "DELETE FROM model_versions WHERE version = 2",
        "COMMIT",
    )


def test_where_sqlite_does_not_keep_foreign_keys_a_tag_that_was_taken_stays_away(guarded_file: Guarded) -> None:
    guarded_file.attack("DELETE FROM model_version_tags WHERE version = 2 AND \"key\" = 'towpath.digest'")
    with refused(guards.TAG_ONCE):
        guarded_file.attack(tag("towpath.digest", "sha256:2"))
    with refused(guards.TAG_ONCE):
        guarded_file.attack(tag("towpath.digest", DIGEST))


# MLflow's own client


@pytest.fixture
def client(guarded: Guarded) -> Iterator[Any]:
    """As anybody gets it who knows the database's address; MLflow logs what the database refused at length."""
    from mlflow import MlflowClient
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    logging.disable(logging.CRITICAL)
    yield MlflowClient(guarded.uri, guarded.uri)
    logging.disable(logging.NOTSET)
    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda c: c.set_registered_model_alias(NAME, "production", "2"), guards.NO_MOVE),
        (lambda c: c.set_registered_model_alias(NAME, "staging", "1"), guards.NO_MOVE),
        (lambda c: c.set_registered_model_alias(NAME, "Production", "2"), guards.LOOKS_LIKE),
        (lambda c: c.delete_registered_model_alias(NAME, "production"), guards.NO_LEAVING),
        (lambda c: c.delete_model_version(NAME, "1"), "towpath: "),
        (lambda c: c.delete_registered_model(NAME), "towpath: "),
        (lambda c: c.rename_registered_model(NAME, "renamed"), guards.STANDS),
        (lambda c: c.set_model_version_tag(NAME, "2", "towpath.digest", "sha256:2"), guards.TAG_ONCE),
    ],
    ids=range(8),
)
def test_mlflows_client_is_refused_in_the_databases_own_words(
    guarded: Guarded, client: Any, attempt: Callable[[Any], None], words: str
) -> None:
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        attempt(client)
    assert words in str(caught.value)
    assert caught.value.error_code in ("BAD_REQUEST", "RESOURCE_ALREADY_EXISTS")
    assert client.get_model_version_by_alias(NAME, "production").version == 1
    assert client.get_model_version(NAME, "2").tags["towpath.digest"] == DIGEST
    guarded.check()


@pytest.mark.slow
def test_mlflows_client_does_not_take_a_tag_of_ours_away(guarded: Guarded, client: Any) -> None:
    from mlflow.exceptions import MlflowException

    client.set_registered_model_tag(NAME, "towpath.owner", "ada")
    words = f"{guards.TAG_ONCE}|FOREIGN KEY constraint failed"  # SQLite's own, as one goes with its version alone
    attempts: list[Callable[[], None]] = [
        lambda: client.delete_model_version_tag(NAME, "2", "towpath.digest"),
        lambda: client.delete_registered_model_tag(NAME, "towpath.owner"),
        lambda: client.set_registered_model_tag(NAME, "towpath.owner", "bob"),
    ]
    for attempt in attempts:
        with pytest.raises(MlflowException, match=words):
            attempt()
    assert client.get_model_version(NAME, "2").tags == {"towpath.digest": DIGEST, "free": "x"}
    assert client.get_registered_model(NAME).tags == {"towpath.owner": "ada"}


@pytest.mark.slow
def test_mlflows_client_does_what_concerns_no_level_as_ever(guarded: Guarded, client: Any) -> None:
    client.set_registered_model_alias(NAME, "free", "1")
    client.set_registered_model_alias(NAME, "free", "2")
    client.delete_registered_model_alias(NAME, "free")
    client.set_registered_model_tag(NAME, "free", "x")
    client.delete_registered_model_tag(NAME, "free")
    client.set_model_version_tag(NAME, "1", "towpath.monitoring", "a")
    client.set_model_version_tag(NAME, "1", "towpath.monitoring", "b")
    client.set_model_version_tag(NAME, "1", "towpath.later", "once")
    client.update_model_version(NAME, "1", "said")
    client.create_registered_model("another", tags={"towpath.owner": "ada"})
    client.create_model_version("another", "file:///x", tags={"towpath.digest": DIGEST})
    client.delete_model_version(NAME, "2")
    assert client.get_model_version_by_alias(NAME, "production").version == 1


@pytest.mark.slow
def test_mlflows_client_renames_and_deletes_what_stands_nowhere(guarded: Guarded, client: Any) -> None:
    from mlflow.exceptions import MlflowException

    client.set_registered_model_tag(NAME, "towpath.owner", "ada")
    client.set_registered_model_alias(NAME, "free", "2")
    client.delete_model_version(NAME, "2")
    guarded.append(RETIRED, "production", 1)

    client.rename_registered_model(NAME, "renamed")
    assert client.get_registered_model("renamed").tags == {"towpath.owner": "ada"}
    assert client.get_model_version("renamed", "1").tags == {"towpath.digest": DIGEST, "free": "x"}

    client.delete_registered_model("renamed")
    with pytest.raises(MlflowException, match="not found"):
        client.get_registered_model("renamed")
    with guarded.databases.reading() as database:
        assert database.rows("SELECT * FROM model_version_tags") == []
        if guarded.dialect == "sqlite":
            assert database.rows("SELECT * FROM towpath_debts") == []
    client.create_registered_model("renamed")
    assert client.create_model_version("renamed", "file:///x", tags={"towpath.digest": "sha256:2"}).version == 1
    guarded.check()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["SET_DEFAULT", "CASCADE"])
def test_a_workspace_goes_only_when_nothing_in_it_stands(guarded: Guarded, client: Any, mode: str) -> None:
    """MLflow moves what was in it to the default workspace, or deletes it, past the store of models."""
    from mlflow.entities.workspace import WorkspaceDeletionMode
    from mlflow.exceptions import MlflowException
    from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore

    guarded.append(RETIRED, "production", 1)
    client.delete_registered_model(NAME)
    guarded.attack("INSERT INTO workspaces(name) VALUES('team-a')")
    guarded.add(1, workspace="team-a")
    guarded.append(PROMOTED, "staging", 1, workspace="team-a")
    store = SqlAlchemyStore(guarded.uri)

    with pytest.raises(MlflowException) as caught:
        store.delete_workspace("team-a", WorkspaceDeletionMode[mode])
    assert "towpath: " in str(caught.value)

    guarded.append(RETIRED, "staging", 1, workspace="team-a")
    store.delete_workspace("team-a", WorkspaceDeletionMode[mode])
    with guarded.databases.reading() as database:
        asked = """SELECT workspace, value FROM model_version_tags WHERE "key" = 'towpath.digest'"""
        assert database.rows(asked) == ([("default", DIGEST)] if mode == "SET_DEFAULT" else [])


# At the same moment


@pytest.mark.slow
def test_an_alias_set_while_another_retires_it_is_refused(guarded_server: Guarded) -> None:
    """The newest entry that the client can see allows it; the one that is being written does not."""
    said: list[str] = []
    attack = alias("production", 1)
    with guarded_server.databases.writing() as database:
        guarded_server.write(database, RETIRED, "production", 1)
        attacker = threading.Thread(target=lambda: said.append(outcome(guarded_server, attack)))
        attacker.start()
        wait_for_lock(guarded_server)
    attacker.join()
    assert guards.NO_MOVE in said[0]
    assert guarded_server.aliases() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 2",
        "UPDATE model_versions SET source = 'x' WHERE version = 2",
        "UPDATE registered_models SET name = 'x'",
    ],
)
def test_a_version_changed_while_another_promotes_it_is_refused(guarded_server: Guarded, attack: str) -> None:
    guarded_server.append(RETIRED, "production", 1)
    said: list[str] = []
    with guarded_server.databases.writing() as database:
        guarded_server.write(database, PROMOTED, "staging", 2)
        attacker = threading.Thread(target=lambda: said.append(outcome(guarded_server, attack)))
        attacker.start()
        wait_for_lock(guarded_server)
    attacker.join()
    assert guards.STANDS in said[0]


def outcome(guarded: Guarded, attack: str) -> str:
    import psycopg

    try:
        guarded.attack(attack)
    except psycopg.Error as error:
        return str(error)
    return "done"


def wait_for_lock(guarded: Guarded) -> None:
    """Until somebody waits for another one's transaction."""
    deadline = time.monotonic() + 30
    asked = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('advisory', 'transactionid')"
    with guarded.session() as session:
        while not session.execute(asked).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        alias("production", 1),
        "UPDATE model_versions SET source = 'x' WHERE version = 2",
        "UPDATE registered_models SET name = 'x'",
    ],
)
def test_a_transaction_that_does_not_see_what_others_did_may_not_touch_a_level(
    guarded_server: Guarded, attack: str
) -> None:
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        with refused(guards.ISOLATION):
            guarded_server.attack(f"BEGIN ISOLATION LEVEL {level}", attack)

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_world import EmbeddedWorld, material
from towpath_core.errors import Mismatch
from towpath_registry import tables
from towpath_registry.nouns import PROMOTED, Decision, ModelVersion


@pytest.fixture
def world(tmp_path: Path) -> EmbeddedWorld:
    """A registry with three entries in its ledger."""
    world = EmbeddedWorld(tmp_path / "home")
    version = world.add(material())
    for previous in (None, 1, 1):
        world.store.record(decision(version, previous))
    return world


@pytest.fixture
def rows(world: EmbeddedWorld) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(world.database, isolation_level=None)) as connection:
        yield connection


def decision(version: ModelVersion, previous: int | None) -> Decision:
    return Decision(version.name, PROMOTED, "staging", 1, previous, "a", "", version.digest, "p", ())


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE towpath_ledger SET body = x'00' WHERE seq = 2",
        "UPDATE OR REPLACE towpath_ledger SET seq = 1 WHERE seq = 2",
        "DELETE FROM towpath_ledger WHERE seq = 3",
        "DELETE FROM towpath_ledger",
        "REPLACE INTO towpath_ledger SELECT 2, x'00', prev, randomblob(32) FROM towpath_ledger WHERE seq = 2",
        "REPLACE INTO towpath_ledger SELECT 4, x'00', hash, hash FROM towpath_ledger WHERE seq = 3",
        "INSERT OR IGNORE INTO towpath_ledger VALUES(9, x'00', zeroblob(32), randomblob(32))",
        "INSERT INTO towpath_ledger SELECT 4, x'00', zeroblob(32), randomblob(32)",
        "INSERT INTO towpath_ledger SELECT 4, 'text', hash, randomblob(32) FROM towpath_ledger WHERE seq = 3",
        "INSERT INTO towpath_ledger SELECT * FROM towpath_ledger WHERE seq = 3 ON CONFLICT DO UPDATE SET body = x'00'",
    ],
)
@pytest.mark.parametrize("recursive", [0, 1])
def test_the_table_only_grows(world: EmbeddedWorld, rows: sqlite3.Connection, attack: str, recursive: int) -> None:
    rows.execute(f"PRAGMA recursive_triggers = {recursive}")
    before = world.store.ledger("occupation-coder")

    with pytest.raises(sqlite3.IntegrityError):
        rows.execute(attack)

    assert world.store.ledger("occupation-coder") == before


@pytest.mark.parametrize("trigger", ["towpath_ledger_no_update", "towpath_ledger_no_delete", "towpath_ledger_link"])
def test_without_one_of_its_triggers_nothing_more_is_recorded(
    world: EmbeddedWorld, rows: sqlite3.Connection, trigger: str
) -> None:
    rows.execute(f"DROP TRIGGER {trigger}")
    version = world.store.versions("occupation-coder")[0]
    with pytest.raises(Mismatch, match="triggers were changed by other means"):
        world.store.record(decision(version, 1))
    with pytest.raises(Mismatch):
        tables.check(rows)


def test_an_entry_that_was_changed_behind_the_triggers_is_found_by_reading(
    world: EmbeddedWorld, rows: sqlite3.Connection
) -> None:
    rows.execute("DROP TRIGGER towpath_ledger_no_update")
    rows.execute("UPDATE towpath_ledger SET body = CAST(replace(body, '\"a\"', '\"b\"') AS BLOB) WHERE seq = 2")
    with pytest.raises(Mismatch, match="entry 2: its content was changed"):
        world.store.ledger("occupation-coder")

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from guarded_world import NAME, Guarded, links, refused
from towpath_core.errors import CouldNot, Mismatch
from towpath_registry import guards, ledger, tables
from towpath_registry.nouns import PROMOTED, REFUSED, ROLLED_BACK
from towpath_registry.sqlite_door import SqliteDatabases


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A registry as the first release of towpath left it: six entries, version 1 at production and 2 at staging."""
    path = tmp_path / "towpath.db"
    path.write_bytes(gzip.decompress((Path(__file__).parent / "first_schema.sqlite.gz").read_bytes()))
    return path


def entries(path: Path) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq").fetchall()


def test_a_ledger_of_the_first_towpath_keeps_every_byte(earlier: Path) -> None:
    before = entries(earlier)
    databases = SqliteDatabases(earlier)
    with databases.reading() as database, pytest.raises(CouldNot, match="made by an earlier towpath"):
        tables.exists(database)

    with databases.writing() as database:
        assert tables.ensure(database)
        tables.check(database)

    assert entries(earlier) == before
    with databases.reading() as database:
        ledger.verify(links(database))
        rows = database.rows("SELECT workspace, model, request, event, level, version FROM towpath_ledger ORDER BY seq")
        assert database.rows("SELECT 1 FROM towpath_evidence UNION ALL SELECT 1 FROM towpath_authors") == []
    assert rows == [
        ("default", NAME, "", PROMOTED, "staging", 1),
        ("default", NAME, "", PROMOTED, "production", 1),
        ("default", NAME, "", PROMOTED, "staging", 2),
        ("default", NAME, "", PROMOTED, "production", 2),
        ("default", NAME, "", REFUSED, "staging", 4),
        ("default", NAME, "", ROLLED_BACK, "production", 1),
    ]


def test_what_stood_at_a_level_is_guarded_after_the_renewal(earlier: Path) -> None:
    guarded = Guarded(SqliteDatabases(earlier), "", path=earlier)
    with guarded.databases.writing() as database:
        tables.ensure(database)
    with refused(guards.STANDS):
        guarded.attack("UPDATE model_versions SET source = 'x' WHERE version = 1")
    with refused(guards.NO_LEAVING):
        guarded.attack("DELETE FROM registered_model_aliases WHERE alias = 'staging'")
    guarded.attack("UPDATE model_versions SET source = 'x' WHERE version = 3")


@pytest.mark.parametrize(
    "damage",
    [
        ("DROP TRIGGER towpath_ledger_no_update",),
        ("CREATE TRIGGER another AFTER INSERT ON towpath_ledger BEGIN SELECT 1; END",),
        ("BODY",),
        ("CUT",),
    ],
)
def test_a_broken_ledger_of_the_first_towpath_is_not_renewed(earlier: Path, damage: tuple[str, ...]) -> None:
    guarded = Guarded(SqliteDatabases(earlier), "", path=earlier)
    with guarded.session() as session:
        texts = dict(
            session.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = 'towpath_ledger'").fetchall()
        )
        update, delete = "towpath_ledger_no_update", "towpath_ledger_no_delete"
        changes = {
            "BODY": [
                f"DROP TRIGGER {update}",
                "UPDATE towpath_ledger SET body = CAST(replace(body, 'ada', 'bob') AS BLOB) WHERE seq = 2",
                texts[update],
            ],
            "CUT": [f"DROP TRIGGER {delete}", "DELETE FROM towpath_ledger WHERE seq = 3", texts[delete]],
        }
        for statement in changes.get(damage[0], damage):
            session.execute(statement)
    before = entries(earlier)

    with pytest.raises(Mismatch, match=r"changed by other means than towpath"), guarded.databases.writing() as database:
        tables.ensure(database)

    assert entries(earlier) == before
    with guarded.session() as session:
        assert session.execute("SELECT 1 FROM sqlite_master WHERE name = 'towpath_schema'").fetchall() == []

"""Our own table in MLflow's database, and the triggers that keep it append-only."""

from __future__ import annotations

import sqlite3

from towpath_core.errors import Mismatch

LEDGER = "towpath_ledger"
# No STRICT table: the SQLite of older systems could not even open the database then.
_TABLE = """CREATE TABLE towpath_ledger(seq INTEGER PRIMARY KEY CHECK(seq > 0),
 body BLOB NOT NULL CHECK(typeof(body) = 'blob'),
 prev BLOB NOT NULL CHECK(typeof(prev) = 'blob' AND length(prev) = 32),
 hash BLOB NOT NULL UNIQUE CHECK(typeof(hash) = 'blob' AND length(hash) = 32))"""
# REPLACE deletes without firing a delete trigger, so the insert trigger refuses it.
_TRIGGERS = {
    "towpath_ledger_no_update": """CREATE TRIGGER towpath_ledger_no_update BEFORE UPDATE ON towpath_ledger
 BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    "towpath_ledger_no_delete": """CREATE TRIGGER towpath_ledger_no_delete BEFORE DELETE ON towpath_ledger
 BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    "towpath_ledger_link": """CREATE TRIGGER towpath_ledger_link BEFORE INSERT ON towpath_ledger BEGIN
 SELECT RAISE(ABORT, 'the ledger is append-only') WHERE EXISTS(
  SELECT 1 FROM towpath_ledger WHERE seq = NEW.seq OR hash = NEW.hash);
 SELECT RAISE(ABORT, 'not the next entry of the ledger') WHERE
  NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM towpath_ledger)
  OR NEW.prev IS NOT coalesce((SELECT hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1), zeroblob(32)); END""",
}


def exists(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (LEDGER,)).fetchone())


def create(connection: sqlite3.Connection) -> None:
    """Table and triggers, in the transaction that is open."""
    for statement in (_TABLE, *_TRIGGERS.values()):
        connection.execute(statement)


def check(connection: sqlite3.Connection) -> None:
    """Raise Mismatch unless table and triggers are exactly ours."""
    asked = connection.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name = ? AND sql NOT NULL", (LEDGER,))
    if dict(asked.fetchall()) != {LEDGER: _TABLE, **_TRIGGERS}:
        raise Mismatch(
            "the ledger's table or its triggers were changed by other means than towpath",
            hint="compare the database with a backup; nothing can be promoted until it is whole",
        )

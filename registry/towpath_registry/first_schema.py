"""The ledger as the first towpath kept it, in SQLite alone, and how it becomes today's without losing a byte."""

from __future__ import annotations

from towpath_core.errors import Mismatch
from towpath_registry import ledger
from towpath_registry.database import Database
from towpath_registry.ledger import Link

_EXPECTED = {
    "towpath_ledger": """CREATE TABLE towpath_ledger(seq INTEGER PRIMARY KEY CHECK(seq > 0),
 body BLOB NOT NULL CHECK(typeof(body) = 'blob'),
 prev BLOB NOT NULL CHECK(typeof(prev) = 'blob' AND length(prev) = 32),
 hash BLOB NOT NULL UNIQUE CHECK(typeof(hash) = 'blob' AND length(hash) = 32))""",
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
_LINKS = "SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq"


def put_aside(database: Database) -> tuple[Link, ...]:
    """All entries, after their table and its triggers were dropped. Raises: Mismatch when anything of it is broken."""
    asked = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'towpath_ledger' AND sql IS NOT NULL"
    if database.dialect != "sqlite" or {name: sql for name, sql in database.rows(asked)} != _EXPECTED:  # noqa: C416
        raise Mismatch(
            "the ledger's table or its triggers were changed by other means than towpath",
            hint="compare the database with a backup; it is not renewed until it is whole",
        )
    links = tuple(Link(*row) for row in database.rows(_LINKS))
    ledger.verify(links)
    database.run("DROP TABLE towpath_ledger")
    return links


def take_over(database: Database, links: tuple[Link, ...]) -> None:
    """Put the entries into today's ledger, byte by byte. Raises: Mismatch when they are not the same there."""
    for link in links:
        entry = ledger.entry(link)
        database.run(
            """INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, :workspace, :model, :request, :event, :level, :version)""",
            seq=link.seq,
            body=link.body,
            prev=link.prev,
            hash=link.hash,
            workspace=entry.workspace,
            model=entry.model,
            request=entry.request,
            event=entry.event,
            level=entry.level,
            version=entry.version,
        )
    kept = tuple(Link(*row) for row in database.rows(_LINKS))
    ledger.verify(kept)
    if kept != links:
        raise Mismatch("the entries of the ledger are not the same after they were renewed", hint="towpath doctor")

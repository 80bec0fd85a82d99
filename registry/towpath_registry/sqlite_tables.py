"""Our tables and triggers as SQLite keeps them: the very texts that the database is compared with.

The triggers on MLflow's tables look at nothing but our tables and the row that changes. A trigger that named another
table of MLflow's would keep MLflow from making that table anew, which is how its upgrades change tables on SQLite.
"""

# ruff: noqa: S608 (all parts of the statements are written here)
from __future__ import annotations

from collections.abc import Iterable

from towpath_core.errors import CouldNot
from towpath_registry import guards
from towpath_registry.database import Database
from towpath_registry.guards import Scheme
from towpath_registry.nouns import CHANGES, MOVES, POLICY_SET, RETIRED

# No STRICT tables: the SQLite of older systems could not even open the database then.
_TABLES = {
    "towpath_schema": "CREATE TABLE towpath_schema(version INTEGER PRIMARY KEY CHECK(version = 2))",
    "towpath_ledger": """CREATE TABLE towpath_ledger(seq INTEGER PRIMARY KEY CHECK(seq > 0),
 body BLOB NOT NULL CHECK(typeof(body) = 'blob'),
 prev BLOB NOT NULL CHECK(typeof(prev) = 'blob' AND length(prev) = 32),
 hash BLOB NOT NULL UNIQUE CHECK(typeof(hash) = 'blob' AND length(hash) = 32),
 workspace TEXT NOT NULL, model TEXT NOT NULL, request TEXT NOT NULL, event TEXT NOT NULL, level TEXT NOT NULL,
 version INTEGER NOT NULL CHECK(typeof(version) = 'integer'))""",
    "towpath_policies": """CREATE TABLE towpath_policies(digest TEXT NOT NULL PRIMARY KEY,
 content BLOB NOT NULL CHECK(typeof(content) = 'blob'))""",
    "towpath_evidence": """CREATE TABLE towpath_evidence(envelope TEXT NOT NULL PRIMARY KEY,
 seq INTEGER NOT NULL CHECK(typeof(seq) = 'integer'),
 workspace TEXT NOT NULL, model TEXT NOT NULL, digest TEXT NOT NULL)""",
    "towpath_authors": """CREATE TABLE towpath_authors(workspace TEXT NOT NULL,
 kind TEXT NOT NULL CHECK(kind IN ('run', 'model', 'version')), id TEXT NOT NULL, actor TEXT NOT NULL,
 time TEXT NOT NULL, PRIMARY KEY(workspace, kind, id, actor))""",
    "towpath_checkpoints": """CREATE TABLE towpath_checkpoints(size INTEGER PRIMARY KEY, note TEXT NOT NULL,
 frontier BLOB NOT NULL CHECK(typeof(frontier) = 'blob'))""",
    "towpath_levels": "CREATE TABLE towpath_levels(name TEXT NOT NULL PRIMARY KEY)",
    # A row is a tag that was taken from what it is about. Its payer does not exist, so that a transaction that leaves
    # one cannot be committed; only the deletion or renaming of what the tag was about takes the row away again.
    "towpath_debts": """CREATE TABLE towpath_debts(workspace TEXT NOT NULL, name TEXT NOT NULL,
 version INTEGER NOT NULL, tag TEXT NOT NULL, payer INTEGER NOT NULL DEFAULT 0 CHECK(payer = 0)
 REFERENCES towpath_schema(version) DEFERRABLE INITIALLY DEFERRED)""",
}
_INDEXES = {
    "towpath_ledger_model": "CREATE INDEX towpath_ledger_model ON towpath_ledger(workspace, model, seq)",
    "towpath_ledger_level": "CREATE INDEX towpath_ledger_level ON towpath_ledger(workspace, model, level, seq)",
    "towpath_ledger_request": "CREATE INDEX towpath_ledger_request ON towpath_ledger(request, seq)",
    "towpath_evidence_about": "CREATE INDEX towpath_evidence_about ON towpath_evidence(workspace, model, digest)",
}
_ALIAS = ("workspace", "name", "alias")
_FIXED = ("workspace", "name", "version", "source", "storage_location", "run_id", "creation_time")
_NAMES = "SELECT name FROM towpath_levels"
_NEWEST = "SELECT 1 FROM (SELECT * FROM towpath_ledger ORDER BY seq DESC LIMIT 1) AS newest WHERE"
_SPELLED = "lower(trim({}, char(9, 10, 11, 12, 13, 32)))"


def _trigger(name: str, when: str, table: str, *refusals: tuple[str, str]) -> dict[str, str]:
    """A trigger that refuses, in the words of the first of its refusals whose condition holds."""
    said = "\n".join(f" SELECT RAISE(ABORT, '{words}') WHERE {condition};" for words, condition in refusals)
    return {name: f"CREATE TRIGGER {name} {when} ON {table} BEGIN\n{said} END"}


def _append_only(table: str, *keys: str, then: tuple[tuple[str, str], ...] = ()) -> dict[str, str]:
    """REPLACE deletes without firing a delete trigger, so that the insert trigger has to refuse it."""
    words = guards.APPEND_ONLY.format(table)
    taken = " OR ".join(f"{key} = NEW.{key}" for key in keys)
    there = f"EXISTS(SELECT 1 FROM {table} WHERE {taken})"
    return {
        **_trigger(f"{table}_no_update", "BEFORE UPDATE", table, (words, "1")),
        **_trigger(f"{table}_no_delete", "BEFORE DELETE", table, (words, "1")),
        **_trigger(f"{table}_insert", "BEFORE INSERT", table, (words, there), *then),
    }


def _first_stays(table: str, *key: str) -> dict[str, str]:
    """Append-only, where what comes later under a key that is taken is passed over in silence."""
    taken = " AND ".join(f"{column} = NEW.{column}" for column in key)
    insert = f"""CREATE TRIGGER {table}_insert BEFORE INSERT ON {table} BEGIN
 SELECT RAISE(IGNORE) WHERE EXISTS(SELECT 1 FROM {table} WHERE {taken}); END"""
    return {**_append_only(table, *key), f"{table}_insert": insert}


def _quoted(events: Iterable[str]) -> str:
    return f"({', '.join(repr(event) for event in events)})"


def _recorded(row: str, *events: str) -> str:
    """Whether the ledger ends with one of these events, about this alias and version."""
    return f"""EXISTS({_NEWEST} event IN {_quoted(events)}
   AND workspace = {row}.workspace AND model = {row}.name AND level = {row}.alias AND version = {row}.version)"""


def _stands(row: str, version: str = "") -> str:
    """Whether the last change of some level put the version there, or any version of the model."""
    still = f"event <> '{RETIRED}'" + (f" AND version = {row}.{version}" if version else "")
    return f"""EXISTS(SELECT 1 FROM towpath_levels AS l WHERE (SELECT {still} FROM towpath_ledger
   WHERE workspace = {row}.workspace AND model = {row}.name AND level = l.name AND event IN {_quoted(CHANGES)}
   ORDER BY seq DESC LIMIT 1))"""


def _differs(*columns: str) -> str:
    return f"({' OR '.join(f'OLD.{column} IS NOT NEW.{column}' for column in columns)})"


def _ledger() -> dict[str, str]:
    link = """NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM towpath_ledger)
  OR NEW.prev IS NOT coalesce((SELECT hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1), zeroblob(32))"""
    return _append_only("towpath_ledger", "seq", "hash", then=((guards.NOT_NEXT, link),))


def _levels() -> dict[str, str]:
    unsaid = f"NOT EXISTS({_NEWEST} event = '{POLICY_SET}')"
    first = f"EXISTS(SELECT 1 FROM towpath_ledger) AND {unsaid}"
    table = "towpath_levels"
    return {
        **_trigger("towpath_levels_insert", "BEFORE INSERT", table, (guards.LEVELS, first)),
        **_trigger("towpath_levels_update", "BEFORE UPDATE", table, (guards.LEVELS, unsaid)),
        **_trigger("towpath_levels_delete", "BEFORE DELETE", table, (guards.LEVELS, unsaid)),
    }


def _aliases() -> dict[str, str]:
    table, moved = "registered_model_aliases", _differs(*_ALIAS)
    spelled = f"{_SPELLED.format('NEW.alias')} IN (SELECT {_SPELLED.format('name')} FROM towpath_levels)"
    looks_like = f"NEW.alias NOT IN ({_NAMES}) AND {spelled}"
    no_move = f"NEW.alias IN ({_NAMES}) AND NOT {_recorded('NEW', *MOVES)}"
    no_leaving = f"OLD.alias IN ({_NAMES}) AND NOT {_recorded('OLD', RETIRED)}"
    return {
        **_trigger(
            "towpath_alias_insert",
            "BEFORE INSERT",
            table,
            (guards.LOOKS_LIKE, looks_like),
            (guards.NO_MOVE, no_move),
        ),
        **_trigger(
            "towpath_alias_update",
            "BEFORE UPDATE",
            table,
            (guards.LOOKS_LIKE, f"{moved} AND {looks_like}"),
            (guards.NO_LEAVING, f"{moved} AND {no_leaving}"),
            (guards.NO_MOVE, f"{_differs(*_ALIAS, 'version')} AND {no_move}"),
        ),
        **_trigger("towpath_alias_delete", "BEFORE DELETE", table, (guards.NO_LEAVING, no_leaving)),
    }


def _versions() -> dict[str, str]:
    table, models = "model_versions", "registered_models"
    back = "OLD.current_stage = 'Deleted_Internal' AND NEW.current_stage IS NOT 'Deleted_Internal'"
    changed = f"({_differs(*_FIXED)} OR NEW.current_stage = 'Deleted_Internal')"
    moved = _differs("workspace", "name")
    old, new = _stands("OLD", "version"), _stands("NEW", "version")
    return {
        # REPLACE again: it puts another row in the place of the one that stands
        **_trigger("towpath_version_insert", "BEFORE INSERT", table, (guards.STANDS, new)),
        **_trigger(
            "towpath_version_update",
            f"BEFORE UPDATE OF {', '.join(_FIXED)}, current_stage",
            table,
            (guards.STAYS_DELETED, back),
            (guards.STANDS, f"{changed} AND {old}"),
            (guards.STANDS, f"{_differs(*_FIXED[:3])} AND {new}"),
        ),
        **_trigger("towpath_version_delete", "BEFORE DELETE", table, (guards.STANDS, old)),
        **_trigger(
            "towpath_model_update",
            "BEFORE UPDATE OF workspace, name",
            models,
            (guards.STANDS, f"{moved} AND ({_stands('OLD')} OR {_stands('NEW')})"),
        ),
        **_trigger("towpath_model_delete", "BEFORE DELETE", models, (guards.STANDS, _stands("OLD"))),
    }


def _tags(kind: str, table: str, about: str, *key: str) -> dict[str, str]:
    """The guards of our tags in `table`; they are about the rows of `about`, which `key` names."""
    number = ".version" if "version" in key else ""

    def ours(row: str) -> str:
        return f"({row}.\"key\" GLOB 'towpath.*' AND {row}.\"key\" <> 'towpath.monitoring')"

    def of(row: str, *columns: str) -> str:
        return " AND ".join(f"{column} = {row}.{column}" for column in columns)

    def owed(row: str) -> str:
        return f"{of(row, 'workspace', 'name')} AND version = {row + number if number else 0}"

    moved = _differs(*key)
    other = f"EXISTS(SELECT 1 FROM {table} WHERE {of('NEW', *key, 'key')} AND value IS NOT NEW.value)"
    gone = f'EXISTS(SELECT 1 FROM towpath_debts WHERE {owed("NEW")} AND tag = NEW."key")'
    rewritten = _differs('"key"', "value", *(["version"] if number else []))
    owe = f"""INSERT INTO towpath_debts(workspace, name, version, tag)
  VALUES(OLD.workspace, OLD.name, {"OLD.version" if number else 0}, OLD."key");"""
    pay = f"DELETE FROM towpath_debts WHERE {owed('OLD')};"
    plain = {
        f"towpath_{kind}_tag_moved": f"AFTER UPDATE ON {table} WHEN {ours('OLD')} AND {moved} BEGIN\n {owe} END",
        f"towpath_{kind}_tag_deleted": f"AFTER DELETE ON {table} WHEN {ours('OLD')} BEGIN\n {owe} END",
        f"towpath_{kind}_moved": f"AFTER UPDATE ON {about} WHEN {moved} BEGIN\n {pay} END",
        f"towpath_{kind}_deleted": f"AFTER DELETE ON {about} BEGIN\n {pay} END",
    }
    return {
        **_trigger(
            f"towpath_{kind}_tag_insert",
            "BEFORE INSERT",
            table,
            (guards.TAG_ONCE, f"{ours('NEW')} AND ({other} OR {gone})"),
        ),
        **_trigger(
            f"towpath_{kind}_tag_update",
            "BEFORE UPDATE",
            table,
            (guards.TAG_ONCE, f"({ours('OLD')} OR {ours('NEW')}) AND {rewritten}"),
            (guards.TAG_ONCE, f"{ours('NEW')} AND {moved} AND {other}"),
        ),
        **{name: f"CREATE TRIGGER {name} {text}" for name, text in plain.items()},
    }


_OURS = {
    **_TABLES,
    **_INDEXES,
    **_append_only("towpath_schema", "version"),
    **_ledger(),
    **_append_only("towpath_policies", "digest"),
    **_first_stays("towpath_evidence", "envelope"),
    **_first_stays("towpath_authors", "workspace", "kind", "id", "actor"),
    **_append_only("towpath_checkpoints", "size"),
    **_levels(),
}
_GUARDS = {
    **_aliases(),
    **_versions(),
    **_tags("version", "model_version_tags", "model_versions", "workspace", "name", "version"),
    **_tags("model", "registered_model_tags", "registered_models", "workspace", "name"),
}
_TEXTS = {**_OURS, **_GUARDS}
_SCHEME = Scheme(
    {name: (text,) for name, text in _OURS.items()}, {name: (text,) for name, text in _GUARDS.items()}, _TEXTS
)
_FOUND = f"""SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (name GLOB 'towpath_*'
 OR tbl_name GLOB 'towpath_*' OR (type = 'trigger' AND tbl_name IN {_quoted(guards.GUARDED)}))"""
_MLFLOWS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'registered_model_aliases'"


def inspected(database: Database) -> tuple[Scheme, dict[str, str]]:
    """What ought to be there, and what is: all that is ours, and everybody's triggers on the tables that we guard.

    Raises: CouldNot in a database that is not MLflow's.
    """
    found = {str(name): str(sql) for name, sql in database.rows(_FOUND)}
    if not found and not database.rows(_MLFLOWS):
        raise CouldNot(guards.NOT_MLFLOWS, hint="mlflow db upgrade")
    return _SCHEME, found

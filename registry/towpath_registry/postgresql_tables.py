"""Our tables and triggers as PostgreSQL keeps them, and how it is asked whether they are still what we made.

Every trigger is ENABLE ALWAYS, so that it fires for a session that plays a replica as well. Every function has a fixed
search path in which temporary tables come last, so that nobody's temporary table is taken for one of ours.
"""

# ruff: noqa: S608 (all parts of the statements are written here)
from __future__ import annotations

import functools
from dataclasses import dataclass

from towpath_core.errors import CouldNot
from towpath_registry import guards
from towpath_registry.database import Database
from towpath_registry.guards import Scheme
from towpath_registry.nouns import CHANGES, MOVES, POLICY_SET, RETIRED

# Whoever holds this lock, until its transaction ends, is the one who may write the ledger. A lock of the database and
# not of a row: it needs no right to change anything, so that the role which appends need not have one.
LOCK = int.from_bytes(b"towpath\0", "big")

_TABLES = {
    "towpath_schema": "version integer PRIMARY KEY CHECK (version = 2)",
    "towpath_ledger": """seq bigint PRIMARY KEY CHECK (seq > 0), body bytea NOT NULL,
 prev bytea NOT NULL CHECK (octet_length(prev) = 32), hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
 workspace text NOT NULL, model text NOT NULL, request text NOT NULL, event text NOT NULL, level text NOT NULL,
 version integer NOT NULL""",
    "towpath_policies": "digest text PRIMARY KEY, content bytea NOT NULL",
    "towpath_evidence": """envelope text PRIMARY KEY, seq bigint NOT NULL, workspace text NOT NULL, model text NOT NULL,
 digest text NOT NULL""",
    "towpath_authors": """workspace text NOT NULL, kind text NOT NULL CHECK (kind IN ('run', 'model', 'version')),
 id text NOT NULL, actor text NOT NULL, "time" text NOT NULL, PRIMARY KEY (workspace, kind, id, actor)""",
    "towpath_checkpoints": "size bigint PRIMARY KEY, note text NOT NULL, frontier bytea NOT NULL",
    "towpath_levels": "name text PRIMARY KEY",
}
_INDEXES = {
    "towpath_ledger_model": "towpath_ledger (workspace, model, seq)",
    "towpath_ledger_level": "towpath_ledger (workspace, model, level, seq)",
    "towpath_ledger_request": "towpath_ledger (request, seq)",
    "towpath_evidence_about": "towpath_evidence (workspace, model, digest)",
}
# The same as the catalogue tells it, where `!` says that a value must be there.
_CATALOGUED = {
    "towpath_schema": "version integer !; PRIMARY KEY (version); CHECK ((version = 2))",
    "towpath_ledger": """seq bigint !, body bytea !, prev bytea !, hash bytea !, workspace text !, model text !,\
 request text !, event text !, level text !, version integer !; CHECK ((octet_length(hash) = 32)); UNIQUE (hash);\
 PRIMARY KEY (seq); CHECK ((octet_length(prev) = 32)); CHECK ((seq > 0))""",
    "towpath_policies": "digest text !, content bytea !; PRIMARY KEY (digest)",
    "towpath_evidence": """envelope text !, seq bigint !, workspace text !, model text !, digest text !;\
 PRIMARY KEY (envelope)""",
    "towpath_authors": """workspace text !, kind text !, id text !, actor text !, time text !;\
 CHECK ((kind = ANY (ARRAY['run'::text, 'model'::text, 'version'::text])));\
 PRIMARY KEY (workspace, kind, id, actor)""",
    "towpath_checkpoints": "size bigint !, note text !, frontier bytea !; PRIMARY KEY (size)",
    "towpath_levels": "name text !; PRIMARY KEY (name)",
}
_APPEND_ONLY = [name for name in _TABLES if name != "towpath_levels"]


def _quoted(*events: str) -> str:
    return ", ".join(f"'{event}'" for event in events)


def _refuse(words: str, detail: str = "''") -> str:
    """Not as a violated constraint: MLflow would take that for a name that is taken, or try it again."""
    return f"RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = '{words}' || {detail}"


def _named(form: str, *columns: str) -> str:
    return f"format(' ({form})', {', '.join(columns)})"


_STANDS = f"""EXISTS (SELECT 1 FROM towpath_levels l WHERE
  (SELECT c.event <> '{RETIRED}' AND {{version}} FROM towpath_ledger c
   WHERE c.workspace = {{row}}.workspace AND c.model = {{row}}.name AND c.level = l.name
   AND c.event IN ({_quoted(*CHANGES)}) ORDER BY c.seq DESC LIMIT 1))"""
_VERSION_STANDS = _STANDS.replace("{version}", "c.version = {row}.version")
_MODEL_STANDS = _STANDS.replace("{version}", "true")
# What comes after it sees whatever was committed while it waited; a transaction with one view for all would not.
_WAIT = f""" IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
  {_refuse(guards.ISOLATION)};
 END IF;
 PERFORM pg_advisory_xact_lock({LOCK});"""
_MOVED = "(OLD.workspace, OLD.name{}) IS DISTINCT FROM (NEW.workspace, NEW.name{})"
_ALIAS_MOVED = _MOVED.format(", OLD.alias", ", NEW.alias")
_VERSION_MOVED = _MOVED.format(", OLD.version", ", NEW.version")
_SPELLED = "lower(btrim({}, E' \\t\\n\\x0b\\f\\r') COLLATE \"C\")"
_KEY = """starts_with(OLD."key", 'towpath.') AND OLD."key" <> 'towpath.monitoring'"""

_FUNCTIONS = {
    "towpath_append_only": f"""
BEGIN
 RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
  MESSAGE = format('{guards.APPEND_ONLY.format("%s")}', TG_TABLE_NAME);
END""",
    "towpath_ledger_link": f"""
DECLARE last_seq bigint; last_hash bytea;
BEGIN
 PERFORM pg_advisory_xact_lock({LOCK});
 SELECT seq, hash INTO last_seq, last_hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1;
 IF NEW.seq IS DISTINCT FROM coalesce(last_seq, 0) + 1
  OR NEW.prev IS DISTINCT FROM coalesce(last_hash, decode(repeat('00', 32), 'hex')) THEN
  {_refuse(guards.NOT_NEXT)};
 END IF;
 IF NEW.hash IS DISTINCT FROM sha256(decode('00', 'hex') || NEW.prev || NEW.body) THEN
  {_refuse(guards.NOT_ITS_HASH)};
 END IF;
 RETURN NEW;
END""",
    "towpath_levels_said": f"""
DECLARE newest text;
BEGIN
 SELECT event INTO newest FROM towpath_ledger ORDER BY seq DESC LIMIT 1;
 IF newest IS DISTINCT FROM '{POLICY_SET}' AND NOT (TG_OP = 'INSERT' AND newest IS NULL) THEN
  {_refuse(guards.LEVELS)};
 END IF;
 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
 RETURN NEW;
END""",
    "towpath_guard_alias": f"""
DECLARE newest towpath_ledger;
BEGIN
 IF TG_OP <> 'INSERT' AND EXISTS (SELECT 1 FROM towpath_levels WHERE name = OLD.alias)
  AND (TG_OP = 'DELETE' OR {_ALIAS_MOVED}) THEN
  SELECT * INTO newest FROM towpath_ledger ORDER BY seq DESC LIMIT 1;
  IF (newest.event, newest.workspace, newest.model, newest.level, newest.version)
   IS DISTINCT FROM ('{RETIRED}', OLD.workspace, OLD.name, OLD.alias, OLD.version) THEN
   {_refuse(guards.NO_LEAVING, _named("%s of %s, version %s", "OLD.alias", "OLD.name", "OLD.version"))};
  END IF;
 END IF;
 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
 IF TG_OP = 'UPDATE' AND NOT {_ALIAS_MOVED} AND OLD.version = NEW.version THEN RETURN NEW; END IF;
 IF NOT EXISTS (SELECT 1 FROM towpath_levels WHERE name = NEW.alias) THEN
  IF (TG_OP = 'INSERT' OR {_ALIAS_MOVED}) AND EXISTS (SELECT 1 FROM towpath_levels
   WHERE {_SPELLED.format("name")} = {_SPELLED.format("NEW.alias")}) THEN
   {_refuse(guards.LOOKS_LIKE, _named("%s of %s", "NEW.alias", "NEW.name"))};
  END IF;
  RETURN NEW;
 END IF;
 -- an alias that keeps its place keeps its row locked; to wait here as well could be to wait for one who waits for it
 IF TG_OP = 'INSERT' OR {_ALIAS_MOVED} THEN
{_WAIT}
 END IF;
 SELECT * INTO newest FROM towpath_ledger ORDER BY seq DESC LIMIT 1;
 IF newest.event IN ({_quoted(*MOVES)})
  AND (newest.workspace, newest.model, newest.level, newest.version)
   IS NOT DISTINCT FROM (NEW.workspace, NEW.name, NEW.alias, NEW.version) THEN
  RETURN NEW;
 END IF;
 {_refuse(guards.NO_MOVE, _named("%s of %s, version %s", "NEW.alias", "NEW.name", "NEW.version"))};
END""",
    "towpath_guard_version": f"""
BEGIN
 IF TG_OP = 'UPDATE' THEN
  IF OLD.current_stage = 'Deleted_Internal' AND NEW.current_stage IS DISTINCT FROM 'Deleted_Internal' THEN
   {_refuse(guards.STAYS_DELETED)};
  END IF;
  IF NOT {_VERSION_MOVED} AND NEW.current_stage IS DISTINCT FROM 'Deleted_Internal'
   AND (OLD.source, OLD.storage_location, OLD.run_id, OLD.creation_time)
    IS NOT DISTINCT FROM (NEW.source, NEW.storage_location, NEW.run_id, NEW.creation_time) THEN
   RETURN NEW;
  END IF;
 END IF;
 IF TG_OP <> 'INSERT' THEN
{_WAIT}
 END IF;
 IF TG_OP <> 'INSERT' AND {_VERSION_STANDS.format(row="OLD")} THEN
  {_refuse(guards.STANDS, _named("%s/%s", "OLD.name", "OLD.version"))};
 END IF;
 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
 IF (TG_OP = 'INSERT' OR {_VERSION_MOVED}) AND {_VERSION_STANDS.format(row="NEW")} THEN
  {_refuse(guards.STANDS, _named("%s/%s", "NEW.name", "NEW.version"))};
 END IF;
 RETURN NEW;
END""",
    "towpath_guard_model": f"""
BEGIN
 IF TG_OP = 'UPDATE' AND NOT {_MOVED.format("", "")} THEN RETURN NEW; END IF;
{_WAIT}
 IF {_MODEL_STANDS.format(row="OLD")} THEN
  {_refuse(guards.STANDS, _named("%s", "OLD.name"))};
 END IF;
 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
 IF {_MODEL_STANDS.format(row="NEW")} THEN
  {_refuse(guards.STANDS, _named("%s", "NEW.name"))};
 END IF;
 RETURN NEW;
END""",
    "towpath_guard_version_tag": f"""
BEGIN
 IF {_KEY} AND EXISTS (SELECT 1 FROM model_versions v
   WHERE v.workspace = OLD.workspace AND v.name = OLD.name AND v.version = OLD.version
   AND v.current_stage IS DISTINCT FROM 'Deleted_Internal')
  AND NOT EXISTS (SELECT 1 FROM model_version_tags t WHERE t.workspace = OLD.workspace AND t.name = OLD.name
   AND t.version = OLD.version AND t."key" = OLD."key" AND t.value IS NOT DISTINCT FROM OLD.value) THEN
  {_refuse(guards.TAG_ONCE, _named("%s of %s/%s", "OLD.key", "OLD.name", "OLD.version"))};
 END IF;
 RETURN NULL;
END""",
    "towpath_guard_model_tag": f"""
BEGIN
 IF {_KEY} AND EXISTS (SELECT 1 FROM registered_models m WHERE m.workspace = OLD.workspace AND m.name = OLD.name)
  AND NOT EXISTS (SELECT 1 FROM registered_model_tags t WHERE t.workspace = OLD.workspace AND t.name = OLD.name
   AND t."key" = OLD."key" AND t.value IS NOT DISTINCT FROM OLD.value) THEN
  {_refuse(guards.TAG_ONCE, _named("%s of %s", "OLD.key", "OLD.name"))};
 END IF;
 RETURN NULL;
END""",
    "towpath_guard_whole": f"""
BEGIN
 {_refuse(guards.STANDS)};
END""",
}
_ROW, _ALL = "FOR EACH ROW", "FOR EACH STATEMENT"
_LATE = f"DEFERRABLE INITIALLY DEFERRED {_ROW}"
_ANY = "BEFORE INSERT OR DELETE OR UPDATE"


@dataclass(frozen=True, slots=True)
class _Trigger:
    """In the words of `pg_get_triggerdef`; that the database says the same is what `check` asks."""

    name: str
    table: str
    when: str
    each: str
    function: str

    @property
    def key(self) -> str:
        return f"{self.name} on {self.table}"

    def text(self, home: str = "") -> str:
        kind = "CONSTRAINT TRIGGER" if self.each == _LATE else "TRIGGER"
        table, function = f"{home}{self.table}", f"{home}{self.function}()"
        return f"CREATE {kind} {self.name} {self.when} ON {table} {self.each} EXECUTE FUNCTION {function}"

    def statements(self, home: str) -> tuple[str, ...]:
        return self.text(home), f"ALTER TABLE {home}{self.table} ENABLE ALWAYS TRIGGER {self.name}"


_OUR_TRIGGERS = (
    *(_Trigger(f"{t}_fixed", t, "BEFORE DELETE OR UPDATE", _ROW, "towpath_append_only") for t in _APPEND_ONLY),
    *(_Trigger(f"{t}_whole", t, "BEFORE TRUNCATE", _ALL, "towpath_append_only") for t in _APPEND_ONLY),
    _Trigger("towpath_ledger_link", "towpath_ledger", "BEFORE INSERT", _ROW, "towpath_ledger_link"),
    _Trigger("towpath_levels_said", "towpath_levels", _ANY, _ROW, "towpath_levels_said"),
    _Trigger("towpath_levels_whole", "towpath_levels", "BEFORE TRUNCATE", _ALL, "towpath_levels_said"),
)
_GUARD_TRIGGERS = (
    _Trigger("towpath_alias", "registered_model_aliases", _ANY, _ROW, "towpath_guard_alias"),
    _Trigger("towpath_version", "model_versions", _ANY, _ROW, "towpath_guard_version"),
    _Trigger("towpath_model", "registered_models", "BEFORE DELETE OR UPDATE", _ROW, "towpath_guard_model"),
    _Trigger("towpath_tag", "model_version_tags", "AFTER DELETE OR UPDATE", _LATE, "towpath_guard_version_tag"),
    _Trigger("towpath_tag", "registered_model_tags", "AFTER DELETE OR UPDATE", _LATE, "towpath_guard_model_tag"),
    *(_Trigger("towpath_whole", t, "BEFORE TRUNCATE", _ALL, "towpath_guard_whole") for t in guards.GUARDED),
)
# `starts with towpath_`, in the way that the indexes of the catalogue answer
_OURS = "({0} >= 'towpath_' AND {0} < 'towpath`')"
_FOUND = f"""WITH home AS (SELECT relnamespace AS id FROM pg_class WHERE oid = to_regclass('registered_model_aliases')),
 tables AS (SELECT c.oid, c.relname, {_OURS.format("c.relname")} AS ours,
   concat_ws(' ', c.relkind, c.relpersistence, CASE WHEN NOT pg_table_is_visible(c.oid) THEN 'hidden' END,
    CASE WHEN c.relrowsecurity THEN 'row security' END,
    CASE WHEN EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = c.oid) THEN 'rules' END,
    CASE WHEN EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) THEN 'family' END) AS kind
  FROM pg_class c JOIN home ON c.relnamespace = home.id WHERE c.relkind NOT IN ('i', 'I', 'S', 'c', 't')
  AND ({_OURS.format("c.relname")} OR c.relname IN ({_quoted(*guards.GUARDED)})))
SELECT '', quote_ident(n.nspname) FROM pg_namespace n JOIN home ON n.oid = home.id
UNION ALL SELECT t.relname, t.kind || CASE WHEN t.ours THEN (
   SELECT string_agg(concat_ws(' ', '', a.attname, format_type(a.atttypid, a.atttypmod),
     CASE WHEN a.attnotnull THEN '!' END), ',' ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped) || coalesce((
   SELECT string_agg('; ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname)
   FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')), '') ELSE '' END
  FROM tables t
UNION ALL SELECT g.tgname || ' on ' || t.relname, pg_get_triggerdef(g.oid, true) || concat(' ', g.tgenabled)
  FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_index x JOIN tables t ON t.oid = x.indrelid AND t.ours
  JOIN pg_class i ON i.oid = x.indexrelid WHERE NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid)
UNION ALL SELECT p.proname || '()', concat_ws(' ', l.lanname, p.pronargs, p.prosecdef,
   array_to_string(p.proconfig, ';'), p.prosrc)
  FROM pg_proc p JOIN home ON p.pronamespace = home.id JOIN pg_language l ON l.oid = p.prolang
  WHERE {_OURS.format("p.proname")}"""


def inspected(database: Database) -> tuple[Scheme, dict[str, str]]:
    """What ought to be there, and what is. Raises: CouldNot in a database that is not MLflow's."""
    found = {str(name): str(text) for name, text in database.rows(_FOUND)}
    home = found.pop("", "")
    if not home:
        raise CouldNot(guards.NOT_MLFLOWS, hint="mlflow db upgrade")
    return _scheme(home), found


@functools.cache
def _scheme(home: str) -> Scheme:
    """All that is ours in the schema where MLflow's tables are."""
    dot = f"{home}."
    ours: dict[str, tuple[str, ...]] = {name: (f"CREATE TABLE {dot}{name} ({text})",) for name, text in _TABLES.items()}
    ours |= {name: (f"CREATE INDEX {name} ON {dot}{text}",) for name, text in _INDEXES.items()}
    ours |= {f"{name}()": (_function(dot + name, home, body),) for name, body in _FUNCTIONS.items()}
    ours |= {trigger.key: trigger.statements(dot) for trigger in _OUR_TRIGGERS}
    expected = {name: f"r p {text}" for name, text in _CATALOGUED.items()} | dict.fromkeys(guards.GUARDED, "r p")
    expected |= {
        name: f"CREATE INDEX {name} ON {dot}{text.replace(' (', ' USING btree (')}" for name, text in _INDEXES.items()
    }
    expected |= {f"{name}()": f"plpgsql 0 f search_path={home}, pg_temp {body}" for name, body in _FUNCTIONS.items()}
    expected |= {trigger.key: f"{trigger.text()} A" for trigger in (*_OUR_TRIGGERS, *_GUARD_TRIGGERS)}
    return Scheme(ours, {trigger.key: trigger.statements(dot) for trigger in _GUARD_TRIGGERS}, expected)


def _function(name: str, home: str, body: str) -> str:
    head = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = {home}, pg_temp"
    return f"{head} AS $towpath${body}$towpath$"

"""Our own tables in MLflow's database, and the triggers that guard them and the aliases that are levels."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from towpath_core.errors import CouldNot, Mismatch
from towpath_registry import first_schema, sqlite_tables
from towpath_registry.database import Database
from towpath_registry.guards import Scheme
from towpath_registry.nouns import LEVELS

SCHEMA = 2


def exists(database: Database) -> bool:
    """Whether our tables are there. Raises: CouldNot when they are those of another towpath."""
    found = _schema(database)
    if found not in (0, SCHEMA):
        raise _of_another(found)
    return found == SCHEMA


def outdated(database: Database) -> bool:
    """Whether our tables are those of an earlier towpath, which `ensure` renews."""
    return 0 < _schema(database) < SCHEMA


def ensure(database: Database) -> bool:
    """Make our tables and triggers, or renew those of an earlier towpath; whether there was anything to do.

    Raises: Mismatch when an earlier ledger is broken, CouldNot when the tables are a later towpath's.
    """
    found = _schema(database)
    if found > SCHEMA:
        raise _of_another(found)
    if found == SCHEMA:
        return False
    scheme, _ = _inspected(database)
    earlier = first_schema.put_aside(database) if found else ()
    for statement in chain.from_iterable(scheme.ours.values()):
        database.run(statement)
    database.run("INSERT INTO towpath_schema(version) VALUES(:version)", version=SCHEMA)
    for name in LEVELS:  # until a policy says which, so that there is no moment without a guard
        database.run("INSERT INTO towpath_levels(name) VALUES(:name)", name=name)
    for statement in chain.from_iterable(scheme.guards.values()):
        database.run(statement)
    if found:
        first_schema.take_over(database, earlier)
    return True


def check(database: Database) -> None:
    """Raise Mismatch unless tables, triggers and guards are exactly ours."""
    scheme, found = _inspected(database)
    if found != scheme.expected:
        raise _mismatch(scheme, found)
    if database.rows("SELECT version FROM towpath_schema") != [(SCHEMA,)]:
        raise Mismatch("the registry's tables do not say which towpath made them", hint=_HINT)


def repair(database: Database) -> tuple[str, ...]:
    """Make the guards again that MLflow dropped together with its tables; their names.

    Raises: Mismatch when anything else is not ours: that, no upgrade of MLflow has done.
    """
    scheme, found = _inspected(database)
    missing = tuple(name for name in scheme.guards if name not in found)
    for statement in chain.from_iterable(scheme.guards[name] for name in missing):
        database.run(statement)
    check(database)
    return missing


_HINT = "compare the database with a backup; nothing can be promoted until it is whole"


def _inspected(database: Database) -> tuple[Scheme, dict[str, str]]:
    """What ought to be there, and what is."""
    if database.dialect == "sqlite":
        return sqlite_tables.inspected(database)
    from towpath_registry import postgresql_tables

    return postgresql_tables.inspected(database)


def _schema(database: Database) -> int:
    """Whose tables are there: 0 nobody's, 1 those of the first towpath, else what they say."""
    if database.dialect == "sqlite":
        asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name IN ('towpath_schema', 'towpath_ledger')"
    else:
        asked = """SELECT name FROM (VALUES('towpath_schema'), ('towpath_ledger')) AS ours(name)
 WHERE to_regclass(name) IS NOT NULL"""
    names = {row[0] for row in database.rows(asked)}
    if "towpath_schema" not in names:
        return 1 if names else 0
    rows = database.rows("SELECT version FROM towpath_schema")
    if len(rows) != 1:
        raise Mismatch("the registry's tables do not say which towpath made them", hint=_HINT)
    version: int = rows[0][0]
    return version


def _of_another(schema: int) -> CouldNot:
    if schema > SCHEMA:
        return CouldNot("the registry's tables were made by a later towpath", hint="upgrade towpath, then try again")
    return CouldNot(
        "the registry's tables were made by an earlier towpath", hint="towpath promote or towpath ui renews them"
    )


def _mismatch(scheme: Scheme, found: Mapping[str, str]) -> Mismatch:
    missing = [name for name in scheme.expected if name not in found]
    changed = [name for name in scheme.expected if name in found and found[name] != scheme.expected[name]]
    foreign = [name for name in found if name not in scheme.expected]
    if missing and not changed and not foreign and all(name in scheme.guards for name in missing):
        return Mismatch(
            f"guards of the registry are gone, as after an upgrade of MLflow: {_some(missing)}",
            hint="towpath doctor --repair",
        )
    said = [
        f"{_some(names)} {_is(names)} {what}"
        for names, what in ((missing, "gone"), (changed, "changed"), (foreign, "not ours"))
        if names
    ]
    return Mismatch(
        f"the registry's tables or triggers were changed by other means than towpath: {'; '.join(said)}", hint=_HINT
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"

"""What the owner of a PostgreSQL database can do to a ledger: the audit says of it what it says of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy

from ledger_attacks import REWRITINGS, STORIES, tail_rewritten
from ledger_world import LedgerWorld, told
from postgres import Postgres
from towpath_registry import auditing, tables
from towpath_registry.auditing import Audit, Kept
from towpath_registry.database import Databases
from towpath_registry.sqlalchemy_door import EngineDatabases

pytestmark = pytest.mark.slow
WORLD = told()
COPIED = {
    "registered_models": "workspace, name",
    "model_versions": "workspace, name, version, current_stage",
    "registered_model_aliases": "workspace, name, alias, version",
    "towpath_ledger": "seq, body, prev, hash, workspace, model, request, event, level, version",
    "towpath_policies": "digest, content",
    "towpath_evidence": "envelope, seq, workspace, model, digest",
    "towpath_checkpoints": "size, note, frontier",
    "towpath_levels": "name",
}


class Owned:
    """A database whose owner puts into it what stands in another, past every trigger, and then puts those back."""

    def __init__(self, postgres: Postgres, name: str) -> None:
        self.postgres, self.name = postgres, name
        engine = sqlalchemy.create_engine(postgres.url(name), poolclass=sqlalchemy.NullPool)
        self.databases: Databases = EngineDatabases(engine)
        with self.databases.writing() as database:
            assert tables.ensure(database)

    def hold(self, world: LedgerWorld) -> None:
        triggers = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
        with self.postgres.session(self.name) as session:
            for table in COPIED:
                session.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for table in reversed(COPIED):
                session.execute(f"DELETE FROM {table}")
            for table, columns in COPIED.items():
                places = ", ".join(["%s"] * len(columns.split(",")))
                for row in world.rows(f"SELECT {columns} FROM {table}"):
                    session.execute(f"INSERT INTO {table}({columns}) VALUES({places})", row)
            for table in COPIED:
                for (trigger,) in session.execute(triggers, [table]).fetchall():
                    session.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


@pytest.fixture(scope="module")
def owned(postgres: Postgres) -> Iterator[Owned]:
    with postgres.database() as name:
        yield Owned(postgres, name)


def audits(owned: Owned, world: LedgerWorld) -> tuple[Audit, Audit]:
    """What is said of the file and of the server, by the keys and the newest note of the untouched ledger."""
    owned.hold(world)
    asked = {"keys": WORLD.trusted, "anchors": [Kept("outside", (WORLD.notes[-1],))], "full": True}
    with owned.databases.reading() as database:
        return auditing.audit(world.database, **asked), auditing.audit(database, **asked)  # type: ignore[arg-type]


def refusals(audit: Audit) -> list[str]:
    return [f"{finding.gate}: {finding.reason}" for finding in audit.findings if not finding.passed]


@pytest.mark.parametrize("attack", [*REWRITINGS.values(), *STORIES], ids=[*REWRITINGS, *(s.__name__ for s in STORIES)])
def test_each_attack_is_found_on_a_server_for_the_same_reason(
    owned: Owned, attack: Callable[[LedgerWorld], None]
) -> None:
    world = told()
    attack(world)
    of_the_file, of_the_server = audits(owned, world)
    assert refusals(of_the_server) == refusals(of_the_file) != []


@pytest.mark.parametrize("attack", [lambda world: None, tail_rewritten], ids=["untouched", "tail rewritten"])
def test_what_no_checkpoint_covers_is_counted_alike(owned: Owned, attack: Callable[[LedgerWorld], None]) -> None:
    world = told()
    attack(world)
    of_the_file, of_the_server = audits(owned, world)
    assert refusals(of_the_server) == refusals(of_the_file) == []
    assert (of_the_server.unsigned, of_the_server.uncovered) == (1, 1)

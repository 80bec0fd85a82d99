"""docs/handbook/server-postgresql.sql: a server that does not own the tables it works with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from guarded_world import NAME, Guarded, postgres_world, refused
from postgres import Postgres, binaries
from towpath_registry import guards, ledger, tables
from towpath_registry.nouns import POLICY_SET, PROMOTED
from towpath_registry.sqlalchemy_door import EngineDatabases

pytestmark = pytest.mark.slow
OWNER, SERVER = "towpath_owner", "towpath_server"


@pytest.fixture
def split(postgres: Postgres, repository: Path) -> Iterator[Guarded]:
    """A registry whose server signs in as the one role, and whose tables are the other's."""
    with postgres.session("postgres") as session:
        known = {row[0] for row in session.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in {OWNER, SERVER} - known:
            session.execute(f"CREATE ROLE {role} LOGIN")
    with postgres.database() as name:
        made = postgres_world(postgres, name)
        made.add(1, 2)
        made.promoted(1)
        programs = binaries()
        assert programs is not None
        script = repository / "docs/handbook/server-postgresql.sql"
        place: list[str | Path] = ["-h", postgres.folder, "-U", "postgres", "-d", name]
        command: list[str | Path] = [programs / "psql", *place, "-qf", script]
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        engine = sqlalchemy.create_engine(postgres.url(name, SERVER), poolclass=sqlalchemy.NullPool)
        yield Guarded(EngineDatabases(engine), postgres.url(name, SERVER), postgres=postgres, name=name, user=SERVER)


def test_the_server_works_with_tables_that_are_not_its_own(split: Guarded) -> None:
    with split.databases.writing() as database:
        assert not tables.ensure(database)
        tables.check(database)
    split.promoted(2, 1)
    split.append(POLICY_SET, name="")
    split.attack("INSERT INTO towpath_levels VALUES('champion')")
    split.promoted(2, level="champion")
    with split.databases.writing() as database:
        for _ in range(2):
            database.run("INSERT INTO towpath_authors VALUES('default', 'run', 'r', 'ada', 't') ON CONFLICT DO NOTHING")
    split.check()
    ledger.verify(split.links())
    assert split.aliases() == {"champion": 2, "production": 1}


def test_mlflow_works_as_the_server(split: Guarded, tmp_path: Path) -> None:
    from mlflow.entities.model_registry import ModelVersionTag
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

    tracking = TrackingStore(split.uri, str(tmp_path))
    run = tracking.create_run(tracking.create_experiment("one"), "ada", 0, [], "run")
    registry = SqlAlchemyStore(split.uri)
    registry.create_registered_model("another")
    made = registry.create_model_version(
        "another", "file:///x", run.info.run_id, [ModelVersionTag("towpath.digest", "sha256:1")]
    )
    registry.set_registered_model_alias("another", "free", str(made.version))
    registry.delete_registered_model("another")
    registry.engine.dispose()
    tracking.engine.dispose()


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("UPDATE towpath_ledger SET body = prev", "permission denied"),
        ("DELETE FROM towpath_ledger", "permission denied"),
        ("TRUNCATE towpath_ledger", "permission denied"),
        ("TRUNCATE registered_model_aliases", "permission denied"),
        ("DROP TABLE towpath_ledger", "must be owner"),
        ("ALTER TABLE towpath_ledger RENAME TO towpath_old", "must be owner"),
        ("ALTER TABLE towpath_ledger DISABLE TRIGGER ALL", "must be owner"),
        ("ALTER TABLE registered_model_aliases DISABLE TRIGGER towpath_alias", "must be owner"),
        ("DROP TRIGGER towpath_alias ON registered_model_aliases", "must be owner"),
        ("CREATE RULE r AS ON INSERT TO towpath_ledger DO INSTEAD NOTHING", "must be owner"),
        ("CREATE OR REPLACE FUNCTION towpath_guard_alias() RETURNS trigger LANGUAGE sql AS ''", "permission denied"),
        ("ALTER FUNCTION towpath_guard_alias() RESET search_path", "must be owner"),
        ("CREATE TABLE towpath_more (x int)", "permission denied"),
        ("SET session_replication_role = replica", "permission denied"),
        (f"SET ROLE {OWNER}", "permission denied"),
        ("INSERT INTO towpath_schema VALUES(2)", "permission denied"),
        ("UPDATE towpath_policies SET digest = 'x'", "permission denied"),
        ("DELETE FROM towpath_checkpoints", "permission denied"),
        ("UPDATE alembic_version SET version_num = 'x'", "permission denied"),
        ("UPDATE registered_model_aliases SET version = 2", guards.NO_MOVE),
        ("DELETE FROM towpath_levels", guards.LEVELS),
        (f"DELETE FROM registered_models WHERE name = '{NAME}'", guards.STANDS),
    ],
)
def test_the_server_itself_cannot_take_its_guards_away(split: Guarded, attack: str, words: str) -> None:
    before = split.links()
    with refused(words):
        split.attack(attack)
    split.append(PROMOTED, "staging", 2)
    assert split.links()[:-1] == before

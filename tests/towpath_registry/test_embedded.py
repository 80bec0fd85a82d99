from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry_world import NAME, EmbeddedWorld, Ticking, forget, material, unguarded
from towpath_core.clock import utc_now
from towpath_core.errors import CouldNot, NotFound
from towpath_core.refs import ModelRef
from towpath_registry import places
from towpath_registry.database import Database, Databases
from towpath_registry.embedded import EmbeddedStore
from towpath_registry.nouns import PROMOTED, REFUSED, Decision, ModelVersion


@pytest.fixture
def world(tmp_path: Path) -> EmbeddedWorld:
    return EmbeddedWorld(tmp_path / "home")


def decision(version: ModelVersion, previous: int | None) -> Decision:
    return Decision(NAME, PROMOTED, "staging", version.version, previous, "a", "", version.digest, "p", ())


def change(world: EmbeddedWorld, statement: str, *values: object) -> None:
    with contextlib.closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute(statement, values)


def test_reading_does_not_make_a_registry(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "home" / "towpath.db", Ticking())
    for ask in (store.models, lambda: store.versions(NAME), lambda: store.ledger(NAME)):
        with pytest.raises(NotFound, match="there is no registry yet") as caught:
            ask()
        assert "towpath run" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_empty_registry_has_no_models_and_says_how_to_make_one(world: EmbeddedWorld) -> None:
    assert world.store.models() == []
    with pytest.raises(NotFound, match="the registry is empty") as caught:
        world.store.versions(NAME)
    assert caught.value.hint == "towpath run (in a project's folder)"


def test_a_deleted_version_is_not_there(world: EmbeddedWorld) -> None:
    world.add(material(1))
    world.add(material(2))
    change(world, "UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 2")
    assert [version.version for version in world.store.versions(NAME)] == [1]
    assert world.store.models()[0].latest == 1
    with pytest.raises(NotFound):
        world.store.version(ModelRef(NAME, version=2))


def test_other_workspaces_and_prompts_are_not_ours(world: EmbeddedWorld) -> None:
    world.add(material(1))
    change(world, "INSERT INTO registered_models(name, workspace) VALUES('theirs', 'team-a')")
    change(world, "INSERT INTO registered_models(name) VALUES('greeting')")
    change(
        world,
        "INSERT INTO registered_model_tags(name, \"key\", value) VALUES('greeting', 'mlflow.prompt.is_prompt', 'true')",
    )
    assert [model.name for model in world.store.models()] == [NAME]


def test_the_history_of_a_deleted_model_stays(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    world.store.record(decision(version, None))
    with unguarded(world.database) as rows:
        for table in ("model_version_tags", "model_versions", "registered_model_aliases", "registered_models"):
            rows.execute(f"DELETE FROM {table}")
    assert [entry.event for entry in world.store.ledger(NAME)] == [PROMOTED]


def test_a_database_that_plain_mlflow_made_gets_its_ledger_with_the_first_decision(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    forget(world.database)
    assert world.store.ledger(NAME) == []
    world.store.record(decision(version, None))
    assert len(world.store.ledger(NAME)) == 1


def test_what_stood_at_a_level_before_there_was_a_ledger_is_written_down_as_found(world: EmbeddedWorld) -> None:
    first, second = world.add(material(1)), world.add(material(2))
    forget(world.database)
    change(world, "INSERT INTO registered_model_aliases(name, alias, version) VALUES(?, 'production', 1)", NAME)
    change(world, "INSERT INTO registered_model_aliases(name, alias, version) VALUES(?, 'challenger', 2)", NAME)
    world.store.record(decision(second, None))
    found, moved = world.store.ledger(NAME)
    assert (found.event, found.level, found.version, found.digest) == ("imported", "production", 1, first.digest)
    assert (found.reason, found.verdicts) == ("it stood there before the ledger began", ())
    assert moved.event == PROMOTED


def test_files_that_are_gone_are_an_error_and_not_an_empty_model(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    shutil.rmtree(world.artifacts)
    with pytest.raises(CouldNot, match=f"the files of {NAME}/1 are gone"), world.store.model_folder(version):
        pass
    assert world.store.evidence(version) == []


def test_evidence_comes_as_the_bytes_that_lie_there(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    (found,) = world.artifacts.glob("*/*/artifacts/evidence/quality.dsse.json")
    found.write_text("{broken")
    assert ("quality.dsse.json", b"{broken") in world.store.evidence(version)


def test_evidence_of_a_deleted_run_does_not_count(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    change(world, "UPDATE runs SET lifecycle_stage = 'deleted'")
    assert world.store.evidence(version) == []


def test_files_that_came_through_a_server_on_this_registry_are_found(world: EmbeddedWorld) -> None:
    version = world.add(material(1))
    with world.store.model_folder(version) as folder:
        inside = folder.relative_to(world.artifacts).as_posix()
    change(world, "UPDATE model_versions SET storage_location = ?", f"mlflow-artifacts:/{inside}")
    with world.store.model_folder(version) as again:
        assert again == folder


@pytest.mark.parametrize(
    "place", ["mlflow-artifacts:/../../etc", "mlflow-artifacts:/%2e%2e/%2e%2e/etc", "s3://bucket/x", "relative/x", ""]
)
def test_files_outside_this_machines_artifacts_are_not_read(world: EmbeddedWorld, place: str) -> None:
    version = world.add(material(1))
    change(world, "UPDATE model_versions SET storage_location = ?", place)
    with (
        pytest.raises(CouldNot, match="are not on this machine|lie outside of the registry's artifacts"),
        world.store.model_folder(version),
    ):
        pass


def test_nan_and_infinite_metrics_are_left_out(world: EmbeddedWorld) -> None:
    version = world.add(material(1, metrics={"fine": 0.5, "infinite": 1.7976931348623157e308, "nan": 0.0}))
    change(world, "UPDATE latest_metrics SET is_nan = 1 WHERE \"key\" = 'nan'")
    assert world.store.metrics(version) == {"fine": 0.5}


def test_a_locked_database_is_named_as_such(world: EmbeddedWorld) -> None:
    world.add(material(1))
    store = EmbeddedStore(world.database, Ticking(), wait=0.0)
    with contextlib.closing(sqlite3.connect(world.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CouldNot, match="database is locked") as caught:
            store.models()
    assert "another program holds the database" in caught.value.hint


def test_a_locked_database_is_waited_for_once(world: EmbeddedWorld) -> None:
    world.add(material(1))
    store = EmbeddedStore(world.database, Ticking(), wait=0.5)
    with contextlib.closing(sqlite3.connect(world.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(CouldNot, match="database is locked"):
            store.models()
    assert time.monotonic() - began < 0.9


def test_a_database_of_another_mlflow_is_not_read(world: EmbeddedWorld) -> None:
    change(world, "UPDATE alembic_version SET version_num = 'abc'")
    with pytest.raises(CouldNot, match="was made by another MLflow"):
        world.store.models()


def test_a_failure_between_alias_and_entry_leaves_neither(world: EmbeddedWorld) -> None:
    version = world.add(material(1))

    def interrupted() -> datetime:
        raise KeyboardInterrupt  # the entry's time is asked for after the alias was set

    store = EmbeddedStore(world.database, interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.record(decision(version, None))
    assert world.store.version(ModelRef(NAME, version=1)).aliases == ()
    assert world.store.ledger(NAME) == []


MOVER = """
import sys
import time
from pathlib import Path
from towpath_core.clock import utc_now
from towpath_core.refs import ModelRef
from towpath_registry.embedded import EmbeddedStore
from towpath_registry.nouns import PROMOTED, Decision

store = EmbeddedStore(Path(sys.argv[1]), utc_now)
versions = {v.version: v for v in store.versions("occupation-coder")}
previous = None
while True:
    print("next", flush=True)
    number = 2 if previous == 1 else 1
    digest = versions[number].digest
    store.record(Decision("occupation-coder", PROMOTED, "staging", number, previous, "a", "", digest, "p", ()))
    previous = number
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_process_killed_amid_its_moves_leaves_alias_and_ledger_agreeing(tmp_path: Path, seed: int) -> None:
    world = EmbeddedWorld(tmp_path / "home", Ticking(datetime.now(UTC)))
    for number in (1, 2):
        world.add(material(number))
    command = [sys.executable, "-c", MOVER, str(world.database)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as mover:
        assert mover.stdout is not None
        for _ in range(random.Random(seed).randint(1, 60)):
            assert mover.stdout.readline()
        mover.kill()

    entries = world.store.ledger(NAME)
    stands = {alias: v.version for v in world.store.versions(NAME) for alias in v.aliases}
    assert stands.get("staging") == (entries[-1].version if entries else None)
    assert [entry.previous for entry in entries] == [None, *(entry.version for entry in entries)][: len(entries)]

    version = world.store.version(ModelRef(NAME, version=1))
    world.store.record(decision(version, stands.get("staging")))
    assert world.store.ledger(NAME)[-1].version == 1


@pytest.mark.parametrize("first", ["store", "ensure_home"])
def test_what_a_killed_writer_left_half_done_is_undone_by_the_next_reader(
    world: EmbeddedWorld, tmp_path: Path, first: str
) -> None:
    version = world.add(material(1))
    world.store.record(decision(version, None))
    left = tmp_path / "left" / "towpath.db"
    left.parent.mkdir()
    with contextlib.closing(sqlite3.connect(world.database, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET name = 'another'")
        for number in range(2000):
            writer.execute("INSERT INTO registered_models(name, description) VALUES(?, ?)", (f"m{number}", "x" * 2000))
        shutil.copyfile(world.database, left)  # as the files are when the writer dies now
        shutil.copyfile(f"{world.database}-journal", f"{left}-journal")
        writer.execute("ROLLBACK")
    assert left.stat().st_size > world.database.stat().st_size
    if first == "ensure_home":
        places.ensure_home({"TOWPATH_HOME": str(left.parent)})

    store = EmbeddedStore(left, Ticking())

    assert [(v.version, v.aliases) for v in store.versions(NAME)] == [(1, ("staging",))]
    assert [model.name for model in store.models()] == [NAME]
    assert not left.with_name("towpath.db-journal").exists()


def test_many_who_record_at_once_make_one_chain(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home", Ticking(datetime.now(UTC)))
    version = world.add(material(1))
    refused = replace(decision(version, None), event=REFUSED)

    def record(actor: int) -> None:
        store = EmbeddedStore(world.database, utc_now)
        for _ in range(10):
            store.record(replace(refused, actor=str(actor)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(4)))

    entries = world.store.ledger(NAME)
    assert sorted(entry.actor for entry in entries) == sorted(str(actor) for actor in range(4) for _ in range(10))
    assert [entry.seq for entry in entries] == list(range(1, 41))


def test_of_two_who_move_from_the_same_place_one_does(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home", Ticking(datetime.now(UTC)))
    versions = [world.add(material(number)) for number in (1, 2, 3, 4)]

    def move(version: ModelVersion) -> bool:
        try:
            EmbeddedStore(world.database, utc_now).record(decision(version, None))
        except CouldNot:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(move, versions))

    assert moved.count(True) == 1
    (entry,) = world.store.ledger(NAME)
    assert world.store.version(ModelRef(NAME, alias="staging")).version == entry.version == moved.index(True) + 1


def test_a_view_shows_one_state_until_something_is_written_in_it(world: EmbeddedWorld) -> None:
    world.add(material(1))
    other = EmbeddedStore(world.database, Ticking())
    with world.store.view():
        assert [model.latest for model in world.store.models()] == [1]
        with world.store.view():
            version = world.store.version(ModelRef(NAME, version=1))
        world.store.record(decision(version, None))  # would wait for itself if the view were still open
        assert world.store.version(ModelRef(NAME, alias="staging")).version == 1
    other.record(replace(decision(version, None), event="refused"))
    assert len(world.store.ledger(NAME)) == 2


@dataclass
class Listening:
    """A database, and what was asked of it by those who only read."""

    databases: Databases
    asked: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Database]:
        with self.databases.reading() as database:
            yield Heard(database, self.asked)

    def writing(self) -> contextlib.AbstractContextManager[Database]:
        return self.databases.writing()


@dataclass
class Heard:
    database: Database
    asked: list[str]
    dialect: str = "sqlite"

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return self.database.rows(sql, **values)

    def run(self, sql: str, **values: Any) -> None:
        self.database.run(sql, **values)


def test_a_view_puts_no_question_to_the_database_twice(world: EmbeddedWorld) -> None:
    version, store = world.add(material(1)), EmbeddedStore(world.database, Ticking())
    listening = Listening(store.databases)
    store.databases = listening
    one, two = ModelRef(NAME, version=1), ModelRef(NAME, alias="staging")
    with store.view():
        assert store.version(one) == version
        asked = len(listening.asked)
        assert store.version(one) == version
        assert len(listening.asked) == asked > 0
        with pytest.raises(NotFound):
            store.version(two)
        store.record(decision(version, None))
        assert store.version(two).ref == version.ref
    assert store.version(one).aliases == ("staging",)


def test_what_goes_wrong_in_a_view_ends_it(world: EmbeddedWorld) -> None:
    world.add(material(1))
    with pytest.raises(NotFound), world.store.view():
        world.store.version(ModelRef("nobody", version=1))
    world.store.record(decision(world.store.version(ModelRef(NAME, version=1)), None))

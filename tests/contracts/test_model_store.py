"""The same promises of the store in memory, the embedded one and one on a real MLflow server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry_world import (
    METRICS,
    SIGNERS,
    START,
    EmbeddedWorld,
    MemoryWorld,
    MlflowWorld,
    World,
    material,
    mlflow_server,
)
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, NotFound
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import evidence
from towpath_registry.nouns import PROMOTED, REFUSED, REQUESTED, Decision, LedgerEntry, ModelVersion


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("server") / "home") as address:
        yield address


@pytest.fixture(
    params=[
        "memory",
        "embedded",
        pytest.param("mlflow", marks=pytest.mark.slow),
        pytest.param("server", marks=pytest.mark.slow),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """`mlflow` is the embedded store again, written by MLflow's own client."""
    if request.param == "memory":
        return MemoryWorld(tmp_path)
    if request.param == "embedded":
        return EmbeddedWorld(tmp_path / "home")
    if request.param == "mlflow":
        return MlflowWorld({"TOWPATH_HOME": str(tmp_path / "home")})
    return MlflowWorld({"MLFLOW_TRACKING_URI": request.getfixturevalue("server")})


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A model of this test's own, as all share one server."""
    return f"model-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


def decision(version: ModelVersion, previous: int | None = None, **other: object) -> Decision:
    made = Decision(
        model=version.name,
        event=PROMOTED,
        level="staging",
        version=version.version,
        previous=previous,
        actor="a.tester@example.invalid",
        reason="größer: “ok”",
        digest=version.digest,
        policy="sha256:" + "0" * 64,
        verdicts=(Verdict("quality", True, "accuracy_4", "0.578", "at least 0.55"),),
    )
    return replace(made, **other)  # type: ignore[arg-type]


def done(entries: list[LedgerEntry]) -> list[tuple[str, int, int | None]]:
    """Event, version and where the level stood before; a plain server also tells of each request."""
    return [(e.event, e.version, e.previous) for e in entries if e.event != REQUESTED]


def test_a_version_is_found_by_number_and_by_alias_with_all_that_was_registered(world: World, name: str) -> None:
    made = material()
    first, second = world.add(made, name), world.add(material(2), name)
    world.move_alias(name, "staging", 1)

    found = world.store.version(ModelRef.parse(f"{name}@staging"))

    assert (found.name, found.version, found.aliases) == (name, 1, ("staging",))
    assert found.digest == first.digest != second.digest
    assert found.tags["towpath.commit"] == made.tags["towpath.commit"]
    assert all(found.provenance().values())
    assert found == world.store.version(ModelRef(name, version=1))
    assert found.created <= second.created


def test_versions_come_newest_first_and_carry_their_aliases(world: World, name: str) -> None:
    for number in (1, 2, 3):
        world.add(material(number), name)
    world.move_alias(name, "production", 2)
    world.move_alias(name, "challenger", 2)

    found = [(version.version, version.aliases) for version in world.store.versions(name)]

    assert found == [(3, ()), (2, ("challenger", "production")), (1, ())]


def test_a_model_is_listed_with_its_newest_version_and_its_aliases(world: World, name: str) -> None:
    world.add(material(1), name)
    world.add(material(2), name)
    world.move_alias(name, "production", 1)

    found = {model.name: model for model in world.store.models()}[name]

    assert (found.latest, dict(found.aliases)) == (2, {"production": 1})


def test_an_unknown_model_is_not_found_and_the_closest_name_is_offered(world: World, name: str) -> None:
    world.add(material(), name)
    for ask in (world.store.versions, world.store.ledger):
        with pytest.raises(NotFound) as caught:
            ask(f"{name}x")
        assert caught.value.message == f"there is no model {name}x"
        assert f"towpath show {name}" in caught.value.hint
    with pytest.raises(NotFound, match=f"there is no model {name}x"):
        world.store.version(ModelRef(f"{name}x", version=1))


def test_an_unknown_version_or_alias_is_not_found_and_what_there_is_is_named(world: World, name: str) -> None:
    world.add(material(), name)
    with pytest.raises(NotFound, match=f"there is no version {name}/9: the newest is {name}/1"):
        world.store.version(ModelRef(name, version=9))
    with pytest.raises(NotFound, match=f"{name} has no alias production: it has none"):
        world.store.version(ModelRef(name, alias="production"))
    world.move_alias(name, "staging", 1)
    with pytest.raises(NotFound, match=f"{name} has no alias production: it has staging"):
        world.store.version(ModelRef(name, alias="production"))


def test_the_folder_holds_the_very_bytes_that_were_registered(world: World, name: str) -> None:
    made = material()
    version = world.add(made, name)
    with world.store.model_folder(version) as folder:
        assert dir_hash(folder) == version.digest
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == dict(made.files)


def test_evidence_and_metrics_are_those_of_the_versions_run(world: World, name: str) -> None:
    world.add(material(1, metrics={"accuracy_4": 0.1}), name)
    version = world.add(material(2), name)

    assert world.store.metrics(version) == METRICS
    read = [evidence.read(file, content, SIGNERS, None, START) for file, content in world.store.evidence(version)]
    assert {found.kind for found in read} == {"data-checks", "quality", "documentation"}
    assert {found.statement.digest for found in read if found.statement} == {version.digest}


def test_a_file_of_the_versions_run_is_had_whole_and_no_other(world: World, name: str) -> None:
    version = world.add(material(), name)
    for file, content in world.store.evidence(version):
        assert world.store.run_file(version, f"{evidence.FOLDER}/{file}") == content
    for path in (
        "reports/nothing.json",
        "nothing",
        evidence.FOLDER,
        f"../{version.digest}",
        "../../../../etc/hostname",
    ):
        assert world.store.run_file(version, path) is None


def test_a_version_without_evidence_has_none(world: World, name: str) -> None:
    version = world.add(material(checked=None, judged=None, documented=None), name)
    assert world.store.evidence(version) == []


def test_a_move_sets_the_alias_and_the_ledger_tells_of_it(world: World, name: str) -> None:
    version = world.add(material(), name)

    entry = world.store.record(decision(version))

    assert world.store.version(ModelRef(name, alias="staging")).version == 1
    assert world.store.ledger(name)[-1] == entry
    assert (entry.model, entry.event, entry.level, entry.version, entry.previous) == (
        name,
        PROMOTED,
        "staging",
        1,
        None,
    )
    assert (entry.actor, entry.reason) == ("a.tester@example.invalid", "größer: “ok”")
    assert (entry.digest, entry.verdicts) == (version.digest, decision(version).verdicts)


def test_entries_are_chained_and_their_times_never_go_back(world: World, name: str) -> None:
    first, second = world.add(material(1), name), world.add(material(2), name)
    world.store.record(decision(first))
    world.store.record(decision(second, previous=1))
    world.store.record(decision(first, previous=2))

    entries = world.store.ledger(name)

    assert done(entries) == [(PROMOTED, 1, None), (PROMOTED, 2, 1), (PROMOTED, 1, 2)]
    assert [later.prev for later in entries[1:]] == [earlier.hash for earlier in entries[:-1]]
    assert [entry.time for entry in entries] == sorted(entry.time for entry in entries)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


def test_a_refusal_is_recorded_and_moves_nothing(world: World, name: str) -> None:
    version = world.add(material(), name)
    no = Verdict("quality", False, "accuracy_4", "0.41", "at least 0.55")

    world.store.record(decision(version, event=REFUSED, verdicts=(no,)))

    assert world.store.version(ModelRef(name, version=1)).aliases == ()
    entries = world.store.ledger(name)
    assert done(entries) == [(REFUSED, 1, None)]
    assert entries[-1].verdicts == (no,)


@pytest.mark.parametrize("expected", [None, 2])
def test_a_move_from_where_the_level_no_longer_stands_does_nothing(
    world: World, name: str, expected: int | None
) -> None:
    first, second, third = (world.add(material(number), name) for number in (1, 2, 3))
    world.store.record(decision(first))
    before = world.store.ledger(name)

    with pytest.raises(CouldNot, match="changed while staging was being decided; nothing was moved"):
        world.store.record(decision(third, previous=expected))

    assert world.store.version(ModelRef(name, alias="staging")).version == 1
    assert world.store.ledger(name) == before
    assert second.version == 2


def test_a_move_of_other_bytes_than_were_judged_does_nothing(world: World, name: str) -> None:
    version = world.add(material(), name)
    with pytest.raises(CouldNot, match="nothing was moved"):
        world.store.record(decision(version, digest="sha256:" + "f" * 64))
    assert world.store.version(ModelRef(name, version=1)).aliases == ()
    assert world.store.ledger(name) == []


def test_a_move_to_a_version_that_is_not_there_does_nothing(world: World, name: str) -> None:
    version = world.add(material(), name)
    with pytest.raises(CouldNot):
        world.store.record(replace(decision(version), version=7))
    assert world.store.ledger(name) == []


def test_an_entry_may_hold_many_long_verdicts(world: World, name: str) -> None:
    version = world.add(material(), name)
    many = tuple(Verdict("quality", True, f"measure_{i} äöü", "0.5" * 30, "at least 0.1") for i in range(100))

    world.store.record(decision(version, verdicts=many))

    assert world.store.ledger(name)[-1].verdicts == many


def test_another_models_moves_are_not_in_a_models_history(world: World, name: str) -> None:
    version, other = world.add(material(1), name), world.add(material(2), f"{name}-b")
    world.store.record(decision(version))
    world.store.record(decision(other))

    assert [entry.model for entry in world.store.ledger(f"{name}-b") if entry.event == PROMOTED] == [f"{name}-b"]
    assert {entry.model for entry in world.store.ledger(name)} == {name}


def test_a_model_without_moves_has_an_empty_history(world: World, name: str) -> None:
    world.add(material(), name)
    assert world.store.ledger(name) == []

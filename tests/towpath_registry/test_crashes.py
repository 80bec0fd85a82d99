"""Whatever dies, and whenever: the alias and the ledger agree, and the same can be asked for again."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import crashing
from guarded_world import postgres_world
from postgres import Postgres
from registry_world import NAME, SIGNERS, EmbeddedWorld, Ticking, material
from towpath_core.clock import utc_now
from towpath_core.errors import CouldNot
from towpath_core.refs import ModelRef
from towpath_registry import nouns
from towpath_registry.embedded import EmbeddedStore
from towpath_registry.nouns import Question
from towpath_registry.policy import solo
from towpath_registry.promotion import Promotions


def agree(world: EmbeddedWorld, level: str) -> int | None:
    """What stands at the level, after the ledger was verified and said the same."""
    moves = [e for e in world.store.ledger(NAME) if e.event in nouns.CHANGES and e.level == level]
    stands = {alias: v.version for v in world.store.versions(NAME) for alias in v.aliases}.get(level)
    assert stands == (moves[-1].version if moves else None)
    return stands


def promote_and_die(home: Path, statement: int, *url: str) -> int:
    command = [sys.executable, crashing.__file__, str(home), str(statement), "staging", *url]
    environ = {"PYTHONPATH": str(Path(crashing.__file__).parent), "HOME": str(home)}
    return subprocess.run(command, env=environ, capture_output=True, timeout=120).returncode


def insist(desk: Promotions, version: int) -> None:
    """Promote to staging as a person does who gives the same command again while others are faster."""
    while True:
        try:
            desk.settle(desk.plan(ModelRef(NAME, version=version), "staging"), f"client-{version}", "")
        except CouldNot as error:
            if "nothing was moved" not in error.message:
                raise
        else:
            return


@pytest.mark.slow
def test_a_client_that_is_killed_before_any_of_its_statements_leaves_a_whole_promotion_or_none(tmp_path: Path) -> None:
    died = 0
    for statement in range(1, 200):
        world = EmbeddedWorld(tmp_path / str(statement))
        world.add(material(1))
        code = promote_and_die(tmp_path / str(statement), statement)
        if code == 0:
            assert agree(world, "staging") == 1
            break
        assert code == -signal.SIGKILL
        died += 1
        before = agree(world, "staging")
        desk = Promotions(world.store, Ticking(), solo, lambda _: SIGNERS)
        plan = desk.plan(ModelRef(NAME, version=1), "staging")
        assert plan.done == (before == 1)
        if not plan.done:
            desk.settle(plan, "ann", "")
        assert agree(world, "staging") == 1
        assert len(world.store.ledger(NAME, Question(events=(nouns.PROMOTED,)))) == 1
    assert died > 8


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material(1))
    world.store.ledger(NAME)
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "import crashing; crashing.main(sys.argv[1], '0', 'staging')"
    )
    environ = {"PYTHONPATH": str(Path(crashing.__file__).parent), "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "home")], env=environ, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 1
    assert "towpath_core.errors.CouldNot: " in ended.stderr
    assert agree(world, "staging") is None
    assert promote_and_die(tmp_path / "home", 0) == 0
    assert agree(world, "staging") == 1


@pytest.mark.slow
def test_fifty_who_promote_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    for number in range(1, 51):
        world.add(material(number))

    def promote(number: int) -> None:
        insist(Promotions(EmbeddedStore(world.database, utc_now), utc_now, solo, lambda _: SIGNERS), number)

    with ThreadPoolExecutor(50) as clients:
        list(clients.map(promote, range(1, 51)))

    moves = world.store.ledger(NAME)
    assert sorted(entry.version for entry in moves) == list(range(1, 51))
    assert [entry.previous for entry in moves] == [None, *(entry.version for entry in moves[:-1])]
    assert agree(world, "staging") == moves[-1].version


@pytest.mark.slow
def test_a_servers_process_that_is_killed_before_any_of_its_statements_leaves_a_whole_promotion_or_none(
    postgres: Postgres, tmp_path: Path
) -> None:
    with postgres.database() as name:
        guarded = postgres_world(postgres, name)
        guarded.add(1)
        died = 0
        for statement in range(1, 200):
            code = promote_and_die(tmp_path, statement, postgres.url(name))
            store = crashing.store_at(postgres.url(name), tmp_path)
            moves = store.ledger(NAME, Question(events=nouns.CHANGES))
            assert guarded.aliases() == ({"staging": 1} if moves else {})
            if code == 0 or moves:
                break
            assert code == -signal.SIGKILL
            died += 1
        assert died > 8
        desk = Promotions(store, utc_now, crashing.open_to_all, lambda _: ())
        plan = desk.plan(ModelRef(NAME, version=1), "staging")
        if not plan.done:
            desk.settle(plan, "ann", "")
        assert guarded.aliases() == {"staging": 1}
        assert len(store.ledger(NAME)) == 1


@pytest.mark.slow
def test_fifty_who_promote_at_once_on_postgresql_come_one_after_the_other(postgres: Postgres, tmp_path: Path) -> None:
    with postgres.database() as name:
        guarded = postgres_world(postgres, name)
        guarded.add(*range(1, 51))
        store = crashing.store_at(postgres.url(name), tmp_path, 50)

        def promote(number: int) -> None:
            insist(Promotions(store, utc_now, crashing.open_to_all, lambda _: ()), number)

        with ThreadPoolExecutor(50) as clients:
            list(clients.map(promote, range(1, 51)))

        moves = store.ledger(NAME)
        assert sorted(entry.version for entry in moves) == list(range(1, 51))
        assert [entry.previous for entry in moves] == [None, *(entry.version for entry in moves[:-1])]
        assert guarded.aliases() == {"staging": moves[-1].version}

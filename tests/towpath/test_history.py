from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import NAME, EmbeddedWorld, material, unguarded
from towpath_core.verdicts import Verdict
from towpath_registry.nouns import PROMOTED, REFUSED, ROLLED_BACK, Decision, ModelVersion

if TYPE_CHECKING:
    from tests.conftest import Towpath

NO = Verdict("quality", False, "accuracy_4", "0.41", "at least 0.55")


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    return EmbeddedWorld(home)


def decision(version: ModelVersion, event: str, previous: int | None, reason: str = "", *said: Verdict) -> Decision:
    return Decision(
        NAME, event, "production", version.version, previous, "ann@example.invalid", reason, version.digest, "p", said
    )


def test_who_moved_what_when_and_why_and_what_was_refused(towpath: Towpath, world: EmbeddedWorld) -> None:
    first, second = world.add(material(1)), world.add(material(2))
    world.store.record(decision(first, PROMOTED, None, "first release"))
    world.store.record(decision(second, REFUSED, 1, "", NO))
    world.store.record(decision(second, PROMOTED, 1))
    world.store.record(decision(first, ROLLED_BACK, 2, "too many wrong codes"))

    lines = towpath("history", NAME).out.splitlines()

    assert lines[0].split() == ["entry", "time", "event", "level", "version", "before", "by", "why"]
    assert [line.split("  ")[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    assert "promoted     production  1        –       ann@example.invalid  first release" in lines[1]
    assert "refused      production  2        1       ann@example.invalid  quality: accuracy_4 is 0.41" in lines[2]
    assert "rolled back  production  1        2       ann@example.invalid  too many wrong codes" in lines[4]


def test_json_holds_whole_entries_chained_to_each_other(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = world.add(material())
    world.store.record(decision(version, REFUSED, None, "", NO))
    world.store.record(decision(version, PROMOTED, None, "why not"))
    first, second = towpath("history", NAME, "--json").json["entries"]
    assert first["verdicts"] == [
        {"gate": "quality", "passed": False, "subject": "accuracy_4", "got": "0.41", "expected": "at least 0.55"}
    ]
    assert (second["event"], second["actor"], second["reason"]) == (PROMOTED, "ann@example.invalid", "why not")
    assert second["prev"] == first["hash"]
    assert second["digest"] == version.digest


def test_a_model_to_which_nothing_happened_says_so(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    assert towpath("history", NAME).out == f"Nothing has happened to {NAME} yet.\nNext: towpath show {NAME}\n"


@pytest.mark.parametrize("entries", [0, 1])
def test_an_alias_that_was_moved_past_towpath_is_noted(towpath: Towpath, world: EmbeddedWorld, entries: int) -> None:
    first, _ = world.add(material(1)), world.add(material(2))
    for _ in range(entries):
        world.store.record(decision(first, PROMOTED, None))
    assert "moved past" not in towpath("history", NAME).out
    world.move_alias(NAME, "production", 2)
    world.move_alias(NAME, "challenger", 2)
    told = towpath("history", NAME).out
    assert f"Note: production stands at {NAME}/2, which no entry tells of: it was moved past towpath." in told
    assert towpath("history", NAME, "--json").json["moved_past_the_ledger"] == {"production": 2}


def test_an_alias_that_was_removed_past_towpath_is_noted(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.store.record(decision(world.add(material(1)), PROMOTED, None))
    with unguarded(world.database) as rows:
        rows.execute("DELETE FROM registered_model_aliases")
    assert "Note: production was removed, which no entry tells of" in towpath("history", NAME).out


def test_an_unknown_model_is_named_with_the_next_command(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    told = towpath("history", "occupation-code", code=3).err
    assert "there is no model occupation-code" in told
    assert "towpath show occupation-coder" in told


def test_a_ledger_that_was_changed_is_not_shown_as_if_it_were_whole(towpath: Towpath, world: EmbeddedWorld) -> None:
    version = world.add(material())
    world.store.record(decision(version, PROMOTED, None, "first"))
    with closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute("DROP TRIGGER towpath_ledger_no_update")
        rows.execute("UPDATE towpath_ledger SET body = CAST(replace(body, 'first', 'other') AS BLOB)")
    told = towpath("history", NAME, code=5).err
    assert "the ledger was changed by other means than towpath: entry 1: its content was changed" in told

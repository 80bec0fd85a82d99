from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from office_world import OfficeWorld
from registry_world import NAME, EmbeddedWorld, material, unguarded
from towpath_core.verdicts import Verdict
from towpath_registry.nouns import PROMOTED, REFUSED, RETIRED, ROLLED_BACK, Approval, Decision, ModelVersion
from towpath_registry.store import open_store

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
    assert "promoted     production  1        –       ann@example.invalid  “first release”" in lines[1]
    assert "refused      production  2        1       ann@example.invalid  quality: accuracy_4 is 0.41" in lines[2]
    assert "rolled back  production  1        2       ann@example.invalid  “too many wrong codes”" in lines[4]


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
    changed = "the ledger was changed by other means than towpath: entry 1"
    for arguments in ((), ("--limit", "0"), ("--as-of", "2026-03-31")):
        assert changed in towpath("history", NAME, *arguments, code=5).err


# Requests


@pytest.fixture
def office(home: Path) -> OfficeWorld:
    """Under the policy `team`: one version at staging and production, a request that was rejected, one that waits."""
    office = OfficeWorld(home)
    office.govern()
    office.add()
    office.add(material(2))
    office.put(1, "staging")
    office.put(1, "production")
    office.desk.reject(office.ask(2, "staging").id, "mia", "the gain is in one division only")
    office.ask(2, "staging", reason="with the new index")
    return office


def test_who_asked_who_agreed_and_who_did_not(towpath: Towpath, office: OfficeWorld) -> None:
    lines = towpath("history", NAME).out.splitlines()[1:]
    made, _, asked, agreed, done, *_, rejected, again = [" ".join(line.split()[4:]) for line in lines]
    first, last = office.registry.store.ledger(NAME)[2].request, office.desk.promotions(NAME)[0].id
    assert made == "registered – 1 – dora 3 statements of evidence"
    assert asked == f"requested staging 1 – dora request {first}; “please”"
    assert agreed == f"approved staging 1 – mia request {first}; “the gain holds in every division”"
    assert done == f"promoted staging 1 – dora request {first}; approved by mia; “please”"
    assert rejected.startswith("rejected staging 2 1 mia request ")
    assert rejected.endswith("; “the gain is in one division only”")
    assert again == f"requested staging 2 1 dora request {last}; “with the new index”"


def test_json_tells_of_requests_approvals_and_evidence(towpath: Towpath, office: OfficeWorld) -> None:
    entries = towpath("history", NAME, "--json").json["entries"]
    (done,) = [entry for entry in entries if (entry["event"], entry["level"]) == (PROMOTED, "production")]
    assert [(yes["by"], yes["role"]) for yes in done["approvals"]] == [("mia", ""), ("bob", "")]
    assert (len(done["request"]), "review_by" in done["details"], len(done["evidence"])) == (12, True, 3)


def test_the_newest_entries_come_first_to_mind(towpath: Towpath, office: OfficeWorld) -> None:
    told = towpath("history", NAME, "--limit", "2").out.splitlines()
    assert told[0] == f"Earlier entries are not shown: towpath history {NAME} --limit 0"
    assert [line.split()[0] for line in told[2:]] == ["12", "13"]
    found = towpath("history", NAME, "--limit", "2", "--json").json
    assert (len(found["entries"]), found["earlier_entries"]) == (2, True)
    whole = towpath("history", NAME, "--limit", "0", "--json").json
    assert (len(whole["entries"]), whole["earlier_entries"]) == (12, False)


# What stood where


@pytest.fixture
def past(home: Path) -> EmbeddedWorld:
    """Version 1 at production from 1 March 2026, version 2 from the 10th, 1 again from the 20th; staging emptied."""
    days = iter([1, 1, 2, 10, 20, 25])
    world = EmbeddedWorld(home)
    world.store = open_store(world.environ, lambda: datetime(2026, 3, next(days), 9, 30, tzinfo=UTC))
    first, second = world.add(material(1)), world.add(material(2))
    yes = (Approval("bob", "business_owner", datetime(2026, 3, 1, tzinfo=UTC)),)
    world.store.record(replace(decision(first, PROMOTED, None, "first release"), approvals=yes, request="0123456789ab"))
    world.store.record(replace(decision(first, PROMOTED, None), level="staging"))
    world.store.record(decision(second, REFUSED, 1, "", NO))
    world.store.record(decision(second, PROMOTED, 1, "retrained"))
    world.store.record(decision(first, ROLLED_BACK, 2, "too many wrong codes"))
    world.store.record(replace(decision(first, RETIRED, 1, "done with"), level="staging"))
    return world


@pytest.mark.parametrize(
    ("moment", "version", "entry", "how"),
    [
        ("2026-03-01", 1, 1, "promoted by ann@example.invalid"),
        ("2026-03-09", 1, 1, "promoted by ann@example.invalid"),
        ("2026-03-10T09:29:59", 1, 1, "promoted by ann@example.invalid"),
        ("2026-03-10T09:30:00Z", 2, 4, "promoted by ann@example.invalid"),
        ("2026-03-10T10:29:59+01:00", 1, 1, "promoted by ann@example.invalid"),
        ("2026-03-10", 2, 4, "promoted by ann@example.invalid"),
        ("2026-03-20", 1, 5, "rolled back by ann@example.invalid"),
        ("2026-03-31", 1, 5, "rolled back by ann@example.invalid"),
    ],
)
def test_what_stood_at_production_on_that_day_and_who_put_it_there(
    towpath: Towpath, past: EmbeddedWorld, moment: str, version: int, entry: int, how: str
) -> None:
    told = towpath("history", NAME, "--as-of", moment)
    (line,) = [line for line in told.out.splitlines() if line.startswith("production")]
    assert line.split()[1] == str(version)
    assert how in line
    found = towpath("history", NAME, "--as-of", moment, "--json").json["levels"]["production"]
    assert (found["version"], found["seq"]) == (version, entry)


def test_since_when_and_with_whose_approval(towpath: Towpath, past: EmbeddedWorld) -> None:
    lines = towpath("history", NAME, "--as-of", "2026-03-05").out.splitlines()
    assert lines[0] == f"{NAME} as of 2026-03-05 23:59 UTC"
    assert lines[2].split() == ["level", "version", "since", "how", "approved", "by", "entry", "why"]
    assert (
        "2026-03-01 09:30 UTC  promoted by ann@example.invalid  bob (business owner)  1      first release" in lines[3]
    )


def test_after_a_retirement_nothing_stood_there(towpath: Towpath, past: EmbeddedWorld) -> None:
    assert "staging     1 " in towpath("history", NAME, "--as-of", "2026-03-24").out
    told = towpath("history", NAME, "--as-of", "2026-03-31").out
    assert "staging     –        2026-03-25 09:30 UTC  retired by ann@example.invalid" in told
    assert towpath("history", NAME, "--as-of", "2026-03-31", "--json").json["levels"]["staging"] is None


def test_before_the_first_entry_nothing_is_known(towpath: Towpath, past: EmbeddedWorld) -> None:
    told = towpath("history", NAME, "--as-of", "2026-02-28", code=3).err
    assert f"the ledger knows nothing of {NAME} as of 2026-02-28 23:59 UTC: its first entry is of 2026-03-01" in told


def test_of_a_model_to_which_nothing_happened_nothing_is_known(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.add(material())
    told = towpath("history", NAME, "--as-of", "2026-03-31", code=3).err
    assert "nothing has happened to it" in told


def test_a_version_that_was_only_refused_stood_nowhere(towpath: Towpath, world: EmbeddedWorld) -> None:
    world.store.record(decision(world.add(material()), REFUSED, None, "", NO))
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert "No version stood at any level." in towpath("history", NAME, "--as-of", today).out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2099-01-01", "2099-01-01 is yet to come"),
        ("2099-01-01T00:00:00Z", "is yet to come"),
        ("yesterday", "'yesterday' is no day and no time"),
        ("2026-02-30", "'2026-02-30' is no day and no time"),
        ("31.03.2026", "'31.03.2026' is no day and no time"),
    ],
)
def test_what_is_no_day_of_the_past_is_misused(towpath: Towpath, past: EmbeddedWorld, text: str, why: str) -> None:
    assert why in towpath("history", NAME, "--as-of", text, code=2).err

"""What only a server's store must stand: interruptions and races between its several writes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from fake_mlflow import FakeMlflow, serving
from registry_world import Ticking
from towpath_core.errors import CouldNot, Mismatch
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import ledger
from towpath_registry.nouns import PROMOTED, REQUESTED, Decision
from towpath_registry.server import ServerStore

DIGEST = "sha256:" + "d" * 64


@pytest.fixture
def fake() -> FakeMlflow:
    """A server with two versions of `coder`."""
    fake = FakeMlflow()
    fake.versions = {1: {"towpath.digest": DIGEST}, 2: {"towpath.digest": DIGEST}}
    return fake


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def store(fake: FakeMlflow, clock: Ticking) -> Iterator[ServerStore]:
    with serving(fake) as address:
        yield ServerStore(address, {}, clock)


def decision(version: int = 1, previous: int | None = None) -> Decision:
    said = (Verdict("quality", True, "accuracy", "0.6", "at least 0.5"),)
    return Decision("coder", PROMOTED, "staging", version, previous, "ann", "", DIGEST, "p", said)


def events(store: ServerStore) -> list[tuple[str, int, int | None]]:
    return [(entry.event, entry.version, entry.previous) for entry in store.ledger("coder")]


def test_a_move_is_requested_in_the_ledger_before_and_told_after(fake: FakeMlflow, store: ServerStore) -> None:
    store.record(decision())
    assert events(store) == [(REQUESTED, 1, None), (PROMOTED, 1, None)]
    written = [path.rpartition("/")[2] for method, path, _ in fake.requests if method == "POST"]
    assert written == ["set-tag", "alias", "set-tag"]


@pytest.mark.parametrize("stop", range(1, 7))
def test_wherever_a_move_breaks_off_the_same_command_completes_it(
    fake: FakeMlflow, store: ServerStore, stop: int
) -> None:
    """`stop` counts all requests of the move; from that one on, the server is away."""
    count = itertools.count(1)
    fake.fault = lambda method, path, content: 503 if next(count) >= stop else None
    with pytest.raises(CouldNot):
        store.record(decision())
    fake.fault = lambda method, path, content: None

    assert fake.aliases in ({}, {"staging": 1})
    assert PROMOTED not in [event for event, _, _ in events(store)]

    store.record(decision(previous=fake.aliases.get("staging")))

    assert fake.aliases == {"staging": 1}
    assert events(store) == [(REQUESTED, 1, None), (PROMOTED, 1, None)]


def test_an_alias_that_moved_before_the_interruption_shows_as_an_open_request(
    fake: FakeMlflow, store: ServerStore
) -> None:
    fake.aliases["staging"] = 2
    written = itertools.count(1)
    fake.fault = lambda method, path, content: 503 if path.endswith("set-tag") and next(written) > 1 else None
    with pytest.raises(CouldNot):
        store.record(decision(previous=2))
    assert (fake.aliases, events(store)) == ({"staging": 1}, [(REQUESTED, 1, 2)])


def test_another_move_waits_for_an_open_request_until_it_is_abandoned(
    fake: FakeMlflow, store: ServerStore, clock: Ticking
) -> None:
    fake.fault = lambda method, path, content: 503 if path.endswith("alias") else None
    with pytest.raises(CouldNot):
        store.record(decision(1))
    fake.fault = lambda method, path, content: None

    with pytest.raises(CouldNot, match="ann asked on .* to move coder/1 to staging, and that is not finished"):
        store.record(decision(2))
    assert fake.aliases == {}

    clock.now += timedelta(minutes=3)
    store.record(decision(2))
    assert fake.aliases == {"staging": 2}
    assert events(store) == [(REQUESTED, 1, None), (REQUESTED, 2, None), (PROMOTED, 2, None)]


def test_of_two_who_write_the_same_entry_the_one_who_sees_the_other_withdraws(
    fake: FakeMlflow, store: ServerStore
) -> None:
    theirs = ledger.next_link(None, replace(decision(2), actor="bob", event=REQUESTED), Ticking()())

    def meanwhile(method: str, path: str, content: dict[str, str]) -> None:
        if path.endswith("set-tag"):
            fake.tags[f"towpath.ledger.{1:08d}.{theirs.hash.hex()}.1-1"] = theirs.body.decode()

    fake.fault = meanwhile
    with pytest.raises(CouldNot, match="nothing was moved"):
        store.record(decision(1))

    assert fake.aliases == {}
    assert [(entry.event, entry.actor) for entry in store.ledger("coder")] == [(REQUESTED, "bob")]


def test_an_entry_that_stands_twice_is_shown_and_stops_everything(fake: FakeMlflow, store: ServerStore) -> None:
    for actor in ("ann", "bob"):
        link = ledger.next_link(None, replace(decision(), actor=actor), Ticking()())
        fake.tags[f"towpath.ledger.{1:08d}.{link.hash.hex()}.1-1"] = link.body.decode()
    with pytest.raises(Mismatch, match="the ledger's entry 1 was written twice") as caught:
        store.ledger("coder")
    assert "towpath.ledger.00000001" in caught.value.hint
    with pytest.raises(Mismatch, match="the ledger's entry 1 was written twice"):
        store.record(decision())
    assert fake.aliases == {}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("drop", "entry 1: the next entry has number 2"),
        ("edit", "entry 1: its content was changed"),
        ("odd hash", "entry 1: its content was changed"),
        ("other tag", "the tag towpath.ledger.note is no ledger entry"),
    ],
)
def test_a_ledger_that_somebody_edited_is_found(fake: FakeMlflow, store: ServerStore, spoil: str, why: str) -> None:
    store.record(decision(1))
    store.record(decision(2, previous=1))
    first = min(fake.tags)
    value = fake.tags.pop(first)
    if spoil == "edit":
        fake.tags[first] = value.replace("ann", "eve")
    elif spoil == "odd hash":
        fake.tags["towpath.ledger.00000001.nothex.1-1"] = value
    elif spoil == "other tag":
        fake.tags[first] = value
        fake.tags["towpath.ledger.note"] = "mine"
    with pytest.raises(Mismatch, match=why):
        store.ledger("coder")


def test_an_entry_that_was_not_written_to_its_end_does_not_count(fake: FakeMlflow, store: ServerStore) -> None:
    fake.tags["towpath.ledger.00000001." + "0" * 64 + ".1-2"] = "{"
    assert store.ledger("coder") == []
    store.record(decision())
    assert [event for event, _, _ in events(store)] == [REQUESTED, PROMOTED]


def test_long_entries_are_split_to_fit_a_tag_on_every_database(fake: FakeMlflow, store: ServerStore) -> None:
    many = tuple(Verdict("quality", True, f"measure {i}", "ä" * 100, "x") for i in range(60))
    store.record(replace(decision(), verdicts=many))
    assert max(len(value) for value in fake.tags.values()) <= 5000
    assert max(len(key) for key in fake.tags) <= 250
    assert store.ledger("coder")[-1].verdicts == many


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b"])
def test_files_that_the_server_lists_outside_the_model_are_not_fetched(
    fake: FakeMlflow, store: ServerStore, path: str
) -> None:
    fake.files = [{"path": path, "is_dir": False}]
    version = store.version(ModelRef("coder", version=1))
    with pytest.raises(CouldNot, match="a file outside the model's folder"), store.model_folder(version):
        pass


def test_a_version_that_towpath_did_not_register_has_no_folder(store: ServerStore) -> None:
    version = replace(store.version(ModelRef("coder", version=1)), source="runs:/abc/model")
    with pytest.raises(CouldNot, match="was not registered by towpath"), store.model_folder(version):
        pass

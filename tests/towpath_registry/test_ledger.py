from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_core.errors import CouldNot, Mismatch
from towpath_core.verdicts import Verdict
from towpath_registry import ledger
from towpath_registry.ledger import Link
from towpath_registry.nouns import PROMOTED, REFUSED, ROLLED_BACK, Decision

START = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
DIGEST = "sha256:" + "a" * 64
texts = st.text(max_size=20)
verdicts = st.builds(Verdict, gate=texts, passed=st.booleans(), subject=texts, got=texts, expected=texts)
decisions = st.builds(
    Decision,
    model=st.sampled_from(["coder", "classifier"]),
    event=st.sampled_from([PROMOTED, ROLLED_BACK, REFUSED]),
    level=st.sampled_from(["staging", "production"]),
    version=st.integers(1, 9),
    previous=st.none() | st.integers(1, 9),
    actor=texts,
    reason=st.text(),
    digest=texts,
    policy=texts,
    verdicts=st.lists(verdicts, max_size=3).map(tuple),
)


def chain(made: list[Decision], start: datetime = START) -> list[Link]:
    links: list[Link] = []
    for number, decision in enumerate(made):
        links.append(ledger.next_link(links[-1] if links else None, decision, start + timedelta(seconds=number)))
    return links


chains = st.lists(decisions, min_size=2, max_size=8).map(chain)


def decision(version: int, event: str = PROMOTED, level: str = "production", digest: str = "") -> Decision:
    return Decision("coder", event, level, version, None, "a", "", digest or f"sha256:{version:064d}", "p", ())


def standing(*moves: Decision, level: str = "production") -> list[int]:
    return [entry.version for entry in ledger.standing([ledger.entry(link) for link in chain(list(moves))], level)]


@given(st.lists(decisions, max_size=6))
def test_every_decision_comes_back_as_it_was_recorded(made: list[Decision]) -> None:
    links = chain(made)
    ledger.verify(links)
    for recorded, link in zip(made, links, strict=True):
        found = ledger.entry(link)
        assert Decision(**{name: getattr(found, name) for name in Decision.__dataclass_fields__}) == recorded


@given(chains, st.data())
def test_a_flipped_bit_is_found_at_its_entry(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    part = data.draw(st.sampled_from(["body", "prev", "hash"]))
    content = bytearray(getattr(links[at], part))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    links[at] = replace(links[at], **{part: bytes(content)})  # type: ignore[arg-type]
    with pytest.raises(Mismatch, match=f"entry {at + 1}:"):
        ledger.verify(links)


@given(chains, st.data())
def test_a_dropped_entry_is_found_unless_it_was_the_last(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 2))
    del links[at]
    with pytest.raises(Mismatch, match=f"entry {at + 1}: the next entry has number {at + 2}"):
        ledger.verify(links)


@given(chains, st.data())
def test_a_dropped_entry_is_found_even_if_the_others_are_renumbered(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 2))
    del links[at]
    renumbered = [replace(link, seq=number) for number, link in enumerate(links, 1)]
    with pytest.raises(Mismatch, match="it does not follow the entry before"):
        ledger.verify(renumbered)


@given(chains, st.data())
def test_exchanged_entries_are_found(links: list[Link], data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.sets(st.integers(0, len(links) - 1), min_size=2, max_size=2)))
    links[first], links[second] = links[second], links[first]
    with pytest.raises(Mismatch, match=f"entry {first + 1}: the next entry has number {second + 1}"):
        ledger.verify(links)
    with pytest.raises(Mismatch, match=f"entry {first + 1}: it does not follow the entry before"):
        ledger.verify([replace(link, seq=number) for number, link in enumerate(links, 1)])


@given(chains, decisions, st.data())
def test_an_inserted_entry_is_found_at_the_entry_after_it(
    links: list[Link], other: Decision, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    forged = ledger.next_link(links[at - 1] if at else None, other, START)
    later = [replace(link, seq=link.seq + 1) for link in links[at:]]
    with pytest.raises(Mismatch, match=f"entry {at + 2}: it does not follow the entry before"):
        ledger.verify([*links[:at], forged, *later])


@given(decisions)
def test_the_body_is_plain_ascii_with_sorted_keys_and_no_fraction(made: Decision) -> None:
    body = chain([made])[0].body.decode("ascii")
    content = json.loads(body, parse_float=pytest.fail)
    assert body == json.dumps(content, sort_keys=True, separators=(",", ":"))


def test_time_never_goes_back_when_the_clock_does() -> None:
    first = ledger.next_link(None, decision(1), START)
    second = ledger.next_link(first, decision(2), START - timedelta(minutes=4))
    assert ledger.entry(second).time == START


def test_a_clock_that_is_far_behind_records_nothing() -> None:
    first = ledger.next_link(None, decision(1), START)
    with pytest.raises(CouldNot, match="clock says 2026-03-31T07:54") as caught:
        ledger.next_link(first, decision(2), START - timedelta(minutes=6))
    assert caught.value.hint.startswith("set the clock")


def test_after_a_leap_into_the_future_nothing_more_is_recorded_by_the_right_clock() -> None:
    """What was written is not taken back, and no entry is dated before the one that it follows."""
    ahead = ledger.next_link(None, decision(1), START.replace(year=2099))
    with pytest.raises(CouldNot, match=r"clock says 2026-.*, but the ledger's last entry is of 2099-") as caught:
        ledger.next_link(ahead, decision(2), START)
    assert "another's was ahead" in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"schema":2,"seq":1}', b"\xff"])
def test_a_body_that_is_not_ours_is_a_broken_ledger(body: bytes) -> None:
    link = Link(1, body, ledger.GENESIS, ledger.digest(ledger.GENESIS, body))
    with pytest.raises(Mismatch, match="entry 1: it cannot be read"):
        ledger.entry(link)


def test_the_last_promoted_version_stands() -> None:
    assert standing(decision(1), decision(2), decision(3)) == [1, 2, 3]


def test_refusals_and_other_levels_do_not_count() -> None:
    assert standing(decision(1), decision(2, REFUSED), decision(3, level="staging")) == [1]


def test_two_rollbacks_go_two_versions_back() -> None:
    assert standing(decision(1), decision(2), decision(3), decision(2, ROLLED_BACK)) == [1, 2]
    assert standing(decision(1), decision(2), decision(3), decision(2, ROLLED_BACK), decision(1, ROLLED_BACK)) == [1]


def test_a_version_promoted_again_after_others_goes_back_to_those() -> None:
    assert standing(decision(1), decision(2), decision(1)) == [1, 2, 1]
    assert standing(decision(1), decision(2), decision(1), decision(2, ROLLED_BACK)) == [1, 2]


def test_a_version_recorded_twice_in_a_row_stands_once() -> None:
    assert standing(decision(1), decision(2), decision(2)) == [1, 2]


def test_the_same_number_with_other_bytes_is_another_version() -> None:
    assert standing(decision(1, digest=DIGEST), decision(1)) == [1, 1]

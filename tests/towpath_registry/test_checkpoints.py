"""Roots by RFC 6962 and notes by C2SP: published values, and what a note must not be."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger_world import KEY, LedgerWorld
from towpath_core.errors import Mismatch, Misused
from towpath_registry import checkpoints, keys
from towpath_registry.checkpoints import Checkpoint, Frontier, opened, signed

NAME = "ledger.example/towpath"
TRUSTED = {checkpoints.key_id(NAME, KEY.public): KEY.public}
ROOT = bytes(range(32))
NOTE = signed(NAME, 200, ROOT, KEY)
# The example data of the Certificate Transparency project, and the roots of its first n leaves.
LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
hashes = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def recursive(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + recursive(leaves[:half]) + recursive(leaves[half:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_the_published_example_is_the_published_one(size: int) -> None:
    leaves = [leaf(bytes.fromhex(text)) for text in LEAVES[:size]]
    assert checkpoints.root(leaves).hex() == ROOTS[size]


@given(hashes, st.data())
def test_a_root_that_grew_is_the_root_from_scratch(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves)))
    stored = Frontier().grown(leaves[:at]).bytes
    grown = Frontier.of(stored)
    for leaf_hash in leaves[at:]:
        grown = grown.pushed(leaf_hash)
    assert grown.root() == recursive(leaves)
    assert grown.size == len(leaves)


@given(hashes)
def test_a_frontier_comes_back_as_it_was_stored(leaves: list[bytes]) -> None:
    frontier = Frontier().grown(leaves)
    assert Frontier.of(frontier.bytes) == frontier


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 7, b"\x00" * 7 + b"\x01", b"\x00" * 40, b"\x00" * 7 + b"\x03" + ROOT]
)
def test_bytes_that_are_no_frontier_are_refused(content: bytes) -> None:
    with pytest.raises(Mismatch, match="frontier cannot be read"):
        Frontier.of(content)


def test_a_note_says_which_ledger_how_many_entries_and_their_root() -> None:
    assert NOTE.splitlines()[:4] == [NAME, "200", base64.b64encode(ROOT).decode(), ""]
    assert NOTE.splitlines()[4].startswith(f"— {NAME} ")
    assert opened(NOTE, TRUSTED) == Checkpoint(NAME, 200, ROOT)


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    ],
)
def test_keys_that_others_published_are_read_as_they_meant_them(text: str) -> None:
    ((number, key),) = checkpoints.trusted([text]).items()
    assert checkpoints.vkey(number.partition("+")[0], key) == text


def test_a_signature_that_others_published_holds() -> None:
    (key,) = checkpoints.trusted(["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]).values()
    text = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    blob = base64.b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    assert blob[:4].hex() == "c74f20a3"
    assert key.verify(text, blob[4:])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no key of a ledger"),
        ("a+00000000", "is no key of a ledger"),
        ("a+00000000+AQ==", "is no key of a ledger: a public key has 32 bytes"),
        ("a+00000000+" + base64.b64encode(b"\x01" + b"\x00" * 32).decode(), "one of the weak ones"),
        ("a+00000000+" + base64.b64encode(b"\x02" + KEY.public.raw).decode(), "is no key of a ledger"),
        (checkpoints.vkey("a", KEY.public).replace("a+", "b+", 1), "has another id than its key"),
        (checkpoints.vkey("a", KEY.public).replace("+", "++", 1), "is no key of a ledger"),
        (checkpoints.vkey("a", KEY.public) + "\n", "is no key of a ledger"),
    ],
)
def test_what_is_no_key_is_refused(text: str, why: str) -> None:
    with pytest.raises(Misused, match=why.replace("+", r"\+")):
        checkpoints.trusted([text])


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "line\nbreak", "esc\x1b[2J", "ümlaut"])
def test_a_key_has_a_name_that_can_be_seen_and_told(name: str) -> None:
    with pytest.raises(Misused, match="cannot name a key"):
        signed(name, 1, ROOT, KEY)


STRANGER = keys.generate()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda n: n.replace("\n", "\r\n"), "it is not three lines, an empty one, and signatures"),
        (lambda n: n.replace("\n200\n", "\r\n200\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n\n", "\n\n\n"), "a line of its signatures is none"),
        (lambda n: n.replace("\n\n", "\n"), "three lines"),
        (lambda n: n + "\n", "a line of its signatures is none"),
        (lambda n: n[:-1], "three lines"),
        (lambda n: "\n" + n, "three lines"),
        (lambda n: "", "three lines"),
        (lambda n: n.replace("\n200\n", "\n0200\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n007\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n0\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n-1\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n２００\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n" + "9" * 30 + "\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n200\n", "\n201\n"), "is not over what it says"),
        (lambda n: n.replace("\nAA", "\nAB"), "is not over what it says"),
        (lambda n: n.replace("=\n\n", "\n\n"), "its name, its size or its root"),
        (lambda n: n.replace("Hh8=\n", "Hh9=\n"), "its name, its size or its root"),
        (lambda n: n.replace("\n\n", "\ntime 2026\n\n"), "three lines"),
        (lambda n: n.replace("—", "-"), "a line of its signatures is none"),
        (lambda n: n.replace("— ", "—  "), "a line of its signatures is none"),
        (lambda n: n + "x" * 10_000 + "\n", "three lines"),
        (lambda n: n.partition("— ")[0] + "— x AAA=\n", "a line of its signatures is none"),
        (lambda n: signed(NAME, 200, ROOT, STRANGER), "no trusted key signed it"),
        (lambda n: signed(NAME, 200, ROOT, KEY, "another"), "no trusted key signed it"),
        (
            lambda n: n.replace(f"— {NAME} ", "— other.example "),
            "no trusted key signed it",
        ),  # the same four bytes of id
        (lambda n: signed("other.example", 200, ROOT, KEY, NAME), "it is of another ledger, other.example, expected"),
    ],
)
def test_a_note_that_is_not_exactly_one_of_ours_is_refused(change: Callable[[str], str], why: str) -> None:
    assert change(NOTE) != NOTE
    with pytest.raises(Mismatch, match=why):
        opened(change(NOTE), TRUSTED)


def test_the_note_of_another_ledger_is_refused_even_under_our_key() -> None:
    with pytest.raises(Mismatch, match="it is of another ledger, ledger.example/towpath, expected ours"):
        opened(NOTE, TRUSTED, "ours")


def test_signatures_of_strangers_are_nobody_s_business() -> None:
    cosigned = NOTE + signed(NAME, 200, ROOT, STRANGER, "witness").splitlines()[-1] + "\n— other " + "AAAA" * 25 + "\n"
    assert opened(cosigned, TRUSTED).size == 200


@pytest.mark.parametrize("before", [True, False])
def test_one_bad_signature_of_a_known_key_refuses_the_good_one_beside_it(before: bool) -> None:
    bad = signed(NAME, 201, ROOT, KEY).splitlines()[-1]
    lines = NOTE.splitlines()
    lines.insert(4 if before else 5, bad)
    with pytest.raises(Mismatch, match="the signature of ledger.example/towpath is not over what it says"):
        opened("\n".join(lines) + "\n", TRUSTED)


def test_nobody_trusted_is_nobody_believed() -> None:
    with pytest.raises(Mismatch, match="no trusted key signed it"):
        opened(NOTE, {})


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_character_of_a_note_can_be_another(at: int, character: str) -> None:
    changed = NOTE[:at] + character + NOTE[at + 1 :]
    if changed != NOTE:
        with pytest.raises(Mismatch, match="a checkpoint cannot be believed"):
            opened(changed, TRUSTED)


def test_a_checkpoint_covers_every_entry_and_the_next_goes_on_from_it() -> None:
    world = LedgerWorld()
    for count in (1, 3, 7):
        world.add(count - world.count)
        note = world.checkpoint()
        assert opened(note, world.trusted) == Checkpoint(world.name, count, checkpoints.root(world.hashes))
    assert [row[0] for row in world.rows("SELECT size FROM towpath_checkpoints ORDER BY size")] == [1, 3, 7]


def test_nothing_new_is_signed_once() -> None:
    world = LedgerWorld()
    world.add()
    assert world.checkpoint() == world.checkpoint()


def test_an_empty_ledger_is_not_signed() -> None:
    with pytest.raises(Mismatch, match="the ledger has 0 entries, but 1 were signed"):
        LedgerWorld().checkpoint()


def test_a_ledger_that_is_shorter_than_its_last_checkpoint_is_not_signed_again() -> None:
    world = LedgerWorld()
    world.add(3)
    world.checkpoint()
    world.tamper("DELETE FROM towpath_ledger WHERE seq = 3")
    with pytest.raises(Mismatch, match="the ledger has 2 entries, but 3 were signed"):
        world.checkpoint()


@pytest.mark.parametrize("column", ["size", "note", "frontier"])
def test_nothing_is_signed_after_a_checkpoint_that_was_changed(column: str) -> None:
    world = LedgerWorld()
    world.add(3)
    world.checkpoint()
    frontier = Frontier().grown(world.hashes)
    other = replace(frontier, nodes=(ROOT, *frontier.nodes[1:]))
    values = {"size": 2, "note": signed(world.name, 3, ROOT, KEY), "frontier": other.bytes}
    world.tamper(f"UPDATE towpath_checkpoints SET {column} = :value", value=values[column])
    world.add()
    with pytest.raises(Mismatch, match="the last checkpoint was changed by other means than towpath"):
        world.checkpoint()

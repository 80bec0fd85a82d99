"""The standalone verifier: what it refuses, that it says what the audit says, and that it needs nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_attacks import REWRITINGS, STORIES, tail_rewritten, truncated
from ledger_world import ENVELOPES, KEY, LedgerWorld, told
from registry_world import private_key
from towpath_registry import auditing, checkpoints, verify_towpath_ledger
from towpath_registry.auditing import Kept

VERIFIER = Path(verify_towpath_ledger.__file__)
WORLD = told()
Members = dict[str, bytes]
Verify = Callable[..., tuple[int, str]]


@pytest.fixture(params=["cryptography", "alone"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the library, and as if there was none."""
    assert verify_towpath_ledger.LIBRARY
    monkeypatch.setattr(verify_towpath_ledger, "LIBRARY", request.param == "cryptography")


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Verify:
    """Exit code and words of the verifier; with the key and the newest note of the untouched ledger by default."""

    def call(export: Path, keys: tuple[str, ...] = (WORLD.vkey,), anchor: str = WORLD.notes[-1]) -> tuple[int, str]:
        words = [word for key in keys for word in ("--key", key)]
        if anchor:
            (tmp_path / "anchor").write_bytes(anchor.encode())
            words += ["--anchor", str(tmp_path / "anchor")]
        code = verify_towpath_ledger.main([str(export), *words])
        return code, capsys.readouterr().out

    return call


@pytest.fixture
def export(tmp_path: Path) -> Path:
    return WORLD.export(tmp_path / "ledger.tar.gz")


def alone(export: Path, *words: str | Path) -> tuple[int, str]:
    """As an auditor runs it: isolated, and without any package."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(export), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env={})
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def opened(export: Path) -> Members:
    with tarfile.open(export) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def packed(export: Path, members: Mapping[str, bytes]) -> Path:
    """The members in the form of an export, as somebody packs them who knows it."""
    raw = io.BytesIO()
    with gzip.GzipFile("", "wb", 0, raw, mtime=0) as out:
        for name, content in members.items():
            out.write(verify_towpath_ledger.tar_header(name, len(content)) + content + bytes(-len(content) % 512))
        out.write(bytes(1024))
    export.write_bytes(raw.getvalue())
    return export


# Whole exports


@pytest.mark.usefixtures("library")
def test_a_whole_export_holds(verify: Verify, export: Path) -> None:
    code, said = verify(export)
    assert said == (
        f"entries      30, the last has the hash {WORLD.hashes[-1].hex()}\n"
        "checkpoints  7, signed by your keys; 1 entries came after the last\n"
        "anchors      1; 1 entries are covered by none\n"
        "evidence     3 of 3 statements are here, with the bytes that entries name\n"
        "policies     1, with the bytes that entries name\n"
        "OK\n"
    )
    assert code == 0


@pytest.mark.parametrize(
    ("keys", "anchor", "lack"),
    [
        ((WORLD.vkey,), "", "anchors      0; 30 entries are covered by none: give --anchor"),
        ((), WORLD.notes[-1], "checkpoints  7, signatures not verified: give --key; 1 entries came after the last"),
        ((), "", "signatures not verified: give --key"),
    ],
)
def test_without_a_key_and_an_anchor_it_only_agrees_with_itself(
    verify: Verify, export: Path, keys: tuple[str, ...], anchor: str, lack: str
) -> None:
    code, said = verify(export, keys, anchor)
    assert lack in said
    assert said.endswith("CONSISTENT, but not held against a key and an anchor of yours\n")
    assert code == 3


def test_it_runs_isolated_and_without_packages(export: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("".join(WORLD.notes))
    code, said = alone(export, "--key", WORLD.vkey, "--anchor", tmp_path / "notes")
    assert "anchors      7; 1 entries are covered by none\n" in said
    assert (code, said.splitlines()[-1]) == (0, "OK")


def test_the_copy_in_the_export_is_the_same_program(export: Path, tmp_path: Path) -> None:
    copy = tmp_path / "verify_towpath_ledger.py"
    copy.write_bytes(opened(export)["verify_towpath_ledger.py"])
    done = subprocess.run([sys.executable, "-I", "-S", str(copy), str(export)], capture_output=True, text=True)
    assert done.returncode == 3, done.stdout


def test_the_handbook_says_its_sum(repository: Path) -> None:
    page = (repository / "docs" / "handbook" / "audit.md").read_text()
    assert f"`{hashlib.sha256(VERIFIER.read_bytes()).hexdigest()}`" in page


def test_evidence_that_was_not_at_hand_is_counted(verify: Verify, tmp_path: Path) -> None:
    code, said = verify(WORLD.export(tmp_path / "less.tar.gz", ENVELOPES[:1]))
    assert (code, "evidence     1 of 3 statements are here" in said) == (0, True)


def test_asked_wrongly_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        verify_towpath_ledger.main([])
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


# What somebody did to the ledger


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("attack", [*REWRITINGS.values(), *STORIES], ids=[*REWRITINGS, *(s.__name__ for s in STORIES)])
def test_it_fails_where_the_audit_fails(verify: Verify, tmp_path: Path, attack: Callable[[LedgerWorld], None]) -> None:
    world = told()
    keys, vkey, anchor = world.trusted, world.vkey, world.notes[-1]
    attack(world)
    audit = auditing.audit(world.database, keys=keys, anchors=[Kept("outside", (anchor,))], full=True)
    code, said = verify(world.export(tmp_path / "ledger.tar.gz"), (vkey,), anchor)
    assert (audit.passed, code) == (False, 1), said
    assert said.startswith("FAILED: ")


@pytest.mark.parametrize("attack", [lambda world: None, tail_rewritten], ids=["untouched", "tail rewritten"])
def test_it_passes_where_the_audit_passes(
    verify: Verify, tmp_path: Path, attack: Callable[[LedgerWorld], None]
) -> None:
    world = told()
    attack(world)
    assert world.audit(WORLD.notes[-1]).passed
    code, said = verify(world.export(tmp_path / "ledger.tar.gz"))
    assert "1 entries came after the last" in said
    assert code == 0


def test_only_an_anchor_finds_a_clean_truncation(verify: Verify, tmp_path: Path) -> None:
    world = told()
    truncated(world)
    export = world.export(tmp_path / "ledger.tar.gz")
    assert verify(export, anchor="")[0] == 3
    assert verify(export) == (1, "FAILED: there are 26 entries, but a checkpoint or an anchor tells of 29\n")


WHY = {
    "flipped": "entry 7: its content was changed",
    "dropped": "entry 7: the next entry has number 8",
    "swapped": "entry 7: it does not follow the entry before",
    "inserted": "entry 7: its time or its form is older than that of the entry before",
    "flipped and linked": "the first 10 entries are not those that a checkpoint or an anchor of 10 was made of",
    "without_checkpoints": "the first 29 entries are not those that a checkpoint or an anchor of 29 was made of",
    "signed_by_another": "the checkpoint of 1 entries is signed by none of the keys that you gave",
    "cut": "there are 20 entries, but a checkpoint or an anchor tells of 29",
    "policy_changed": "was changed",
    "policy_removed": "entry 1: the policy that it was judged by is not there",
    "key_with_two_uses": "a key that signs checkpoints signs evidence too",
    "another size": "the checkpoint of 28 entries has a bad signature",
    "size 029": "a checkpoint is not written as one",
}


@pytest.mark.parametrize(("attack", "why"), WHY.items())
def test_it_says_what_is_wrong(verify: Verify, tmp_path: Path, attack: str, why: str) -> None:
    world = told()
    REWRITINGS[attack](world)
    assert why in verify(world.export(tmp_path / "ledger.tar.gz"))[1]


@pytest.mark.parametrize(("story", "why"), STORIES.items(), ids=[story.__name__ for story in STORIES])
def test_it_says_what_cannot_have_happened(
    verify: Verify, tmp_path: Path, story: Callable[[LedgerWorld], None], why: str
) -> None:
    world = told()
    story(world)
    code, said = verify(world.export(tmp_path / "ledger.tar.gz"))
    assert (code, why in said) == (1, True), said


def test_without_an_anchor_missing_checkpoints_are_missed(verify: Verify, tmp_path: Path) -> None:
    world = told()
    world.tamper("DELETE FROM towpath_checkpoints")
    code, said = verify(world.export(tmp_path / "ledger.tar.gz"), anchor="")
    assert (code, said) == (1, "FAILED: no checkpoint covers entry 29, which one was made of\n")


# What somebody did to the file


def small() -> LedgerWorld:
    """A few entries, each part of an export once."""
    world = LedgerWorld()
    world.govern()
    world.register(1, ENVELOPES[0])
    world.put(1, "staging", ("mia", "methodologist"))
    return world


SMALL = small()


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return SMALL.export(tmp_path_factory.mktemp("few") / "ledger.tar.gz")


def flips(content: bytes, masks: tuple[int, ...]) -> Iterator[bytes]:
    """Every byte in turn, with the bits of a mask turned."""
    for at in range(len(content)):
        for mask in masks:
            yield content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def passes(export: Path, note: Path) -> bool:
    return verify_towpath_ledger.main([str(export), "--key", SMALL.vkey, "--anchor", str(note)]) == 0


@pytest.mark.slow
def test_no_byte_of_any_member_can_be_another(few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note, changed = tmp_path / "note", tmp_path / "changed.tar.gz"
    note.write_text(SMALL.notes[-1])
    members = opened(few)
    assert passes(packed(changed, members), note)
    for name, content in members.items():
        # The program itself is compared as a whole: turning one bit of each byte says it all.
        for other in flips(content, (0x01,) if name.endswith(".py") else (0x01, 0xFF)):
            assert not passes(packed(changed, {**members, name: other}), note), name
    capsys.readouterr()


@pytest.mark.slow
def test_a_byte_of_the_file_that_can_be_another_packs_the_very_same_content(
    few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A packed file can say the same in several ways; whatever passes says the same."""
    note, changed = tmp_path / "note", tmp_path / "changed.tar.gz"
    note.write_text(SMALL.notes[-1])
    content, same = verify_towpath_ledger.unpacked(few), 0
    for other in flips(few.read_bytes(), (0x01, 0x80, 0xFF)):
        changed.write_bytes(other)
        if passes(changed, note):
            assert verify_towpath_ledger.unpacked(changed) == content
            same += 1
    capsys.readouterr()
    assert same < 100


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_part_of_the_file_can_be_missing_or_doubled(few: Path, data: st.DataObject) -> None:
    content = few.read_bytes()
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)))
    for other in (content[:start] + content[end:], content[:end] + content[start:]):
        changed = few.with_name("changed.tar.gz")
        changed.write_bytes(other)
        if other != content:
            assert verify_towpath_ledger.main([str(changed), "--key", SMALL.vkey]) == 1


LINES = {
    "a line dropped": (lambda lines: lines[:3] + lines[4:], "entry 4: the next entry has number 5"),
    "two lines exchanged": (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "entry 4: the next entry has"),
    "a line doubled": (lambda lines: [*lines[:4], lines[3], *lines[4:]], "entry 5: the next entry has number 4"),
    "the last line gone": (lambda lines: lines[:-1], "there are 4 entries, but a checkpoint or an anchor tells of 5"),
    "half a line": (
        lambda lines: [*lines[:-1], lines[-1][:50]],
        "the ledger is empty, or ends in the middle of a line",
    ),
    "nothing": (lambda lines: [], "the ledger is empty"),
    "an empty line": (lambda lines: [*lines, b"\n"], "entry 6: its line is not written as one"),
    "a space": (
        lambda lines: [lines[0].replace(b":", b": ", 1), *lines[1:]],
        "entry 1: its line is not written as one",
    ),
    "another order": (
        lambda lines: [b'{"body":"","seq":1,"prev":"","hash":""}\n', *lines[1:]],
        "entry 1: its line is not written as one",
    ),
    "capital letters": (lambda lines: [lines[0][:-70] + lines[0][-70:].upper(), *lines[1:]], "entry 1: its line"),
    "a long number": (lambda lines: [lines[0].replace(b":1,", b":%d," % 10**30, 1), *lines[1:]], "entry 1: its line"),
    "returns": (lambda lines: [line.replace(b"\n", b"\r\n") for line in lines], "entry 1: its line"),
}


@pytest.mark.parametrize(("change", "why"), LINES.values(), ids=LINES)
def test_the_lines_of_the_ledger_are_read_to_the_letter(
    verify: Verify, few: Path, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], why: str
) -> None:
    members = opened(few)
    members["ledger.jsonl"] = b"".join(change(members["ledger.jsonl"].splitlines(keepends=True)))
    code, said = verify(packed(tmp_path / "changed.tar.gz", members), (SMALL.vkey,), SMALL.notes[-1])
    assert (code, why in said) == (1, True), said


def with_member(name: str, content: bytes = b"") -> Callable[[Members], Members]:
    return lambda members: {**members, name: content}


def without(name: str) -> Callable[[Members], Members]:
    return lambda members: {other: content for other, content in members.items() if other != name}


FILES = {
    "backwards": (lambda members: dict(reversed(members.items())), "has no place in an export, or not this one"),
    "no readme": (without("README.txt"), "README.txt is not the one that belongs to this verifier"),
    "no verifier": (without("verify_towpath_ledger.py"), "verify_towpath_ledger.py is not the one that belongs"),
    "no ledger": (without("ledger.jsonl"), "the ledger is empty"),
    "up and away": (with_member("../../etc/passwd"), "../../etc/passwd has no place in an export"),
    "from the root": (with_member("/etc/passwd"), "/etc/passwd has no place in an export"),
    "escape": (with_member("\x1b[2J\x1b]0;owned\x07"), r"\x1b[2J\x1b]0;owned\x07 has no place in an export"),
    "stranger": (with_member("notes.txt"), "notes.txt has no place in an export"),
}


@pytest.mark.parametrize(("change", "why"), FILES.values(), ids=FILES)
def test_nothing_is_in_an_export_but_its_members(
    verify: Verify, few: Path, tmp_path: Path, change: Callable[[Members], Members], why: str
) -> None:
    code, said = verify(packed(tmp_path / "changed.tar.gz", change(opened(few))))
    assert (code, why in said) == (1, True), said
    assert "\x1b" not in said


def test_a_member_twice_is_one_too_many(verify: Verify, few: Path, tmp_path: Path) -> None:
    unpacked, members = gzip.decompress(few.read_bytes()), opened(few)
    size = 512 + len(members["README.txt"]) + -len(members["README.txt"]) % 512
    changed = tmp_path / "changed.tar.gz"
    changed.write_bytes(_zipped(unpacked[:size] + unpacked))
    assert verify(changed) == (1, "FAILED: README.txt has no place in an export, or not this one\n")


def _zipped(content: bytes) -> bytes:
    raw = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
        out.write(content)
    return raw.getvalue()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"g", b"x", b"L"])
def test_links_devices_folders_and_extensions_have_no_place(verify: Verify, tmp_path: Path, kind: bytes) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("README.txt")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    changed = tmp_path / "changed.tar.gz"
    changed.write_bytes(_zipped(raw.getvalue()))
    code, said = verify(changed)
    assert (code, said.startswith("FAILED: README.txt"), "has no place in an export" in said) == (1, True, True)


def test_a_statement_that_no_entry_names_is_one_too_many(verify: Verify, few: Path, tmp_path: Path) -> None:
    members = opened(few)
    name = f"evidence/{hashlib.sha256(b'{}').hexdigest()}.json"
    made = sorted([*members.items(), (name, b"{}")], key=lambda m: (list(_ORDER).index(m[0][:3]), m[0]))
    code, said = verify(packed(tmp_path / "changed.tar.gz", dict(made)), (SMALL.vkey,), SMALL.notes[-1])
    assert (code, said) == (1, "FAILED: a statement is there that no entry names\n")


_ORDER = ("REA", "ver", "che", "evi", "pol", "led")


def test_what_unpacks_to_far_more_than_it_is_is_not_unpacked(verify: Verify, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.tar.gz"
    bomb.write_bytes(_zipped(verify_towpath_ledger.tar_header("README.txt", 1 << 28) + bytes(1 << 28)))
    tracemalloc.start()
    code, said = verify(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (code, "unpacks to more than it should" in said) == (1, True)
    assert peak < 1 << 27


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"PK\x03\x04" + bytes(100), b"{}"], ids=repr)
def test_what_is_no_export_is_refused(verify: Verify, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no").write_bytes(content)
    code, said = verify(tmp_path / "no")
    assert (code, said.startswith("FAILED: it ")) == (1, True)


def test_a_file_that_is_not_there_is_a_failure_and_no_traceback(tmp_path: Path) -> None:
    assert alone(tmp_path / "no") == (1, "FAILED: it cannot be read (FileNotFoundError)\n")


# Keys and anchors of the auditor


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        WORLD.vkey[:-4] + "AAAA",
        WORLD.vkey.replace("towpath", "towpAth"),
        checkpoints.vkey(WORLD.name, private_key(9).public),
        "x\x1b[2J+00000000+AAAA",
    ],
)
def test_a_key_that_is_none_or_another_s_does_not_pass(verify: Verify, export: Path, key: str) -> None:
    code, said = verify(export, (key,))
    assert (code, said.startswith("FAILED: "), "\x1b" in said) == (1, True, False)


@pytest.mark.parametrize("anchor", ["\n", "my letters\n", WORLD.notes[-1] + "x", WORLD.notes[-1].replace("\n", "\r\n")])
def test_an_anchor_that_is_no_list_of_checkpoints_does_not_pass(verify: Verify, export: Path, anchor: str) -> None:
    assert verify(export, anchor=anchor) == (1, "FAILED: an anchor is no list of checkpoints\n")


def test_an_empty_anchor_is_none(export: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert alone(export, "--anchor", tmp_path / "empty") == (1, "FAILED: an anchor is no list of checkpoints\n")


def test_the_anchor_of_a_fork_is_found(verify: Verify, export: Path) -> None:
    fork = checkpoints.signed(WORLD.name, 3, bytes(32), KEY)
    code, said = verify(export, anchor=fork)
    assert (code, said) == (
        1,
        "FAILED: the first 3 entries are not those that a checkpoint or an anchor of 3 was made of\n",
    )


# Ed25519


def both(raw: bytes, message: bytes, signature: bytes) -> bool:
    """What the verifier says with the library and alone, which must be the same."""
    given = []
    for there in (True, False):
        verify_towpath_ledger.LIBRARY = there
        given.append(verify_towpath_ledger.holds(raw, message, signature))
    verify_towpath_ledger.LIBRARY = True
    assert given[0] == given[1]
    return given[0]


@given(st.integers(3, 2**200), st.binary(max_size=100), st.binary(min_size=1, max_size=8), st.integers(0, 511))
@settings(max_examples=60, deadline=None)
def test_signatures_hold_for_their_key_and_message_alone(secret: int, message: bytes, more: bytes, bit: int) -> None:
    key = private_key(secret)
    signature = key.sign(message)
    assert both(key.public.raw, message, signature)
    assert not both(key.public.raw, message + more, signature)
    turned = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(64, "big")
    assert not both(key.public.raw, message, turned)
    assert not both(private_key(secret + 1).public.raw, message, signature)


# The published vectors of RFC 8032, section 7.1: key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_published_signatures_hold(key: str, message: str, signature: str) -> None:
    assert both(bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature))


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NOT_CANONICAL = [
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


@pytest.mark.parametrize("raw", [*SMALL_ORDER, *NOT_CANONICAL, "", "00" * 31, "00" * 33])
def test_weak_keys_sign_nothing(raw: str) -> None:
    everybody_s = bytes.fromhex("01" + "00" * 63)
    assert not both(bytes.fromhex(raw), b"anything", everybody_s)


def test_a_signature_has_one_form_only() -> None:
    signature = KEY.sign(b"message")
    s = int.from_bytes(signature[32:], "little") + verify_towpath_ledger.L
    assert not both(KEY.public.raw, b"message", signature[:32] + s.to_bytes(32, "little"))
    for other in (b"", signature[:63], signature + b"\0", bytes(64)):
        assert not both(KEY.public.raw, b"message", other)

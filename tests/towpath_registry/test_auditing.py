"""What the owner of the database can do to a ledger, and what the audit says of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from guarded_world import Guarded
from ledger_attacks import STORIES, dropped, flipped, inserted, swapped, truncated, written
from ledger_world import ENVELOPES, KEY, NAME, TEAM, LedgerWorld, changed, rechained, sha256, told
from registry_world import private_key
from towpath_core.errors import Mismatch
from towpath_registry import auditing, checkpoints, exporting, ledger, nouns, tables, verify_towpath_ledger
from towpath_registry.auditing import Audit, Kept
from towpath_registry.checkpoints import key_id, signed
from towpath_registry.ledger import Link
from towpath_registry.sqlite_door import SqliteDatabases


@pytest.fixture
def world() -> LedgerWorld:
    return told()


def faults(audit: Audit) -> list[str]:
    return [f"{finding.gate}: {finding.reason}" for finding in audit.findings if not finding.passed]


def fault(audit: Audit) -> str:
    """The one thing that is wrong."""
    assert not audit.passed
    (only,) = faults(audit)
    return only


def test_a_whole_registry_passes_and_says_what_no_checkpoint_and_no_anchor_covers(world: LedgerWorld) -> None:
    found = world.audit(*world.notes[:2])
    assert faults(found) == []
    assert tuple(finding.gate for finding in found.findings) == auditing.QUESTIONS
    assert (found.entries, found.checkpoints, found.signed, found.covered) == (30, 7, 29, 6)
    assert (found.unsigned, found.uncovered) == (1, 24)
    assert found.head == world.hashes[-1].hex()


def test_a_registry_where_nothing_has_happened_passes() -> None:
    found = LedgerWorld().audit()
    assert (faults(found), found.entries, found.head) == ([], 0, "0" * 64)


def test_notes_beside_the_database_are_compared_but_cover_nothing(world: LedgerWorld) -> None:
    assert world.audit(world.notes[-1], outside=False).covered == 0


def test_progress_is_told(world: LedgerWorld) -> None:
    said: list[tuple[int, int]] = []
    auditing.audit(world.database, keys=world.trusted, tell=lambda done, of: said.append((done, of)))
    assert said == [(30, 30)]


# The chain


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        (flipped, "entry 7 is another than was written"),
        (dropped, "entry 7 is missing, the next has number 8"),
        (swapped, "entry 7 is not linked to the entry before"),
        (inserted, "entry 8 is not linked to the entry before"),
        (lambda links: links[1:], "entry 1 is missing, the next has number 2"),
        (lambda links: [replace(link, seq=link.seq - 1) for link in links[1:]], "entry 1 is not linked to the entry"),
    ],
)
def test_a_broken_chain_is_told_with_the_number_of_its_first_broken_entry(
    world: LedgerWorld, attack: Callable[[list[Link]], list[Link]], why: str
) -> None:
    world.rewrite(attack(world.links))
    assert faults(world.audit())[0].startswith(f"chain: {why}")


def test_bytes_that_became_text_are_found(world: LedgerWorld) -> None:
    world.connection.execute("PRAGMA ignore_check_constraints = 1")
    world.tamper("UPDATE towpath_ledger SET body = CAST(body AS TEXT) WHERE seq = 7")
    assert fault(world.audit()) == "chain: entry 7 is no bytes, expected what follows from the entry before"


def test_a_row_with_an_impossible_number_is_found(world: LedgerWorld) -> None:
    world.connection.execute("PRAGMA ignore_check_constraints = 1")
    world.tamper("INSERT INTO towpath_ledger SELECT -5, body, prev, x'00', workspace, model, request, event, level,"
                 " version FROM towpath_ledger WHERE seq = 5")  # fmt: skip
    assert fault(world.audit()) == "chain: the ledger is 31 rows, expected the 30 of its chain"


# Checkpoints


@pytest.mark.parametrize(
    "attack", [flipped, dropped, swapped, inserted], ids=["flipped", "dropped", "swapped", "inserted"]
)
def test_a_chain_that_was_linked_anew_is_not_the_one_that_was_signed(
    world: LedgerWorld, attack: Callable[[list[Link]], list[Link]]
) -> None:
    world.rewrite(rechained(attack(world.links)))
    said = faults(world.audit())
    assert any(text.startswith("checkpoints: the note of 10 entries is of other entries") for text in said)


def test_a_ledger_that_was_linked_anew_from_its_first_entry_is_another_ledger(world: LedgerWorld) -> None:
    keys = world.trusted
    links = world.links
    world.rewrite(rechained([changed(links[0], actor="eve"), *links[1:]]))
    said = faults(auditing.audit(world.database, keys=keys))
    assert said[0].startswith("checkpoints: checkpoint 1 is not believed (it is of another ledger")


def test_checkpoints_that_were_removed_are_missed(world: LedgerWorld) -> None:
    world.rewrite(rechained(flipped(world.links)))
    world.tamper("DELETE FROM towpath_checkpoints")
    assert "checkpoints: entry 29 is in no checkpoint, expected in the one that it led to" in faults(world.audit())


def test_a_checkpoint_of_another_key_under_the_same_name_is_not_believed(world: LedgerWorld) -> None:
    other = signed(world.name, 29, checkpoints.root(world.hashes[:29]), private_key(9))
    world.tamper("UPDATE towpath_checkpoints SET note = :note WHERE size = 29", note=other)
    assert "checkpoint 29 is not believed (no trusted key signed it)" in fault(world.audit())


def test_a_truncation_is_found_when_a_newer_checkpoint_was_left(world: LedgerWorld) -> None:
    world.rewrite(world.links[:20])
    assert "checkpoints: the ledger is 20 entries long, expected 22, as a checkpoint tells" in faults(world.audit())


def test_a_clean_truncation_is_found_by_an_anchor_outside_and_by_nothing_else(world: LedgerWorld) -> None:
    outside = world.notes[-1]
    truncated(world)
    assert faults(world.audit()) == []
    assert fault(world.audit(outside)) == "anchors: the ledger is 26 entries long, expected 29, as a note outside tells"


def test_entries_after_the_last_checkpoint_can_be_rewritten_and_their_number_is_said(world: LedgerWorld) -> None:
    links = world.links
    world.rewrite(rechained([*links[:29], changed(links[29], actor="eve")]))
    found = world.audit(world.notes[-1])
    assert [text for text in faults(found) if not text.startswith("evidence")] == []
    assert (found.unsigned, found.uncovered) == (1, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda n: n.replace("\n29\n", "\n28\n"), "is not over what it says"),
        (lambda n: n.replace("\n29\n", "\n029\n"), "its name, its size or its root is not written as it must be"),
        (lambda n: n.replace("\n", "\r\n"), "it is not three lines, an empty one, and signatures"),
        (lambda n: n.replace("\n\n", "\n\n\n"), "a line of its signatures is none"),
    ],
)
def test_a_note_that_was_changed_is_not_believed(world: LedgerWorld, change: Callable[[str], str], why: str) -> None:
    (note,) = [note for note in world.notes if "\n29\n" in note]
    world.tamper("UPDATE towpath_checkpoints SET note = :note WHERE size = 29", note=change(note))
    assert why in fault(world.audit())
    outside = world.audit(change(note))
    assert any(text.startswith("anchors") and why in text for text in faults(outside))


def test_a_note_under_another_size_and_a_frontier_of_others_are_found(world: LedgerWorld) -> None:
    other = told()
    other.tamper("UPDATE towpath_checkpoints SET size = 28 WHERE size = 29")
    assert fault(other.audit()) == "checkpoints: checkpoint 28 is a note of 29 entries, expected of 28"
    world.tamper("UPDATE towpath_checkpoints SET frontier = x'0000000000000000' WHERE size = 29")
    assert (
        fault(world.audit())
        == "checkpoints: the note of 29 entries is of other entries, expected of those of the ledger"
    )


def test_a_second_ledger_under_the_same_name_and_key_is_found(world: LedgerWorld) -> None:
    fork = signed(world.name, 26, bytes(32), KEY)
    assert (
        fault(world.audit(fork))
        == "anchors: the note of 26 entries is of other entries, expected of those of the ledger"
    )


def test_the_note_of_another_ledger_is_no_anchor_of_this_one(world: LedgerWorld) -> None:
    other = LedgerWorld()
    other.append(nouns.REGISTERED, actor="somebody else")
    keys = {**world.trusted, **other.trusted}
    found = auditing.audit(world.database, keys=keys, anchors=[Kept("outside", (other.checkpoint(),))])
    assert "it is of another ledger" in fault(found)


def test_a_key_that_signs_evidence_must_not_sign_checkpoints(world: LedgerWorld) -> None:
    world.append(nouns.KEY_ADDED, 0, model="", details={"public": KEY.public.text})
    world.checkpoint()
    assert fault(world.audit()).startswith("checkpoints: a key of checkpoints is one that signs evidence")


def test_only_the_newest_thousand_signatures_are_verified_unless_all_are_asked_for(world: LedgerWorld) -> None:
    world.tamper("UPDATE towpath_checkpoints SET note = replace(note, 'A', 'B') WHERE size = 1")
    extra = Kept("outside", tuple(world.notes[-1:] * 1000))
    old = signed(world.name, 1, checkpoints.root(world.hashes[:1]), private_key(9))
    world.tamper("UPDATE towpath_checkpoints SET note = :note WHERE size = 1", note=old)
    kept = Kept("outside", (old, *extra.notes))
    world.tamper("DELETE FROM towpath_checkpoints WHERE size = 1")
    for full in (False, True):
        found = auditing.audit(world.database, keys=world.trusted, anchors=[kept], full=full)
        assert found.passed is not full


# The tables beside the ledger


@pytest.mark.parametrize("column", ["workspace", "model", "request", "event", "level", "version"])
@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
def test_a_column_that_says_something_else_than_its_entry_is_found(
    world: LedgerWorld, column: str, read: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "READ", 100 if read else 0)
    value = 9 if column == "version" else "other"
    world.tamper(f"UPDATE towpath_ledger SET {column} = :value WHERE seq = 7", value=value)
    found = world.audit(full=False)
    assert "entries: entry 7 is filed under something else, expected filed under what it says" in faults(found)
    assert found.read is read


def test_of_a_long_ledger_the_words_are_read_only_when_asked(
    world: LedgerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "READ", 29)
    short, whole = world.audit(full=False), world.audit(full=True)
    assert (short.passed, short.read, whole.passed, whole.read) == (True, False, True, True)
    assert {f.gate for f in whole.findings} - {f.gate for f in short.findings} == {"story", "evidence"}


def test_words_of_people_cannot_pass_for_an_entry_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "READ", 0)
    world = LedgerWorld()
    fake = '"event":"promoted","evidence":['
    world.append(nouns.REGISTERED, reason=fake, details={"event": "promoted", "evidence": "["})
    assert faults(world.audit(full=False)) == []
    world.tamper("UPDATE towpath_ledger SET event = 'promoted'")
    assert "entries: entry 1 is filed under something else" in fault(world.audit(full=False))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE towpath_policies SET content = replace(content, 'team', 'none')", "policies: the policy sha256:"),
        ("DELETE FROM towpath_policies", "story: entry 1 is not what can have happened (the policy that it was judged"),
    ],
)
def test_a_policy_that_was_changed_or_removed_is_found(world: LedgerWorld, change: str, why: str) -> None:
    world.tamper(change.replace("replace(content", "CAST(replace(content").replace("'none')", "'none') AS BLOB)"))
    assert any(text.startswith(why) for text in faults(world.audit()))


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM towpath_evidence WHERE seq = 2",
        "UPDATE towpath_evidence SET seq = 3 WHERE seq = 2",
        "UPDATE towpath_evidence SET digest = 'sha256:other' WHERE seq = 2",
        "UPDATE towpath_evidence SET model = 'other' WHERE seq = 2",
        "INSERT INTO towpath_evidence VALUES('sha256:new', 2, 'default', 'occupation-coder', 'sha256:x')",
    ],
)
def test_evidence_that_no_entry_recorded_so_is_found(world: LedgerWorld, change: str) -> None:
    world.tamper(change)
    said = fault(world.audit())
    assert said.startswith("evidence: the record of sha256:")
    assert said.endswith("is not what its entry says, expected what its entry says")


@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            "UPDATE registered_model_aliases SET version = 3 WHERE alias = 'production'",
            "occupation-coder@production is version 3, expected version 1, as the ledger tells",
        ),
        (
            "DELETE FROM registered_model_aliases WHERE alias = 'production'",
            "occupation-coder@production is no version, expected version 1, as the ledger tells",
        ),
        (
            "INSERT INTO registered_model_aliases(name, alias, version) VALUES('occupation-coder', 'staging', 2)",
            "occupation-coder@staging is version 2, expected no version, as the ledger tells",
        ),
        (
            "INSERT INTO registered_model_aliases(name, alias, version) VALUES('occupation-coder', 'Prοduction', 2)",
            "the alias 'Prοduction' of occupation-coder is taken for production, expected another name",
        ),
        (
            "DELETE FROM towpath_levels WHERE name = 'staging'",
            "the guarded levels is production, expected production, staging",
        ),
    ],
)
def test_a_model_that_stands_where_no_entry_put_it_is_found(
    world: LedgerWorld, read: bool, change: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "READ", 100 if read else 0)
    world.tamper(change)
    assert fault(world.audit(full=False)) == f"levels: {why}"


def test_an_alias_that_is_no_level_is_nobody_s_business(world: LedgerWorld) -> None:
    world.tamper("INSERT INTO registered_model_aliases(name, alias, version) VALUES('occupation-coder', 'mine', 3)")
    assert faults(world.audit()) == []


def test_a_missing_trigger_is_found(world: LedgerWorld) -> None:
    world.connection.execute("DROP TRIGGER towpath_ledger_no_update")
    assert fault(world.audit()).startswith("guards: the guard of the tables is not as it was (the registry's tables or")


@pytest.mark.parametrize("content", [b"[]", b"{}", b'"team"'])
def test_a_policy_that_is_none_is_found(world: LedgerWorld, content: bytes) -> None:
    world.database.run("INSERT INTO towpath_policies VALUES(:d, :c)", d=sha256(content), c=content)
    assert fault(world.audit()).startswith(f"policies: the policy {sha256(content)[:19]} is changed")


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO towpath_policies VALUES('sha256:1', CAST('text' AS TEXT))",
        "UPDATE towpath_checkpoints SET frontier = 'text'",
        "UPDATE towpath_checkpoints SET note = x'00'",
        "UPDATE towpath_ledger SET hash = 'text' WHERE seq = 1",
    ],
)
def test_tables_that_hold_what_cannot_be_read_are_refused(world: LedgerWorld, change: str) -> None:
    keys = world.trusted
    world.connection.execute("PRAGMA ignore_check_constraints = 1")
    world.tamper(change)
    with pytest.raises(Mismatch, match="the registry's tables hold what towpath did not write") as caught:
        auditing.audit(world.database, keys=keys)
    assert caught.value.hint.startswith("compare the database with a backup")


# What cannot have happened, even if the registry itself wrote and signed it


@pytest.mark.parametrize(("happened", "why"), STORIES.items(), ids=[story.__name__ for story in STORIES])
def test_no_signature_makes_true_what_cannot_have_happened(
    world: LedgerWorld, happened: Callable[[LedgerWorld], None], why: str
) -> None:
    happened(world)
    (story,) = [text for text in faults(world.audit()) if text.startswith("story")]
    assert f"is not what can have happened ({why})" in story


@pytest.mark.parametrize(
    "words",
    [
        {"version": "3"},
        {"version": True},
        {"version": 1.0},
        {"previous": "1"},
        {"schema": 3},
        {"event": "praised"},
        {"time": "2026-03-31T09:00:00Z"},
        {"time": "2027-13-31T08:00:00.000000Z"},
        {"details": {"a": 1}},
        {"evidence": ["md5:1"]},
        {"evidence": [["sha256:" + "0" * 64]]},
        {"approvals": [{"by": "mia"}]},
        {"verdicts": [{"gate": "g", "passed": 1, "subject": "", "got": "", "expected": ""}]},
        {"more": ""},
    ],
    ids=str,
)
def test_words_that_are_not_those_of_an_entry_are_found(world: LedgerWorld, words: dict[str, object]) -> None:
    written(world, **words)
    assert faults(world.audit())[0].startswith(f"entries: entry {world.count} is unreadable (")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"seq":31}', b"[" * 100_000, b"\xff"])
def test_what_is_no_entry_at_all_is_found(world: LedgerWorld, body: bytes) -> None:
    head = world.links[-1]
    values = {"body": body, "prev": head.hash, "hash": ledger.digest(head.hash, body)}
    world.tamper(
        "INSERT INTO towpath_ledger VALUES(31, :body, :prev, :hash, 'default', 'm', '', 'registered', '', 1)", **values
    )
    assert fault(world.audit()).startswith("entries: entry 31 is unreadable (")


def test_an_entry_in_another_spelling_is_found(world: LedgerWorld) -> None:
    said = json.loads(world.links[-1].body)
    body = json.dumps({**said, "seq": 31}, sort_keys=True).encode()
    head = world.links[-1]
    world._insert(Link(31, body, head.hash, ledger.digest(head.hash, body)))
    assert fault(world.audit()).startswith("entries: entry 31 is unreadable (it is not written as entries are)")


def test_keys_are_told_apart_by_name_and_bytes(world: LedgerWorld) -> None:
    keys = {key_id(world.name, private_key(9).public): private_key(9).public}
    found = auditing.audit(world.database, keys=keys)
    assert "no trusted key signed it" in fault(found)


def test_the_world_of_these_tests_is_what_it_seems() -> None:
    assert TEAM.level("production").approvals
    assert sha256(ENVELOPES[0]) in {envelope for entry in told().entries() for envelope in entry.evidence}
    assert {entry.model for entry in told().entries()} == {"", NAME}


# Other databases


def test_it_reads_sqlite_and_postgresql_alike(
    guarded: Guarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.append(nouns.RETIRED, "production", 1)
    guarded.append(nouns.IMPORTED, "production", 2)
    with guarded.databases.writing() as database:
        note = checkpoints.take(database, KEY)
    with guarded.databases.reading() as database:
        keys = {key_id(auditing.name_of(database), KEY.public): KEY.public}
        whole = auditing.audit(database, keys=keys, anchors=[Kept("outside", (note,))])
        exporting.export(database, tmp_path / "ledger.tar.gz")
        monkeypatch.setattr(auditing, "READ", 0)
        short = auditing.audit(database, keys=keys, anchors=[Kept("outside", (note,))])
    # these worlds promote without any policy
    assert fault(whole).startswith("story: entry 1 is not what can have happened (it was judged by no policy")
    assert (faults(short), short.entries, short.covered) == ([], 3, 3)
    assert len(verify_towpath_ledger.unpacked(tmp_path / "ledger.tar.gz")) > 10_000


def test_a_ledger_of_the_first_towpath_holds_after_it_was_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "towpath.db"
    path.write_bytes(gzip.decompress((Path(__file__).parent / "first_schema.sqlite.gz").read_bytes()))
    databases = SqliteDatabases(path)
    with databases.writing() as database:
        tables.ensure(database)
    for read in (auditing.READ, 0):
        monkeypatch.setattr(auditing, "READ", read)
        with databases.reading() as database:
            found = auditing.audit(database, keys={})
            assert (faults(found), found.entries) == ([], 6)
    with databases.reading() as database:
        exporting.export(database, tmp_path / "ledger.tar.gz")
    assert verify_towpath_ledger.main([str(tmp_path / "ledger.tar.gz")]) == 3

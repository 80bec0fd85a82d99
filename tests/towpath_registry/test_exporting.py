"""An export is one file: everything that an auditor needs, always the same bytes, never over another file."""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path

import pytest

from ledger_world import ENVELOPES, TEAM, LedgerWorld, sha256, told
from towpath_core.errors import CouldNot, Mismatch, Misused
from towpath_registry import exporting, verify_towpath_ledger

WORLD = told()


def members(export: Path) -> dict[str, bytes]:
    with tarfile.open(export) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_it_holds_entries_checkpoints_policies_evidence_and_the_verifier(tmp_path: Path) -> None:
    told = exporting.export(WORLD.database, tmp_path / "ledger.tar.gz", ENVELOPES)
    found = members(tmp_path / "ledger.tar.gz")
    assert (told.entries, told.checkpoints, told.policies, told.evidence, told.missing) == (30, 7, 1, 3, ())
    lines = [json.loads(line) for line in found.pop("ledger.jsonl").splitlines()]
    assert [(line["seq"], base64.b64decode(line["body"]), line["hash"]) for line in lines] == [
        (link.seq, link.body, link.hash.hex()) for link in WORLD.links
    ]
    assert found.pop("verify_towpath_ledger.py") == Path(verify_towpath_ledger.__file__).read_bytes()
    assert found.pop("README.txt").startswith(b"A towpath ledger:")
    assert found.pop(f"policies/{TEAM.digest[7:]}.json") == TEAM.canonical
    assert [found.pop(f"evidence/{sha256(envelope)[7:]}.json") for envelope in ENVELOPES] == list(ENVELOPES)
    assert [content.decode() for content in found.values()] == WORLD.notes
    assert next(iter(found)) == "checkpoints/000000000001.note"


def test_the_same_ledger_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = WORLD.export(tmp_path / "one"), told().export(tmp_path / "other", ENVELOPES[::-1])
    assert one.read_bytes() == other.read_bytes()


def test_envelopes_that_no_entry_names_stay_out_and_those_not_at_hand_are_told(tmp_path: Path) -> None:
    found = exporting.export(WORLD.database, tmp_path / "ledger.tar.gz", [b"{}", ENVELOPES[1]])
    assert found.evidence == 1
    assert found.missing == tuple(sorted([sha256(ENVELOPES[0]), sha256(ENVELOPES[2])]))
    assert [n for n in members(tmp_path / "ledger.tar.gz") if n.startswith("evidence")] == [
        f"evidence/{sha256(ENVELOPES[1])[7:]}.json"
    ]


def test_it_is_never_written_over_another_file(tmp_path: Path) -> None:
    target = tmp_path / "ledger.tar.gz"
    target.write_text("mine")
    with pytest.raises(Misused, match=r"ledger\.tar\.gz exists") as caught:
        WORLD.export(target)
    assert caught.value.hint.startswith("choose another file")
    assert target.read_text() == "mine"


def test_a_folder_that_does_not_take_it_keeps_nothing_of_it(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match="cannot write .*: No such file or directory"):
        WORLD.export(tmp_path / "nowhere" / "ledger.tar.gz")
    WORLD.export(tmp_path / "ledger.tar.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.tar.gz"]


def test_an_empty_ledger_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="the ledger is empty"):
        LedgerWorld().export(tmp_path / "ledger.tar.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_digest_that_is_none_does_not_become_the_name_of_a_file(tmp_path: Path) -> None:
    world = told()
    world.database.run("INSERT INTO towpath_policies VALUES('sha256:../../etc/passwd', x'7b7d')")
    with pytest.raises(Mismatch, match=r"'sha256:\.\./\.\./etc/passwd' is no digest"):
        world.export(tmp_path / "ledger.tar.gz")

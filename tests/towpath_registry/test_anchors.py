"""Checkpoints outside of the database: how they get there, what is told when they do not, and what they catch."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger_world import KEY, LedgerWorld
from towpath_core.errors import CouldNot, Mismatch, Misused
from towpath_registry import checkpoints
from towpath_registry.anchors import Anchors, NoteFile, NoteRepository, Place

WORLD = LedgerWorld()
NOTES = []
for _ in range(4):
    WORLD.add()
    NOTES.append(WORLD.checkpoint())
NAME = WORLD.name


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def repository(folder: Path) -> NoteRepository:
    folder.mkdir()
    git(folder, "init", "--quiet")
    return NoteRepository(folder)


@pytest.fixture(params=["file", "git"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return NoteFile(tmp_path / "deep" / "notes") if request.param == "file" else repository(tmp_path / "repository")


def root_at(size: int) -> bytes:
    return checkpoints.root(WORLD.hashes[:size])


def test_notes_lie_one_after_the_other(place: Place) -> None:
    anchors = Anchors((place,))
    assert anchors.newest() is None
    for note in NOTES:
        assert anchors.write(note) == ()
    assert place.notes() == NOTES
    assert anchors.newest() == checkpoints.read(NOTES[-1])


def test_each_size_has_one_note(place: Place) -> None:
    anchors = Anchors((place,))
    for note in (NOTES[1], NOTES[1], NOTES[0]):
        assert anchors.write(note) == ()
    assert place.notes() == [NOTES[1]]


def test_a_place_that_failed_gets_the_next_note(tmp_path: Path) -> None:
    good, bad = NoteFile(tmp_path / "notes"), NoteRepository(tmp_path / "not-there")
    anchors = Anchors((good, bad))
    (failure,) = anchors.write(NOTES[0])
    assert failure == f"cannot open the folder {bad.path}: No such file or directory"
    assert good.notes() == NOTES[:1]
    repository(bad.path)
    assert anchors.write(NOTES[1]) == ()
    assert bad.notes() == NOTES[1:2]


def test_a_folder_without_a_repository_is_told_with_the_way_out(tmp_path: Path) -> None:
    (failure,) = Anchors((NoteRepository(tmp_path),)).write(NOTES[0])
    assert failure.startswith(f"the anchor git:{tmp_path}: git says: fatal: not a git repository")
    with pytest.raises(CouldNot) as caught:
        Anchors((NoteRepository(tmp_path),)).newest()
    assert caught.value.hint == f"git init {tmp_path}"


def test_every_note_is_a_commit_by_nobody_in_particular(tmp_path: Path) -> None:
    place = repository(tmp_path / "repository")
    hook = place.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (place.path / "other.txt").write_text("mine")
    git(place.path, "add", "other.txt")
    for note in NOTES[:2]:
        assert Anchors((place,)).write(note) == ()
    log = git(place.path, "log", "--format=%s|%ce", "--name-only").split("\n")
    assert [line.partition("|")[0] for line in log if "|" in line] == [
        "Ledger checkpoint at entry 2", "Ledger checkpoint at entry 1"
    ]  # fmt: skip
    assert "other.txt" not in log


def test_what_was_committed_counts_and_not_what_lies_in_the_folder(tmp_path: Path) -> None:
    place = repository(tmp_path / "repository")
    anchors = Anchors((place,))
    anchors.write(NOTES[2])
    (place.path / "ledger.notes").write_text(NOTES[0])
    assert anchors.newest() == checkpoints.read(NOTES[2])
    assert anchors.write(NOTES[3]) == ()
    assert place.notes() == NOTES[2:]


def test_a_hook_of_another_repository_does_not_lead_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, other = repository(tmp_path / "one"), repository(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    Anchors((place,)).write(NOTES[0])
    assert (place.notes(), other.notes()) == (NOTES[:1], [])


@pytest.mark.parametrize("cut", [1, 40, 60, len(NOTES[1].encode()) - 1])
def test_a_note_that_was_cut_off_is_written_anew(tmp_path: Path, cut: int) -> None:
    place = NoteFile(tmp_path / "notes")
    anchors = Anchors((place,))
    anchors.write(NOTES[0])
    with place.path.open("ab") as stream:
        stream.write(NOTES[1].encode()[:cut])
    assert anchors.newest() == checkpoints.read(NOTES[0])
    with pytest.raises(Mismatch, match="is no list of checkpoints, or was changed"):
        place.notes()
    assert anchors.write(NOTES[1]) == ()
    assert place.notes() == NOTES[:2]


@pytest.mark.parametrize(
    "content",
    [b"my letters\nto\nsomebody\n\nnothing else\n", b"\x00" * 100, NOTES[0].encode().replace(b"\n\n", b"\n"), b"\n"],
)
def test_somebody_else_s_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    place = NoteFile(tmp_path / "notes")
    place.path.write_bytes(content)
    (failure,) = Anchors((place,)).write(NOTES[0])
    assert failure == f"file:{place.path} is no list of checkpoints, or was changed"
    assert place.path.read_bytes() == content
    with pytest.raises(Mismatch, match="is no list of checkpoints"):
        Anchors((place,)).newest()


def test_the_newest_of_many_notes_is_found(tmp_path: Path) -> None:
    place = NoteFile(tmp_path / "notes")
    many = [checkpoints.signed(NAME, size, bytes(32), KEY) for size in range(1, 1200)]
    place.path.write_text("".join(many))
    assert place.newest() == many[-1]
    assert Anchors((place,)).write(checkpoints.signed(NAME, 1200, bytes(32), KEY)) == ()
    assert len(place.notes()) == 1200


@pytest.mark.parametrize("length", range(1000, 4200, 97))
def test_the_newest_of_long_notes_is_found_whole_wherever_the_file_is_cut(tmp_path: Path, length: int) -> None:
    place = NoteFile(tmp_path / "notes")
    long = [checkpoints.signed("x" * length, size, bytes(32), KEY) for size in range(1, 30)]
    for many in (long, [*long, checkpoints.signed(NAME, 30, bytes(32), KEY)], long[:1]):
        place.path.write_text("".join(many))
        assert place.newest() == many[-1]


def test_writers_at_once_lose_nothing(place: Place) -> None:
    anchors = Anchors((place,))
    writers = [threading.Thread(target=anchors.write, args=(note,)) for note in NOTES * 3]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    kept = place.notes()
    assert kept[-1] == NOTES[-1]
    assert kept == [note for note in NOTES if note in kept]


def test_another_checkpoint_of_the_same_size_is_told_as_a_second_ledger(place: Place) -> None:
    anchors = Anchors((place,))
    anchors.write(NOTES[1])
    (failure,) = anchors.write(checkpoints.signed(NAME, 2, bytes(32), KEY))
    assert failure == f"{place} holds another checkpoint of 2 entries: there are two ledgers"
    assert place.notes() == [NOTES[1]]


def test_a_ledger_that_goes_on_from_its_anchors_may_go_on(place: Place) -> None:
    anchors = Anchors((place,))
    anchors.refuse_fork(0, root_at, "")
    anchors.write(NOTES[2])
    anchors.refuse_fork(3, root_at, NAME)
    anchors.refuse_fork(4, root_at, NAME)


@pytest.mark.parametrize(
    ("size", "root", "name", "why"),
    [
        (2, root_at, NAME, "the ledger has 2 entries, but an anchor tells of 3"),
        (0, root_at, "", "the ledger has 0 entries, but an anchor tells of 3"),
        (9, lambda _: bytes(32), NAME, "the first 3 entries of the ledger are not those that an anchor was made of"),
        (3, root_at, "towpath-ledger-0", f"an anchor is of another ledger, {NAME}, expected towpath-ledger-0"),
    ],
)
def test_a_restored_backup_must_not_go_on(
    place: Place, size: int, root: Callable[[int], bytes], name: str, why: str
) -> None:
    anchors = Anchors((place,))
    anchors.write(NOTES[2])
    with pytest.raises(Mismatch, match=why) as caught:
        anchors.refuse_fork(size, root, name)
    assert "restore the newest database" in caught.value.hint


def test_one_place_that_remembers_is_enough_to_refuse(tmp_path: Path) -> None:
    remembers, lost = NoteFile(tmp_path / "notes"), NoteRepository(tmp_path / "gone")
    Anchors((remembers,)).write(NOTES[2])
    with pytest.raises(Mismatch, match="an anchor tells of 3"):
        Anchors((lost, remembers)).refuse_fork(1, root_at, NAME)


def test_when_no_place_can_be_read_nothing_goes_on(tmp_path: Path) -> None:
    with pytest.raises(CouldNot, match="cannot be reached"):
        Anchors((NoteRepository(tmp_path / "gone"),)).refuse_fork(1, root_at, NAME)


def test_without_a_setting_the_anchor_lies_in_the_home(tmp_path: Path) -> None:
    environ = {"TOWPATH_HOME": str(tmp_path)}
    assert Anchors.chosen(environ).places == (NoteFile(tmp_path / "anchors" / "ledger.notes"),)


def test_a_setting_names_files_and_repositories(tmp_path: Path) -> None:
    said = os.pathsep.join([f"file:{tmp_path}/a:b", f"git:{tmp_path}/repository", "file:relative"])
    assert Anchors.chosen({"TOWPATH_ANCHORS": said}).places == (
        NoteFile(tmp_path / "a:b"),
        NoteRepository(tmp_path / "repository"),
        NoteFile(Path.cwd() / "relative"),
    )


@pytest.mark.parametrize("said", ["/tmp/notes", "s3:bucket", "file:", "git", "file:/a:git:"])
def test_a_setting_that_names_no_place_is_misused(said: str) -> None:
    with pytest.raises(Misused, match="is no place for checkpoints") as caught:
        Anchors.chosen({"TOWPATH_ANCHORS": said})
    assert caught.value.hint.startswith("write file:PATH or git:FOLDER")


def test_what_is_no_note_is_not_carried_anywhere(tmp_path: Path) -> None:
    place = NoteFile(tmp_path / "notes")
    with pytest.raises(Mismatch, match="a checkpoint cannot be believed"):
        Anchors((place,)).write("nonsense")
    assert not place.path.exists()

"""Anchors: checkpoints carried to where the database's owner does not rule, a file elsewhere or a git repository.

Whoever owns the database can rewrite all of it, checkpoints included. What was carried out stays as it was, and tells.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from towpath_core.errors import CouldNot, Mismatch, Misused, TowpathError
from towpath_core.files import written_whole
from towpath_registry import checkpoints, places
from towpath_registry.checkpoints import Checkpoint

CHOSEN = "TOWPATH_ANCHORS"
_FILE = "ledger.notes"
_PARTS = re.compile(rf"{re.escape(os.pathsep)}(?=file:|git:)")
_NOTE = re.compile(rb"(?:(?!\xe2\x80\x94)[^\n]+\n){3}\n(?:\xe2\x80\x94 [^\n]*\n)+")
_TORN = re.compile(rb"(?:[^\n]+\n){0,3}[^\n]*|(?:[^\n]+\n){3}\n[^\n]*")
_TAILS = (1 << 12, 1 << 16)  # hold several notes, the newest among them; long ones only the second
_LARGEST = 1 << 28
_PATIENCE = 60.0  # seconds for git
# What git sets for its hooks: they name the repository of the hook, and would send us there.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")
_OURS = (
    *("-c", "user.name=towpath", "-c", "user.email=towpath@localhost", "-c", "commit.gpgsign=false"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.autocrlf=false"),
)


class Place(Protocol):
    """Where notes are kept outside of the database, in the order in which they came."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    def notes(self) -> list[str]:
        """All of them; none where none was ever kept.

        Raises: CouldNot for what cannot be read, Mismatch for what is no list of notes.
        """

    def newest(self) -> str:
        """The last one that is whole, or nothing. Raises: as `notes`."""

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """While the block runs, nobody else adds a note."""

    def add(self, note: str) -> None:
        """Put the note after the others, to stay. Raises: CouldNot."""


@dataclass(frozen=True, slots=True)
class NoteFile:
    """A file that only grows."""

    path: Path

    def __str__(self) -> str:
        return f"file:{self.path}"

    def notes(self) -> list[str]:
        return parted(self._read(), str(self))

    def newest(self) -> str:
        return self._end()[0]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CouldNot(f"cannot write the anchor {self}: {error.strerror}") from error
        with _locked(self.path.parent):
            yield

    def add(self, note: str) -> None:
        _, torn = self._end()
        try:
            with self.path.open("ab") as stream:
                stream.truncate(stream.tell() - torn)
                stream.write(note.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise CouldNot(f"cannot write the anchor {self}: {error.strerror}") from error

    def _end(self) -> tuple[str, int]:
        """The last whole note, and how many bytes after it a full disk or a power cut left of another."""
        for tail in _TAILS:
            content = self._read(tail)
            found = list(_NOTE.finditer(content))
            if len(found) > 1 or len(content) < tail:  # else the one that is found may have lost its beginning
                break
        torn = content[found[-1].end() if found else 0 :]
        if content and (not found or not _TORN.fullmatch(torn)):
            raise _no_notes(str(self))
        return (found[-1][0].decode() if found else ""), len(torn)

    def _read(self, last: int = 0) -> bytes:
        """The whole file, or its last bytes."""
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - last) if last else 0)
                return stream.read(_LARGEST)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise CouldNot(f"cannot read the anchor {self}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class NoteRepository:
    """A folder of a git repository: every note is a commit, and only what was committed counts. It is not pushed."""

    path: Path

    def __str__(self) -> str:
        return f"git:{self.path}"

    def notes(self) -> list[str]:
        return parted(self._committed(), str(self))

    def newest(self) -> str:
        return (self.notes() or [""])[-1]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        with _locked(self.path):
            yield

    def add(self, note: str) -> None:
        content = self._committed() + note.encode()
        with written_whole(self.path / _FILE) as part:
            part.write_bytes(content)
        title = f"Ledger checkpoint at entry {checkpoints.read(note).size}"
        self._git("add", "--force", "--", _FILE)
        self._git("commit", "--quiet", "--no-verify", "--message", title, "--", _FILE)

    def _committed(self) -> bytes:
        found = self._git("rev-parse", "--verify", "--quiet", f"HEAD:./{_FILE}", may_fail=True).strip()
        return self._git("cat-file", "blob", found.decode()) if found else b""

    def _git(self, *arguments: str, may_fail: bool = False) -> bytes:
        """What git prints; with `may_fail`, nothing where git quietly says no."""
        env = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
        whole = ["git", *_OURS, *arguments]
        try:
            done = subprocess.run(whole, cwd=self.path, env=env, capture_output=True, timeout=_PATIENCE, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CouldNot(f"the anchor {self} cannot be reached: {error}", hint=f"git init {self.path}") from error
        if done.returncode and not (may_fail and done.returncode == 1):
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise CouldNot(
                f"the anchor {self}: git says: {words[-1] if words else 'failed'}", hint=f"git init {self.path}"
            )
        return done.stdout


@dataclass(frozen=True, slots=True)
class Anchors:
    """The places to which this registry carries its checkpoints."""

    places: tuple[Place, ...]

    @classmethod
    def chosen(cls, environ: Mapping[str, str]) -> Anchors:
        """Those of TOWPATH_ANCHORS (file:PATH and git:FOLDER), else a file in the home. Raises: Misused."""
        said = environ.get(CHOSEN, "").strip()
        if not said:
            return cls((NoteFile(places.home(environ) / "anchors" / _FILE),))
        return cls(tuple(_place(text) for text in _PARTS.split(said)))

    def newest(self) -> Checkpoint | None:
        """The checkpoint of most entries that lies outside; None where none was ever carried out.

        Signatures are not asked for: whoever could forge a note here could as well remove it.

        Raises: Mismatch for what is no list of notes; CouldNot when no place can be read.
        """
        return max(self._newest(), key=lambda found: found.size, default=None)

    def write(self, note: str) -> tuple[str, ...]:
        """Carry a note out to every place that does not have it; what failed, in words, for each place that failed.

        A place that failed gets the next note, which covers all that this one does.
        """
        return tuple(said for place in self.places if (said := _failure(place, note)))

    def refuse_fork(self, size: int, root_at: Callable[[int], bytes], name: str = "") -> None:
        """Raise Mismatch unless the ledger of `size` entries begins with what was carried out of it.

        `root_at` gives the Merkle root of its first entries, `name` is its name. A database that was restored from an
        old backup, or rewritten, must not go on: there would be two ledgers.
        """
        for found in self._newest():
            if name and found.origin != name:
                raise _forked(f"an anchor is of another ledger, {found.origin}, expected {name}")
            if found.size > size:
                raise _forked(f"the ledger has {size} entries, but an anchor tells of {found.size}")
            if root_at(found.size) != found.root:
                raise _forked(f"the first {found.size} entries of the ledger are not those that an anchor was made of")

    def _newest(self) -> list[Checkpoint]:
        found, failures = [], []
        for place in self.places:
            try:
                note = place.newest()
            except CouldNot as error:
                failures.append(error)
            else:
                found += [checkpoints.read(note)] if note else []
        if failures and len(failures) == len(self.places):
            raise failures[0]
        return found


def parted(content: bytes, where: str) -> list[str]:
    """The notes that stand one after the other. Raises: Mismatch when anything else does."""
    found = [match[0] for match in _NOTE.finditer(content)]
    if b"".join(found) != content:
        raise _no_notes(where)
    try:
        return [note.decode() for note in found]
    except UnicodeDecodeError as error:
        raise _no_notes(where) from error


def _failure(place: Place, note: str) -> str:
    said = checkpoints.read(note)
    try:
        with place.alone():
            newest = place.newest()
            last = checkpoints.read(newest) if newest else None
            if last and last.size == said.size and last != said:
                return f"{place} holds another checkpoint of {last.size} entries: there are two ledgers"
            if not last or last.size < said.size:
                place.add(note)
    except TowpathError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 (the promotion is done; whatever is wrong with an anchor is only told)
        return f"{place}: {type(error).__name__}"
    return ""


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise CouldNot(f"cannot open the folder {folder}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _place(text: str) -> Place:
    kind, _, path = text.partition(":")
    known: dict[str, Callable[[Path], Place]] = {"file": NoteFile, "git": NoteRepository}
    if kind not in known or not path:
        raise Misused(
            f"{CHOSEN}: {text!r} is no place for checkpoints",
            hint=f"write file:PATH or git:FOLDER, several parted by {os.pathsep!r}",
        )
    return known[kind](Path(path).expanduser().absolute())


def _no_notes(where: str) -> Mismatch:
    return Mismatch(
        f"{where} is no list of checkpoints, or was changed", hint=f"restore it, or choose another place with {CHOSEN}"
    )


def _forked(why: str) -> Mismatch:
    return Mismatch(
        f"{why}: was an old backup restored, or the ledger rewritten?",
        hint="towpath audit; restore the newest database, or move the anchor away once you know that it is wrong",
    )

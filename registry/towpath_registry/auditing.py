"""The audit: whether the ledger is whole, is what was signed and carried out, and whether the registry follows from it.

Everything is held against something else: entries against their hashes, the hashes against the checkpoints in the
database and the notes outside, our other tables against the entries, and where models stand against what the entries
say. What an entry may follow is told by the standalone verifier, so that both say the same.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from towpath_core.errors import Mismatch
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import checkpoints, ledger, tables
from towpath_registry import verify_towpath_ledger as verifier
from towpath_registry.checkpoints import Checkpoint, Frontier, PublicKey
from towpath_registry.database import Database
from towpath_registry.names import governed
from towpath_registry.nouns import CHANGES, LEVELS, POLICY_SET, RETIRED, WORKSPACE

QUESTIONS = ("guards", "chain", "entries", "story", "checkpoints", "anchors", "policies", "evidence", "levels")
PAGE = 5_000
# As much as a second bears; beyond that it has to be asked for.
READ = 20_000  # entries of a ledger whose words are read
SIGNATURES = 1_000  # of the newest checkpoints, and of the newest notes of a place
_COLUMNS = ("workspace", "model", "request", "event", "level", "version")
_ALIASES = "SELECT workspace, name, alias, version FROM registered_model_aliases ORDER BY workspace, name, alias"
_SEALED = ", ".join(f"'{event}'" for event in (*CHANGES, *verifier.SEALED))
_ENTRY = f"seq, body, prev, hash, {', '.join(_COLUMNS)}"
_LAST = f"""SELECT {_ENTRY} FROM towpath_ledger WHERE seq IN (SELECT max(seq) FROM towpath_ledger
 WHERE event IN ({_SEALED}) GROUP BY workspace, model, level, event) ORDER BY seq"""  # noqa: S608 (fixed parts)


@dataclass(frozen=True, slots=True)
class Kept:
    """Notes that were carried out of the database; `outside` where its owner does not rule.

    `problem` is why they cannot be read, if so.
    """

    name: str
    notes: tuple[str, ...]
    outside: bool = True
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found. The newest checkpoint is of `signed` entries, the newest note outside of `covered`.

    `read` tells whether the words of all entries were read: what they tell of requests, approvals and evidence.
    """

    findings: tuple[Verdict, ...]
    entries: int
    head: str
    checkpoints: int
    signed: int
    covered: int
    read: bool

    @property
    def passed(self) -> bool:
        return all_passed(self.findings)

    @property
    def unsigned(self) -> int:
        return self.entries - self.signed

    @property
    def uncovered(self) -> int:
        return self.entries - self.covered


@dataclass(frozen=True, slots=True)
class _Note:
    """What a note says of the ledger's first entries, and what a checkpoint keeps beside it."""

    question: str
    said: Checkpoint
    frontier: bytes | None = None


@dataclass(slots=True)
class _Walk:
    """How far the entries were followed, and what they tell."""

    story: verifier.Story
    entries: int = 0
    head: bytes = ledger.GENESIS
    frontier: Frontier = field(default_factory=Frontier)
    standing: dict[tuple[str, str, str], int] = field(default_factory=dict)
    envelopes: dict[str, tuple[int, str, str, str]] = field(default_factory=dict)
    policy: str = ""
    sealed: int = 0


def pages(database: Database, columns: str = "seq, body, prev, hash") -> Iterator[list[tuple[Any, ...]]]:
    """All entries, as many at a time as memory bears."""
    asked, after = f"SELECT {columns} FROM towpath_ledger WHERE seq > :after ORDER BY seq LIMIT {PAGE}", 0  # noqa: S608
    while page := database.rows(asked, after=after):
        yield page
        after = page[-1][0]


def name_of(database: Database) -> str:
    """The ledger's name; empty for a ledger without entries."""
    first = database.rows("SELECT hash FROM towpath_ledger WHERE seq = 1")
    return checkpoints.ledger_name(first[0][0]) if first else ""


def audit(
    database: Database,
    *,
    keys: Mapping[str, PublicKey],
    anchors: Sequence[Kept] = (),
    full: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> Audit:
    """Hold everything against everything, in one transaction; a broken chain ends it, at the first broken entry.

    `keys` are those that may sign checkpoints, by their ids. With `full` the words of a long ledger are read too, and
    every signature is verified, not only those of the newest notes.

    Raises: Mismatch for tables that hold what cannot even be read.
    """
    try:
        return _Audit(database, keys, anchors, full, tell).done()
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise Mismatch(
            f"the registry's tables hold what towpath did not write, and cannot be audited ({type(error).__name__})",
            hint="compare the database with a backup; nothing can be promoted until it is whole",
        ) from error


class _Audit:
    """One verdict for each question; the first fault answers it."""

    def __init__(
        self,
        database: Database,
        keys: Mapping[str, PublicKey],
        anchors: Sequence[Kept],
        full: bool,
        tell: Callable[[int, int], None],
    ) -> None:
        self._database, self._keys, self._anchors, self._full, self._tell = database, keys, anchors, full, tell
        self._verdicts: dict[str, Verdict] = {}
        self._name = name_of(database)
        self._notes: dict[int, list[_Note]] = {}
        self._total = database.rows("SELECT count(*) FROM towpath_ledger")[0][0]
        self._read = full or self._total <= READ

    def done(self) -> Audit:
        self._guards()
        kept, covered = self._checkpoints(), self._kept()
        signed = max((size for size, *_ in kept), default=0)
        walk = _Walk(verifier.Story(self._policies()))
        if self._followed(walk):
            self._signed(walk, signed)
            self._evidence(walk)
            self._standing(walk)
        findings = tuple(self._verdicts[question] for question in QUESTIONS if question in self._verdicts)
        return Audit(findings, walk.entries, walk.head.hex(), len(kept), signed, covered, self._read)

    def _fault(self, question: str, subject: str, got: str, expected: str) -> None:
        known = self._verdicts.get(question)
        if known is None or known.passed:
            self._verdicts[question] = Verdict(question, False, subject, got, expected)

    def _good(self, question: str, subject: str, is_so: str) -> None:
        self._verdicts.setdefault(question, Verdict(question, True, subject, is_so, is_so))

    def _guards(self) -> None:
        try:
            tables.check(self._database)
        except Mismatch as error:
            self._fault("guards", "the guard of the tables", f"not as it was ({error.message})", "as towpath made it")
        self._good("guards", "each table and trigger", "as towpath made it")

    def _checkpoints(self) -> list[tuple[int, str, bytes]]:
        """Every checkpoint of the database, noted at its size."""
        asked = "SELECT size, note, frontier FROM towpath_checkpoints ORDER BY size"
        kept: list[tuple[int, str, bytes]] = self._database.rows(asked)
        for number, (size, note, frontier) in enumerate(kept):
            said = self._opened("checkpoints", f"checkpoint {size}", note, newest=number >= len(kept) - SIGNATURES)
            if said and said.size != size:
                self._fault("checkpoints", f"checkpoint {size}", f"a note of {said.size} entries", f"of {size}")
            elif said:
                self._notes.setdefault(size, []).append(_Note("checkpoints", said, bytes(frontier)))
        return kept

    def _kept(self) -> int:
        """Every note outside, noted at its size; the size of the largest where the database's owner does not rule."""
        covered = 0
        for place in self._anchors:
            if place.problem:
                self._fault("anchors", place.name, f"unreadable ({place.problem})", "a list of checkpoints")
            for number, note in enumerate(place.notes):
                said = self._opened("anchors", place.name, note, newest=number >= len(place.notes) - SIGNATURES)
                if said:
                    self._notes.setdefault(said.size, []).append(_Note("anchors", said))
                    covered = max(covered, said.size if place.outside else 0)
        return covered

    def _opened(self, question: str, subject: str, note: str, *, newest: bool) -> Checkpoint | None:
        try:
            if newest or self._full:
                return checkpoints.opened(note, self._keys, self._name)
            said = checkpoints.read(note)
        except Mismatch as error:
            why = error.message.partition(": ")[2]
            self._fault(question, subject, f"not believed ({why})", "one that the registry's key signed")
            return None
        if said.origin != self._name:
            self._fault(question, subject, f"of another ledger, {said.origin}", f"of {self._name}")
            return None
        return said

    def _policies(self) -> dict[str, Any]:
        """The policies by their digests, as far as their bytes are those that the digests are of."""
        found = {}
        for digest, content in self._database.rows("SELECT digest, content FROM towpath_policies ORDER BY digest"):
            policy = json.loads(content) if _sha256(content) == digest else None
            if isinstance(policy, dict) and {"levels", "people", "signers"} <= policy.keys():
                found[digest] = policy
            else:
                self._fault("policies", f"the policy {digest[:19]}", "changed", "the bytes that the entries name")
        self._good("policies", "every policy", "the bytes that entries name")
        return found

    def _followed(self, walk: _Walk) -> bool:
        """Follow all entries; whether they are a whole chain."""
        for page in pages(self._database, _ENTRY):
            if broken := self._linked(walk, page):
                self._fault("chain", f"entry {walk.entries + 1}", broken, "what follows from the entry before")
                return False
            for row in page:
                if self._read or not _filed(*row):
                    self._told(walk, row)
            self._tell(walk.entries, self._total)
        if walk.entries != self._total:
            self._fault("chain", "the ledger", f"{self._total} rows", f"the {walk.entries} of its chain")
            return False
        if not self._read:
            for row in self._database.rows(_LAST):
                self._told(walk, row)
        self._good("chain", "the chain", "whole")
        self._good("entries", "every entry", "filed under what it says")
        if self._read:
            self._good("story", "what they tell", "what can have happened")
        return True

    def _linked(self, walk: _Walk, page: list[tuple[Any, ...]]) -> str:
        """What is wrong with the first entry of a page that does not follow; trees are compared on the way."""
        head, seq, sha256 = walk.head, walk.entries, hashlib.sha256
        leaves: list[bytes] = []
        broken = ""
        try:
            for number, body, prev, own, *_ in page:
                if number != seq + 1 or prev != head or sha256(b"\x00" + prev + body).digest() != own:
                    broken = _why(seq + 1, number, prev == head)
                    break
                head, seq = own, number
                leaves.append(own)
                if seq in self._notes:
                    walk.frontier, leaves = walk.frontier.grown(leaves), []
                    self._compared(walk.frontier)
        except TypeError:
            broken = "no bytes"
        walk.frontier, walk.head, walk.entries = walk.frontier.grown(leaves), head, seq
        return broken

    def _compared(self, frontier: Frontier) -> None:
        """Hold the tree of the entries so far against every note of that size."""
        root, size = frontier.root(), frontier.size
        for note in self._notes[size]:
            if note.said.root != root or note.frontier not in (None, frontier.bytes):
                self._fault(note.question, f"the note of {size} entries", "of other entries", "of those of the ledger")

    def _told(self, walk: _Walk, row: tuple[Any, ...]) -> None:
        """Hold the columns, and the story so far, against what an entry says."""
        number, body, _, _, *columns = row
        try:
            said = verifier.entry(body, number)
        except Exception as error:  # noqa: BLE001 (what cannot be read is not believed)
            why = str(error) if isinstance(error, verifier.Bad) else type(error).__name__
            self._fault("entries", f"entry {number}", f"unreadable ({why})", "an entry of ours")
            return
        if [said[column] for column in _COLUMNS] != columns:
            self._fault("entries", f"entry {number}", "filed under something else", "filed under what it says")
        _note(walk, said)
        if not self._read or "story" in self._verdicts:
            return
        try:
            walk.story.tell(said)
        except Exception as error:  # noqa: BLE001 (a story that cannot be followed is not believed)
            why = str(error) if isinstance(error, verifier.Bad) else f"it cannot be read ({type(error).__name__})"
            self._fault("story", f"entry {number}", f"not what can have happened ({why})", "what can have happened")

    def _signed(self, walk: _Walk, signed: int) -> None:
        """The notes that are left, and what must have been signed."""
        for size in [size for size in self._notes if size > walk.entries]:
            for note in self._notes[size]:
                what = "a checkpoint" if note.question == "checkpoints" else "a note outside"
                self._fault(note.question, "the ledger", f"{walk.entries} entries long", f"{size}, as {what} tells")
        if walk.sealed > signed:
            self._fault("checkpoints", f"entry {walk.sealed}", "in no checkpoint", "in the one that it led to")
        if any(base64.b64encode(key.raw).decode() in walk.story.signers for key in self._keys.values()):
            self._fault("checkpoints", "a key of checkpoints", "one that signs evidence", "one that signs nothing else")
        if signed:
            self._good("checkpoints", "every checkpoint", "signed, and of these entries")
        if any(place.notes for place in self._anchors):
            self._good("anchors", "every note outside", "signed, and of these entries")

    def _evidence(self, walk: _Walk) -> None:
        if not self._read:
            return
        rows = self._database.rows("SELECT envelope, seq, workspace, model, digest FROM towpath_evidence")
        kept = {envelope: tuple(about) for envelope, *about in rows}
        for envelope in [e for e in {**kept, **walk.envelopes} if kept.get(e) != walk.envelopes.get(e)][:1]:
            self._fault("evidence", f"the record of {envelope[:19]}", "not what its entry says", "what its entry says")
        self._good("evidence", "the record of each envelope", "what its entry says")

    def _standing(self, walk: _Walk) -> None:
        """Hold where models stand against where the entries put them, and the levels against the policy."""
        levels = sorted(row[0] for row in self._database.rows("SELECT name FROM towpath_levels"))
        policy = walk.story.policies.get(walk.policy, {"levels": LEVELS})
        if levels != sorted(policy["levels"]):
            self._fault(
                "levels", "the guarded levels", ", ".join(levels) or "none", ", ".join(sorted(policy["levels"]))
            )
        told = {where: version for where, version in walk.standing.items() if where[2] in levels}
        stand: dict[tuple[str, str, str], int] = {}
        for workspace, model, alias, version in self._database.rows(_ALIASES):
            level = governed(alias, levels)
            if level not in (None, alias):
                self._fault("levels", f"the alias {alias!r} of {model}", f"taken for {level}", "another name")
            elif level:
                stand[workspace, model, alias] = version
        for where in [where for where in {**told, **stand} if told.get(where) != stand.get(where)][:1]:
            workspace, model, level = where
            what = f"{model}@{level}" + (f" of {workspace}" if workspace != WORKSPACE else "")
            right = f"{_version(told.get(where))}, as the ledger tells"
            self._fault("levels", what, _version(stand.get(where)), right)
        self._good("levels", "what stands at each level", "what the ledger put there")


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _filed(
    number: int,
    body: bytes,
    _p: bytes,
    _h: bytes,
    workspace: str,
    model: str,
    request: str,
    event: str,
    level: str,
    version: int,
) -> bool:
    """Whether the columns say what the words say, as far as a glance tells.

    Within the words of an entry nothing else can look so: what people write there has its quotes escaped.
    """
    try:
        return (
            body.endswith(b'"version":%d,"workspace":%b}' % (version, _quoted(workspace)))
            and b'"event":%b,"evidence":[' % _quoted(event) in body
            and b'"level":%b,"model":%b,"policy":"' % (_quoted(level), _quoted(model)) in body
            and b'"request":%b,"schema":2,"seq":%d,' % (_quoted(request), number) in body
        )
    except TypeError:
        return False


@functools.lru_cache(maxsize=1_000)
def _quoted(text: str) -> bytes:
    return json.dumps(text).encode("ascii")


def _note(walk: _Walk, said: Mapping[str, Any]) -> None:
    """What the other tables are held against later."""
    if said["event"] in CHANGES:
        where = (said["workspace"], said["model"], said["level"])
        walk.standing.pop(where, None)
        if said["event"] != RETIRED:
            walk.standing[where] = said["version"]
    elif said["event"] == POLICY_SET:
        walk.policy = said["policy"]
    if said["schema"] == 2 and said["event"] in verifier.SEALED:
        walk.sealed = max(walk.sealed, said["seq"])
    for envelope in said["evidence"]:
        walk.envelopes.setdefault(envelope, (said["seq"], said["workspace"], said["model"], said["digest"]))


def _why(expected: int, number: int, follows: bool) -> str:
    if number != expected:
        return f"missing, the next has number {number}"
    return "another than was written" if follows else "not linked to the entry before"


def _version(number: int | None) -> str:
    return f"version {number}" if number else "no version"

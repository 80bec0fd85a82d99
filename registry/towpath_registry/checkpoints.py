"""Checkpoints: the ledger's Merkle root (RFC 6962), signed, as a note (C2SP) that makes sense outside of the database.

The leaves' hashes are the entries' hashes. Two notes of one ledger can be compared by anybody who holds both; whoever
holds one can tell whether the ledger that they are shown begins with the entries that it was signed for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from towpath_core.errors import Mismatch, Misused
from towpath_registry.database import Database

Hash = bytes  # by another name, because a frontier has an attribute `bytes`
_EM_DASH = "\u2014"
_ED25519 = b"\x01"
_LARGEST_NOTE = 10_000
_NAME = re.compile(r"[!-*,-~]+")  # what can be seen, but no plus: that parts a key's name from its id
_SIZE = re.compile(r"[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(rf"{_EM_DASH} ([^ \n]+) ([A-Za-z0-9+/=]+)")
_LAST = "SELECT size, note, frontier FROM towpath_checkpoints ORDER BY size DESC LIMIT 1"
_ENDS = """SELECT coalesce(max(seq), 0), (SELECT hash FROM towpath_ledger WHERE seq = 1) FROM towpath_ledger"""
_AFTER = "SELECT hash FROM towpath_ledger WHERE seq > :size ORDER BY seq"
_APPEND = "INSERT INTO towpath_checkpoints(size, note, frontier) VALUES(:size, :note, :frontier)"


class PublicKey(Protocol):
    """What verifies a signature."""

    @property
    def raw(self) -> bytes:
        """Its 32 bytes."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is of this key and over this message."""


class PrivateKey(Protocol):
    """What signs."""

    @property
    def public(self) -> PublicKey:
        """Its public half."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note says: the first `size` entries of the ledger `origin` have this Merkle root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the perfect trees that `size` leaves fall into, the largest first: enough to go on from."""

    size: int = 0
    nodes: tuple[Hash, ...] = ()

    @classmethod
    def of(cls, content: Hash) -> Frontier:
        """Raise Mismatch unless these are the bytes of one."""
        size, rest = int.from_bytes(content[:8], "big"), content[8:]
        if len(content) < 8 or len(rest) != 32 * size.bit_count():
            raise Mismatch("a checkpoint's frontier cannot be read", hint="towpath audit")
        return cls(size, tuple(rest[at : at + 32] for at in range(0, len(rest), 32)))

    @property
    def bytes(self) -> Hash:
        return self.size.to_bytes(8, "big") + b"".join(self.nodes)

    def pushed(self, leaf: Hash) -> Frontier:
        return self.grown((leaf,))

    def grown(self, leaves: Iterable[Hash]) -> Frontier:
        """With all these leaf hashes after those that it has."""
        sha256, nodes, size = hashlib.sha256, list(self.nodes), self.size
        for leaf in leaves:
            node, full = leaf, size
            while full & 1:  # each one bit is a perfect tree that is now doubled
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                full >>= 1
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> Hash:
        if not self.nodes:
            return hashlib.sha256(b"").digest()
        *others, node = self.nodes
        for left in reversed(others):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


def root(leaves: Iterable[bytes]) -> bytes:
    """RFC 6962's Merkle tree hash over leaf hashes."""
    return Frontier().grown(leaves).root()


def ledger_name(first: bytes) -> str:
    """The name of the ledger that begins with the entry of this hash; no two ledgers share one."""
    return f"towpath-ledger-{first.hex()[:16]}"


def key_id(name: str, key: PublicKey) -> str:
    """Name and eight hex digits, by which a note says whose signature is whose."""
    if not _NAME.fullmatch(name):
        raise Misused(f"{name!r} cannot name a key", hint="use letters, digits, dots, slashes and hyphens")
    mark = hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).hexdigest()[:8]
    return f"{name}+{mark}"


def vkey(name: str, key: PublicKey) -> str:
    """The key as an auditor is given it: NAME+HEX+BASE64."""
    return f"{key_id(name, key)}+{base64.b64encode(_ED25519 + key.raw).decode('ascii')}"


def trusted(texts: Iterable[str]) -> dict[str, PublicKey]:
    """The keys of texts NAME+HEX+BASE64, by their ids. Raises: Misused for a text that is none, or of a weak key."""
    return dict(map(_key, texts))


def signed(origin: str, size: int, root: bytes, key: PrivateKey, name: str = "") -> str:
    """The note. The key goes by the ledger's name unless it has one of its own."""
    said, name = Checkpoint(origin, size, root).text, name or origin
    mark = bytes.fromhex(key_id(name, key.public)[-8:])
    return f"{said}\n{_EM_DASH} {name} {base64.b64encode(mark + key.sign(said.encode())).decode('ascii')}\n"


def read(note: str) -> Checkpoint:
    """What the note says, whoever signed it. Raises: Mismatch unless it is written exactly as `signed` writes."""
    return _parts(note)[0]


def opened(note: str, trusted: Mapping[str, PublicKey], origin: str = "") -> Checkpoint:
    """What the note says, if a trusted key signed it; without `origin` it must be the name of such a key.

    Signatures of unknown keys are nobody's business. Raises: Mismatch.
    """
    said, signatures = _parts(note)
    names = set()
    for name, blob in signatures:
        key = trusted.get(f"{name}+{blob[:4].hex()}")
        if key is None:
            continue
        if not key.verify(said.text.encode(), blob[4:]):
            raise _bad(f"the signature of {name} is not over what it says")
        names.add(name)
    if not names:
        raise _bad("no trusted key signed it")
    if (origin and said.origin != origin) or (not origin and said.origin not in names):
        raise _bad(f"it is of another ledger, {said.origin}, expected {origin or ' or '.join(sorted(names))}")
    return said


def take(database: Database, key: PrivateKey) -> str:
    """Sign the ledger as it stands in this transaction, keep the note, and give it; nothing new gives the last note.

    It goes on from the last checkpoint: what it signs continues what was signed before, and costs what is new.

    Raises: Mismatch when the last checkpoint is not whole, or tells of more entries than there are.
    """
    last = database.rows(_LAST)
    frontier = _continued(*last[0]) if last else Frontier()
    count, first = database.rows(_ENDS)[0]
    if count < max(frontier.size, 1):
        raise Mismatch(
            f"the ledger has {count} entries, but {max(frontier.size, 1)} were signed",
            hint="towpath audit; a backup that is older than its checkpoints must not be continued",
        )
    if count == frontier.size:
        return str(last[0][1])
    frontier = frontier.grown(row[0] for row in database.rows(_AFTER, size=frontier.size))
    if frontier.size != count:
        raise Mismatch("the ledger has gaps", hint="towpath audit")
    note = signed(ledger_name(first), count, frontier.root(), key)
    database.run(_APPEND, size=count, note=note, frontier=frontier.bytes)
    return note


def _continued(size: int, note: str, content: bytes) -> Frontier:
    """The last checkpoint's frontier, if it is what the note was signed over."""
    frontier, said = Frontier.of(content), read(note)
    if (said.size, said.root) != (size, frontier.root()) or frontier.size != size:
        raise Mismatch("the last checkpoint was changed by other means than towpath", hint="towpath audit")
    return frontier


def _parts(note: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """The checkpoint, and name with blob (four bytes of the key's id, then the signature) of each signature."""
    text, mark, rest = note.partition("\n\n")
    lines = text.split("\n")
    if len(note) > _LARGEST_NOTE or not mark or len(lines) != 3 or not rest.endswith("\n"):
        raise _bad("it is not three lines, an empty one, and signatures")
    name, size, root = lines
    found = [_SIGNATURE.fullmatch(line) for line in rest[:-1].split("\n")]
    said = Checkpoint(name, int(size) if _SIZE.fullmatch(size) else 0, _base64(root))
    if not _NAME.fullmatch(name) or said.size == 0 or len(said.root) != 32:
        raise _bad("its name, its size or its root is not written as it must be")
    signatures = [(line[1], _base64(line[2])) for line in found if line]
    if len(signatures) != len(found) or any(len(blob) < 5 for _, blob in signatures):
        raise _bad("a line of its signatures is none")
    return said, signatures


def _key(text: str) -> tuple[str, PublicKey]:
    from towpath_registry.keys import PublicKey as Ed25519

    hint = "it is NAME+HEX+BASE64, as towpath audit prints the registry's own"
    parts = text.split("+", 2)
    blob = _base64(parts[2]) if len(parts) == 3 else b""
    if blob[:1] != _ED25519:
        raise Misused(f"{text!r} is no key of a ledger", hint=hint)
    try:
        key = Ed25519(blob[1:])
    except ValueError as error:
        raise Misused(f"{text!r} is no key of a ledger: {error}", hint=hint) from error
    if key_id(parts[0], key) != f"{parts[0]}+{parts[1]}":
        raise Misused(f"{text!r} has another id than its key", hint=hint)
    return key_id(parts[0], key), key


def _base64(text: str) -> bytes:
    """Empty unless the text is exactly how these bytes are written."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return content if base64.b64encode(content).decode("ascii") == text else b""


def _bad(why: str) -> Mismatch:
    return Mismatch(f"a checkpoint cannot be believed: {why}", hint="towpath audit")

"""The ledger as one file, which an auditor verifies offline with a verifier of their own.

The same ledger with the same evidence gives the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from towpath_core.errors import CouldNot, Mismatch, Misused
from towpath_registry import verify_towpath_ledger as verifier
from towpath_registry.auditing import pages
from towpath_registry.database import Database

VERIFIER = Path(verifier.__file__)


@dataclass(frozen=True, slots=True)
class Exported:
    """What the file holds; `missing` are the envelopes that the ledger names and that were not at hand."""

    entries: int
    checkpoints: int
    policies: int
    evidence: int
    missing: tuple[str, ...]


def export(database: Database, target: Path, envelopes: Iterable[bytes] = ()) -> Exported:
    """Write the ledger, its checkpoints and policies, and those envelopes that it names; whole or not at all.

    Nothing is judged here: a ledger that was changed is exported as it is, and the verifier says so.

    Raises: Misused when there is such a file already or nothing to export, CouldNot when it cannot be written.
    """
    if target.exists():
        raise _exists(target)
    named = {row[0] for row in database.rows("SELECT envelope FROM towpath_evidence")}
    at_hand = {f"sha256:{hashlib.sha256(content).hexdigest()}": content for content in envelopes}
    notes = database.rows("SELECT size, note FROM towpath_checkpoints ORDER BY size")
    policies = database.rows("SELECT digest, content FROM towpath_policies ORDER BY digest")
    kept = {envelope: at_hand[envelope] for envelope in sorted(named & at_hand.keys())}
    small = {
        "README.txt": verifier.README.encode(),
        "verify_towpath_ledger.py": VERIFIER.read_bytes(),
        **{f"checkpoints/{size:012}.note": note.encode() for size, note in notes},
        **{f"evidence/{_hex(envelope)}.json": content for envelope, content in kept.items()},
        **{f"policies/{_hex(digest)}.json": content for digest, content in policies},
    }
    with tempfile.TemporaryFile() as lines:
        entries = 0
        for page in pages(database):
            lines.write(b"".join(_line(*row) for row in page))
            entries += len(page)
        if not entries:
            raise Misused("the ledger is empty: there is nothing to export", hint="towpath audit")
        _write(target, small, lines)
    return Exported(entries, len(notes), len(policies), len(kept), tuple(sorted(named - at_hand.keys())))


def held(file: Path) -> Exported:
    """What an export holds. Raises: CouldNot for a file that is none."""
    try:
        found = dict(verifier.members(verifier.unpacked(file)))
        bodies = [base64.b64decode(json.loads(line)["body"]) for line in found["ledger.jsonl"].splitlines()]
        named = {envelope for body in bodies for envelope in json.loads(body).get("evidence", ())}
    except (OSError, verifier.Bad, KeyError, TypeError, ValueError) as error:
        raise CouldNot(f"{file} is no export: {error}") from error
    count = Counter(name.partition("/")[0] for name in found)
    there = {f"sha256:{Path(name).stem}" for name in found if name.startswith("evidence/")}
    missing = tuple(sorted(named - there))
    return Exported(len(bodies), count["checkpoints"], count["policies"], len(there), missing)


def _line(seq: int, body: bytes, prev: bytes, own: bytes) -> bytes:
    said = base64.b64encode(body).decode("ascii")
    return f'{{"seq":{seq},"body":"{said}","prev":"{prev.hex()}","hash":"{own.hex()}"}}\n'.encode("ascii")


def _write(target: Path, small: dict[str, bytes], lines: IO[bytes]) -> None:
    """The members in the order that the verifier asks for, in a neighbour of `target` first."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as raw:
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    for member, content in small.items():
                        packed.write(verifier.tar_header(member, len(content)))
                        packed.write(content + bytes(-len(content) % 512))
                    size = lines.tell()
                    lines.seek(0)
                    packed.write(verifier.tar_header("ledger.jsonl", size))
                    while block := lines.read(1 << 20):
                        packed.write(block)
                    packed.write(bytes(-size % 512) + bytes(1024))
                raw.flush()
                os.fsync(raw.fileno())
            part.chmod(0o644)
            os.link(part, target)  # unlike a rename, this never takes the place of what is there
        finally:
            part.unlink(missing_ok=True)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        raise CouldNot(f"cannot write {target}: {error.strerror or error}", hint="choose another folder") from error


def _hex(digest: str) -> str:
    """Raise Mismatch for what cannot be in our tables, and could not be the name of a file."""
    if not verifier.DIGEST.fullmatch(digest):
        raise Mismatch(f"the registry's tables were changed: {digest[:80]!r} is no digest", hint="towpath audit")
    return digest.removeprefix("sha256:")


def _exists(target: Path) -> Misused:
    return Misused(f"{target} exists", hint="choose another file; an export is never written over")

"""Verifies an export of a towpath ledger: one file, the standard library alone, no network.

    python3 -I verify_towpath_ledger.py EXPORT [--key KEY]... [--anchor FILE]...

EXPORT is what `towpath audit export` wrote. A KEY (NAME+HEX+BASE64) is what checkpoints are signed with. A FILE holds
checkpoints that were kept elsewhere: only these show that nothing was cut off or written anew. Take both from where the
registry's owner does not rule, never from the export, and compare the SHA-256 of this file with the published one.

Ends with 0: all of it holds; 1: something does not; 2: asked wrongly; 3: it agrees with itself, which proves little as
long as no key or no anchor of yours is given.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import re
import sys
import unicodedata
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except Exception:  # noqa: BLE001 (whatever keeps it away: it gives the same answers, only faster)
    LIBRARY = False
else:
    LIBRARY = True

README = """\
A towpath ledger: who moved which model where, when and why, and what was refused.

ledger.jsonl   one entry a line: number, exact bytes (base64), hash of the entry before, own hash
checkpoints/   signed notes: the Merkle root (RFC 6962) of so many entries, in the form of C2SP
evidence/      signed statements that entries name, as they were received, as far as they were at hand
policies/      the policies that entries were judged by

    python3 -I verify_towpath_ledger.py EXPORT --key KEY --anchor FILE

The verifier in here is a convenience. Get yours from the publisher of towpath and compare its SHA-256; get the key and
the anchors from people who do not rule over the registry.
"""
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
LARGEST = 1 << 31  # bytes of an export, unpacked
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
MEMBERS = (  # in this order
    r"README\.txt",
    r"verify_towpath_ledger\.py",
    r"checkpoints/[0-9]{12}\.note",
    r"evidence/[0-9a-f]{64}\.json",
    r"policies/[0-9a-f]{64}\.json",
    r"ledger\.jsonl",
)
NOTE = re.compile("((?:[!-~]+\n){3})\n((?:\u2014 [^ \n]+ [A-Za-z0-9+/=]+\n)+)")
LINE = re.compile(
    rb'\{"seq":([1-9][0-9]{0,17}),"body":"([A-Za-z0-9+/]+={0,2})","prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}'
)
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# How names are read: what nobody sees is gone, and letters that cannot be told from Latin ones are those.
INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
TWINS = str.maketrans("аеорсухіјѕԁһոѵԛԝαοντικρυı", "aeopcyxijsdhnvqwaovtikpui")
# The fields of an entry; those of SINCE_2 did not exist in the first schema.
TEXTS = ("actor", "digest", "event", "level", "model", "policy", "reason", "request", "time", "workspace")
FIELDS = {
    **dict.fromkeys(TEXTS, str),
    **dict.fromkeys(("previous", "schema", "seq", "version"), int),
    **dict.fromkeys(("approvals", "evidence", "verdicts"), list),
    "details": dict,
}
SINCE_2: dict[str, Any] = {"workspace": "default", "request": "", "approvals": [], "evidence": [], "details": {}}
VERDICT = {"expected": str, "gate": str, "got": str, "passed": bool, "subject": str}
APPROVAL = {"by": str, "role": str, "time": str}
ENDS = ("rejected", "cancelled", "expired")
MOVES = ("promoted", "rolled_back", "retired")
REGISTRY = ("policy_set", "key_added", "key_revoked")
SEALED = (*MOVES, *REGISTRY)  # a checkpoint follows each of these
EVENTS = ("registered", "requested", "approved", *ENDS, *MOVES, "refused", "imported", *REGISTRY)


class Bad(Exception):
    """Something does not hold; the words say what."""


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def shown(text: object) -> str:
    """Foreign text without anything that a terminal would obey."""
    return ascii(str(text))[1:-1][:300]


# Ed25519 (RFC 8032), verifying only. A point is a tuple of extended coordinates.

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
NEUTRAL = (0, 1, 1, 0)


def plus(p: Any, q: Any) -> Any:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, p: Any) -> Any:
    total: Any = NEUTRAL
    while n:
        if n & 1:
            total = plus(total, p)
        p, n = plus(p, p), n >> 1
    return total


def written(p: Any) -> bytes:
    z = pow(p[2], P - 2, P)
    y: int = p[1] * z % P | (p[0] * z % P & 1) << 255
    return y.to_bytes(32, "little")


@functools.cache
def point(raw: bytes) -> Any:
    """None for what is no point, is not written in the only valid way, or is a weak key: anybody can sign for it."""
    y, odd = int.from_bytes(raw, "little") & (2**255 - 1), raw[-1:] > b"\x7f"
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if len(raw) != 32 or y >= P or (x * x - square) % P or (x == 0 and odd):
        return None
    x = x if x & 1 == odd else P - x
    found = (x, y, 1, x * y % P)
    return None if written(times(8, found)) == written(NEUTRAL) else found


def holds(raw: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature over the message."""
    key, s = point(raw), int.from_bytes(signature[32:], "little")
    if key is None or len(signature) != 64 or s >= L:
        return False
    if LIBRARY:
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True
    h = int.from_bytes(hashlib.sha512(signature[:32] + raw + message).digest(), "little") % L
    opposite = (P - key[0], key[1], 1, P - key[3])
    return written(plus(times(s, point(b"\x58" + b"\x66" * 31)), times(h, opposite))) == signature[:32]


# Keys and checkpoints (C2SP signed notes, RFC 6962 roots).


def from_base64(text: str) -> bytes:
    """Raise Bad unless the text is exactly how these bytes are written."""
    content = base64.b64decode(text)
    if base64.b64encode(content).decode() != text:
        raise Bad("base64 in another form than the usual one")
    return content


def key_of(text: str) -> tuple[tuple[str, bytes], bytes]:
    """The name and mark by which notes name the key, and the key."""
    name, mark, blob = [*text.split("+", 2), "", ""][:3]
    content = from_base64(blob)
    right = sha256(name.encode() + b"\n" + content)[:4]
    if content[:1] != b"\x01" or right.hex() != mark or point(content[1:]) is None:
        raise Bad(f"{text} is no key, expected NAME+HEX+BASE64")
    return (name, right), content[1:]


def checkpoint(note: str, keys: dict[tuple[str, bytes], bytes]) -> tuple[int, tuple[str, bytes]]:
    """Number of entries, name of the ledger and Merkle root, as a note of one of the keys says."""
    match = NOTE.fullmatch(note)
    name, size, root = match[1].splitlines() if match and len(note) <= 10_000 else ("", "", "")
    if not match or "+" in name or not re.fullmatch("[1-9][0-9]{0,18}", size) or len(from_base64(root)) != 32:
        raise Bad("a checkpoint is not written as one")
    signers = 0
    for line in match[2].splitlines():
        blob = from_base64(line.split(" ")[2])
        key = keys.get((line.split(" ")[1], blob[:4]))
        if len(blob) < 5 or (key and not holds(key, match[1].encode(), blob[4:])):
            raise Bad(f"the checkpoint of {size} entries has a bad signature")
        signers += key is not None
    if keys and not signers:
        raise Bad(f"the checkpoint of {size} entries is signed by none of the keys that you gave")
    return int(size), (name, from_base64(root))


def push(nodes: list[bytes], size: int, leaf: bytes) -> None:
    """Put a leaf after `size` others, whose perfect trees have these roots."""
    while size & 1:
        leaf, size = sha256(b"\x01" + nodes.pop() + leaf), size >> 1
    nodes.append(leaf)


def root_of(nodes: list[bytes]) -> bytes:
    return functools.reduce(lambda right, left: sha256(b"\x01" + left + right), reversed(nodes))


# The file: a gzip of a tar, in the one form in which an export is written.


def unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        packed, unzip = file.read(min(LARGEST, path.stat().st_size)), zlib.decompressobj(31)
    content = unzip.decompress(packed, min(LARGEST, 100 * len(packed)))
    if packed[: len(GZIP)] != GZIP or not unzip.eof or unzip.unused_data:
        raise Bad("it is no export, was cut off, has something behind it, or unpacks to more than it should")
    return content


def tar_header(name: str, size: int) -> bytes:
    """How a member begins; nothing about it is a matter of choice."""
    start = name.encode("ascii").ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0%011o\0" % (size, 0)
    end = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
    return start + b"%06o\0 " % (sum(start + end) + 8 * 32) + end


def members(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each, which stand in one order, each once."""
    at, last = 0, (0, "")
    while (block := content[at : at + 512]) != bytes(512):
        name, size = block[:100].rstrip(b"\0").decode("ascii"), int(block[124:135], 8)
        kind = next((n for n, form in enumerate(MEMBERS) if re.fullmatch(form, name)), -1)
        if size < 0 or block != tar_header(name, size) or last >= (kind, name):
            raise Bad(f"{name} has no place in an export, or not this one")
        end = at + 512 + size
        at, last = end + -size % 512, (kind, name)
        if at > len(content) or content[end:at].strip(b"\0"):
            raise Bad(f"something lies behind {name}, or it was cut off")
        yield name, content[end - size : end]
    if content[at:] != bytes(1024):
        raise Bad("it does not end as an export ends")


# What the entries tell.


def entry(body: bytes, seq: int) -> dict[str, Any]:
    """Raise Bad unless the body is written as entries are."""
    said = json.loads(body)
    if type(said) is not dict or CANONICAL.encode(said).encode() != body:
        raise Bad("it is not written as entries are")
    if said.get("schema") == 1:
        said = {**SINCE_2, **said} if not SINCE_2.keys() & said.keys() else {}
    types = {name: int if value is None and name == "previous" else type(value) for name, value in said.items()}
    if (
        types != FIELDS
        or (said["schema"], said["seq"]) not in ((1, seq), (2, seq))
        or not TIME.fullmatch(said["time"])
        or instant(said["time"]).year < 2000
        or said["event"] not in EVENTS
        or any(type(v) is not dict or {k: type(v[k]) for k in v} != VERDICT for v in said["verdicts"])
        or any(type(a) is not dict or {k: type(a[k]) for k in a} != APPROVAL for a in said["approvals"])
        or any(type(e) is not str or not DIGEST.fullmatch(e) for e in said["evidence"])
        or any(type(value) is not str for value in said["details"].values())
    ):
        raise Bad("it is not written as entries are")
    return said


def folded(name: str) -> str:
    """What a person reads: names that look alike are one."""
    seen = BLANK.sub("", unicodedata.normalize("NFKD", name)).casefold()
    kept = (c for c in seen if unicodedata.category(c) not in INVISIBLE and not unicodedata.combining(c))
    return "".join(kept).translate(TWINS)


def seated(places: list[str], able: dict[str, set[str]]) -> bool:
    """Whether each place can be filled by a person of its own."""
    taken: dict[str, int] = {}

    def seat(place: int, asked: set[str]) -> bool:
        for person in [p for p, roles in able.items() if places[place] in roles and p not in asked]:
            asked.add(person)
            if person not in taken or seat(taken[person], asked):
                taken[person] = place
                return True
        return False

    return all(seat(place, set()) for place in range(len(places)))


class Story:
    """What the entries tell of requests, approvals and moves; `tell` raises Bad where it cannot have happened so."""

    def __init__(self, policies: dict[str, Any]) -> None:
        self.policies, self.time, self.schema, self.sealed = policies, "", 1, 0
        self.requests: dict[str, dict[str, Any]] = {}
        self.makers: dict[tuple[str, ...], list[str]] = {}
        self.evidence: set[str] = set()
        self.signers = {s["public"] for policy in policies.values() for s in policy["signers"].values()}

    def tell(self, said: dict[str, Any]) -> None:
        if said["time"] < self.time or said["schema"] < self.schema:
            raise Bad("its time or its form is older than that of the entry before")
        self.time, self.schema, event = said["time"], said["schema"], said["event"]
        if self.schema == 2 and said["policy"] and said["policy"] not in self.policies:
            raise Bad("the policy that it was judged by is not there")
        if self.schema == 2 and event in SEALED:
            self.sealed = said["seq"]
        self.evidence.update(said["evidence"])
        if event == "key_added":
            self.signers.add(said["details"]["public"])
        if event == "registered" and said["digest"]:
            self.makers.setdefault((said["workspace"], said["model"], said["digest"]), []).append(said["actor"])
        request = self.request(said)
        if event in MOVES and self.schema == 2:
            self.moved(said, request)
        if event in (*MOVES, *ENDS):
            request["open"] = False

    def request(self, said: dict[str, Any]) -> dict[str, Any]:
        """The request that the entry belongs to, with what the entry adds to it; empty where it belongs to none."""
        number, event = said["request"], said["event"]
        about = [said[name] for name in ("workspace", "model", "level", "version", "digest", "policy")]
        if event == "requested":
            if not number or number in self.requests or said["details"]["event"] not in MOVES:
                raise Bad("it is a request without a number of its own, or for nothing")
            self.requests[number] = {**said["details"], "about": about, "by": said["actor"], "yes": [], "open": True}
        elif not number and event not in ("approved", *ENDS):
            return {}
        found = self.requests.get(number, {"open": False})
        if not found["open"] or found["about"] != about or event not in ("requested", "approved", *ENDS, *MOVES):
            raise Bad("its request was not made before, had ended, or is about something else")
        if event == "approved":
            found["yes"].append({"by": said["actor"], "role": said["details"]["role"], "time": said["time"]})
        return found

    def moved(self, said: dict[str, Any], request: dict[str, Any]) -> None:
        policy = self.policies.get(said["policy"], {"levels": {}})
        level = policy["levels"].get(said["level"])
        if level is None:
            raise Bad("it was judged by no policy that has such a level")
        if request:
            late = request["expires"] and instant(said["time"]) > instant(request["expires"]) + timedelta(minutes=5)
            if late or said["event"] != request["event"] or any(yes not in request["yes"] for yes in said["approvals"]):
                raise Bad("it came too late, is not what was asked for, or tells of approvals that nobody gave")
        if not level["approvals"]:
            return
        if not request:
            raise Bad("its policy asks for approvals, and nobody had asked for any")
        makers = self.makers.get((said["workspace"], said["model"], said["digest"]), [])
        barred = {"requester": [request["by"]], "author": [*json.loads(request["authors"]), *makers]}
        names = [[folded(name) for name in barred[kind]] for kind in level["distinct_from"]]
        able: dict[str, set[str]] = {}
        for yes in said["approvals"] if all(any(known) for known in names) else ():
            held = set(policy["people"].get(yes["by"], ()))
            if folded(yes["by"]) and not any(folded(yes["by"]) in known for known in names):
                able.setdefault(yes["by"], set()).update(held & {yes["role"]} if yes["role"] else held)
        if not seated([role for role, count in level["approvals"].items() for _ in range(count)], able):
            raise Bad("the approvals that it tells of are not those that its policy asks for")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix("Z"))


def linked(line: bytes, seq: int, prev: bytes) -> tuple[bytes, bytes]:
    """Body and hash of the entry that must come next."""
    match = LINE.fullmatch(line)
    if not match:
        raise Bad("its line is not written as one")
    body, own = from_base64(match[2].decode()), bytes.fromhex(match[4].decode())
    if int(match[1]) != seq:
        raise Bad(f"the next entry has number {match[1].decode()}")
    if bytes.fromhex(match[3].decode()) != prev:
        raise Bad("it does not follow the entry before")
    if sha256(b"\x00" + prev + body) != own:
        raise Bad("its content was changed")
    return body, own


def followed(lines: list[bytes], roots: dict[int, list[tuple[str, bytes]]], story: Story) -> str:
    """The hash of the last entry, after all were verified, and the tree of each size against its notes."""
    prev, name = bytes(32), ""
    nodes: list[bytes] = []
    for seq, line in enumerate(lines, 1):
        try:
            body, prev = linked(line, seq, prev)
            story.tell(entry(body, seq))
        except Bad as error:
            raise Bad(f"entry {seq}: {error}") from error
        except Exception as error:
            raise Bad(f"entry {seq}: it cannot be read ({type(error).__name__})") from error
        push(nodes, seq - 1, prev)
        name = name or f"towpath-ledger-{prev.hex()[:16]}"
        if any(said != (name, root_of(nodes)) for said in roots.get(seq, ())):
            raise Bad(f"the first {seq} entries are not those that a checkpoint or an anchor of {seq} was made of")
    if max(roots, default=1) > len(lines):
        raise Bad(f"there are {len(lines)} entries, but a checkpoint or an anchor tells of {max(roots, default=1)}")
    return prev.hex()


def noted(notes: list[str], keys: dict[tuple[str, bytes], bytes]) -> dict[int, list[tuple[str, bytes]]]:
    """What notes say, by the number of entries."""
    roots: dict[int, list[tuple[str, bytes]]] = {}
    for size, said in (checkpoint(note, keys) for note in notes):
        roots.setdefault(size, []).append(said)
    return roots


def verified(path: Path, keys: dict[tuple[str, bytes], bytes], anchors: list[str]) -> str:
    """What was found, in words. Raises: Bad, and whatever a file that is no export leads to."""
    parts = dict(members(unpacked(path)))
    for name, right in (("README.txt", README.encode()), ("verify_towpath_ledger.py", Path(__file__).read_bytes())):
        if parts.pop(name, b"") != right:
            raise Bad(f"{name} is not the one that belongs to this verifier: use that of the release that exported it")
    *lines, end = parts.pop("ledger.jsonl", b"").split(b"\n")
    if end or not lines:
        raise Bad("the ledger is empty, or ends in the middle of a line")
    notes = {name: parts.pop(name).decode() for name in list(parts) if name.startswith("checkpoints/")}
    signed, outside = noted(list(notes.values()), keys), noted(anchors, keys)
    if list(notes) != [f"checkpoints/{size:012}.note" for size in signed]:
        raise Bad("a checkpoint has another name than its own")
    for name, content in parts.items():
        if sha256(content).hex() not in name:
            raise Bad(f"{name} was changed")
    policies = {f"sha256:{n[9:73]}": json.loads(content) for n, content in parts.items() if n[:9] == "policies/"}
    story = Story(policies)
    roots = {size: [*signed.get(size, ()), *outside.get(size, ())] for size in {*signed, *outside}}
    head = followed(lines, roots, story)
    if any(base64.b64encode(key).decode() in story.signers for key in keys.values()):
        raise Bad("a key that signs checkpoints signs evidence too")
    if max(signed, default=0) < story.sealed:
        raise Bad(f"no checkpoint covers entry {story.sealed}, which one was made of")
    evidence = {f"sha256:{name[9:73]}" for name in parts if name.startswith("evidence/")}
    if evidence - story.evidence:
        raise Bad("a statement is there that no entry names")
    unsigned, unseen = len(lines) - max(signed, default=0), len(lines) - max(outside, default=0)
    return (
        f"entries      {len(lines)}, the last has the hash {head}\n"
        f"checkpoints  {len(signed)}, {'signed by your keys' if keys else 'signatures not verified: give --key'};"
        f" {unsigned} entries came after the last\n"
        f"anchors      {len(anchors)}; {unseen} entries are covered by none{'' if anchors else ': give --anchor'}\n"
        f"evidence     {len(evidence)} of {len(story.evidence)} statements are here, with the bytes that entries name\n"
        f"policies     {len(policies)}, with the bytes that entries name\n"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path, metavar="EXPORT")
    parser.add_argument("--key", action="append", default=[], metavar="KEY")
    parser.add_argument("--anchor", action="append", default=[], type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    try:
        texts = [path.read_bytes().decode() for path in asked.anchor]
        anchors = [match[0] for text in texts for match in NOTE.finditer(text)]
        if "".join(anchors) != "".join(texts) or not all(texts):
            raise Bad("an anchor is no list of checkpoints")
        told = verified(asked.export, dict(map(key_of, asked.key)), anchors)
    except Exception as error:  # noqa: BLE001 (whatever it is, nothing was verified)
        why = error if isinstance(error, Bad) else f"it cannot be read ({type(error).__name__})"
        sys.stdout.write(f"FAILED: {shown(why)}\n")
        return 1
    whole = bool(asked.key and anchors)
    sys.stdout.write(told + ("OK\n" if whole else "CONSISTENT, but not held against a key and an anchor of yours\n"))
    return 0 if whole else 3


if __name__ == "__main__":
    sys.exit(main())

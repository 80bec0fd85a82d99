"""Who may say what about a model, and whether an envelope's signatures say it.

Trust comes from the list of signers alone; nothing that an envelope says of itself adds to it. Whether a key counts is
judged at the time at which the ledger recorded the evidence, never at a time that the statement names.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from towpath_core.clock import short
from towpath_registry import dsse, keys, strict_json
from towpath_registry.keys import PublicKey
from towpath_registry.names import folded

STATEMENT = "https://in-toto.io/Statement/v1"
ANY = "*"  # what a signer may sign who may sign whatever there is
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # since when a key counts that was there before anybody wrote it down
LEFT, COMPROMISE = "left", "compromise"
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Revoked:
    """Since when a key no longer counts; after a `compromise` it never did, whatever was recorded before.

    Raises: ValueError for any other reason.
    """

    at: datetime
    reason: str

    def __post_init__(self) -> None:
        if self.reason not in (LEFT, COMPROMISE):
            raise ValueError(f"a key is revoked because its owner {LEFT} or for its {COMPROMISE}, not {self.reason!r}")


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that somebody may sign with: whose it is, for which kinds of evidence, from when, until when."""

    name: str
    owner: str
    public: PublicKey
    may: tuple[str, ...]
    since: datetime
    until: datetime | None = None
    revoked: Revoked | None = None

    def objection(self, kind: str, recorded: datetime) -> str:
        """Why the key does not count for evidence of `kind` that was recorded then; empty if it does."""
        whose = f"the key {self.name} of {self.owner}"
        if self.revoked and (self.revoked.reason != LEFT or recorded >= self.revoked.at):
            return f"{whose} was revoked on {short(self.revoked.at)} ({self.revoked.reason})"
        if recorded < self.since:
            return f"{whose} counts from {short(self.since)} on"
        if self.until is not None and recorded >= self.until:
            return f"{whose} counted until {short(self.until)}"
        return "" if kind in self.may or ANY in self.may else f"{whose} may not sign {kind}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, and the owners whose keys signed it: each person once."""

    statement: Mapping[str, Any]
    owners: tuple[str, ...]


class Untrusted(Exception):
    """An envelope proves nothing, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def judge(envelope: bytes, signers: Iterable[Signer], kind: str, recorded: datetime) -> Signed:
    """The statement of `kind` in the envelope, if one of the signers vouches for it.

    Raises: Untrusted, whatever is wrong.
    """
    try:
        return _judged(envelope, tuple(signers), kind, recorded)
    except Untrusted:
        raise
    except ValueError as error:
        raise Untrusted(str(error)) from error
    except Exception as error:
        raise Untrusted(f"it could not be judged ({type(error).__name__})") from error


def predicate_type(kind: str) -> str:
    return f"https://towpath.invalid/evidence/{kind}/v1"


def about(statement: Mapping[str, Any]) -> tuple[str, str]:
    """The name and the digest (sha256:…) of the one model that a statement is about. Raises: ValueError."""
    subjects = statement["subject"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise ValueError("it is not about exactly one model")
    (subject,) = subjects
    if not isinstance(subject, dict) or subject.keys() != {"name", "digest"} or type(subject["name"]) is not str:
        raise ValueError("its subject is not a name with a digest and nothing else")
    digest = subject["digest"]
    if not isinstance(digest, dict) or digest.keys() != {"dirHash"}:
        raise ValueError("its subject has another digest than one dirHash")
    if type(digest["dirHash"]) is not str or not _HEX.fullmatch(digest["dirHash"]):
        raise ValueError("its subject's dirHash is not 64 hex digits in lower case")
    return subject["name"], f"sha256:{digest['dirHash']}"


def own(environ: Mapping[str, str]) -> tuple[Signer, ...]:
    """The keys of this home, the replaced ones too, as keys of whoever works here: for one person at one machine."""
    from towpath_registry.actor import actor

    mine = [key for key in keys.kept(environ) if key.name == keys.EVIDENCE]
    owner = actor(environ) if mine else ""
    return tuple(Signer(key.public.id[:8], owner, key.public, (ANY,), ALWAYS) for key in mine)


@functools.lru_cache(maxsize=256)  # a promotion judges the same envelopes when it is asked for and when it is done
def _judged(envelope: bytes, signers: tuple[Signer, ...], kind: str, recorded: datetime) -> Signed:
    """1. the list of signers; 2. the envelope's form; 3. each signature; 4. whose count; 5. only then, what it says."""
    known = _by_id(signers)
    parsed = dsse.parse(envelope)
    signed = dsse.signers(parsed, {key: signer.public for key, signer in known.items()})
    objections = {key: known[key].objection(kind, recorded) for key in signed}
    owners = {folded(known[key].owner): known[key].owner for key in signed if not objections[key]}
    if not owners:
        unknown = [f"the key {key[:8]} is not on the list of signers" for key in parsed.signatures if key not in known]
        raise Untrusted("; ".join([*objections.values(), *unknown]))
    statement = strict_json.loads(parsed.payload, dsse.LARGEST)
    if not isinstance(statement, dict) or statement.keys() != {"_type", "subject", "predicateType", "predicate"}:
        raise Untrusted("it is not a statement of type, subject and predicate and nothing else")
    if statement["_type"] != STATEMENT or statement["predicateType"] != predicate_type(kind):
        raise Untrusted(f"it is not a {STATEMENT} of the kind {kind}")
    about(statement)
    return Signed(statement, tuple(sorted(owners.values())))


def _by_id(signers: tuple[Signer, ...]) -> dict[str, Signer]:
    if not signers:
        raise Untrusted("nobody is trusted to sign evidence: the list of signers is empty")
    known = {signer.public.id: signer for signer in signers}
    if len(known) != len(signers):
        raise Untrusted("the list of signers names one key twice")
    if not all(folded(signer.owner) for signer in signers):
        raise Untrusted("the list of signers names a key without an owner")
    return known

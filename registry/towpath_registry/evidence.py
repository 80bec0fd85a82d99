"""Evidence: one signed statement about one model digest, an in-toto Statement v1 in a DSSE envelope.

The subject is the model folder's `dirHash`; measures are decimal text, because a statement holds no floats. `statement`
makes the bytes that are signed; `read` takes an envelope that anybody may have written, and says what it proves.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from towpath_core.clock import from_stamp, stamp
from towpath_core.digests import sha256_bytes
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import dsse, strict_json
from towpath_registry.trust import STATEMENT, Signer, Untrusted, about, judge, predicate_type

FOLDER = "evidence"
SUFFIX = ".dsse.json"
LARGEST = dsse.LARGEST
DATA_CHECKS, QUALITY, DOCUMENTATION = "data-checks", "quality", "documentation"
NOT_ASSESSED = "not assessed"
# How far the clock of who made a statement may be ahead of the clock of who recorded it.
PATIENCE = timedelta(minutes=5)
_DECIMAL = re.compile(r"-?[0-9]+\.[0-9]{6}")
_PREDICATE = frozenset({"kind", "model", "digest", "verdict", "measures", "findings", "inputs", "made", "by"})
_FINDING = frozenset({"gate", "passed", "subject", "got", "expected"})


@dataclass(frozen=True, slots=True)
class Documented:
    """Who answers for a model, by role, until when that holds (YYYY-MM-DD), and what the model is for."""

    owners: Mapping[str, str]
    next_review: str
    scope: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody found out about one model: name and digest, verdict, measures, findings, and made from what.

    `documented` is there for the kind `documentation` and no other.
    """

    kind: str
    model: str
    digest: str
    passed: bool
    measures: Mapping[str, str]
    findings: tuple[Verdict, ...]
    inputs: Mapping[str, str]
    made: datetime
    by: str
    documented: Documented | None = None

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Statement:
        """From what `trust.judge` found signed. Raises: ValueError, with the reason, for anything but a whole one."""
        try:
            return _statement(content)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"a part of the statement is missing or of the wrong kind ({type(error).__name__})"
            ) from error


@dataclass(frozen=True, slots=True)
class Read:
    """What an envelope proves: a statement with the owners who signed it, or nothing, and the `problem` why.

    `name` is its file's; `sha256` is the digest of the envelope's bytes; `recorded` is None while the ledger does not
    tell of it.
    """

    name: str
    sha256: str
    statement: Statement | None
    problem: str
    owners: tuple[str, ...]
    recorded: datetime | None

    @property
    def kind(self) -> str:
        """As the file's name says it; a statement in it is of this very kind."""
        return kind_of(self.name)


def kind_of(name: str) -> str:
    return name.partition(".")[0]


def statement(
    kind: str,
    *,
    model: str,
    digest: str,
    findings: Sequence[Verdict],
    measures: Mapping[str, float | None],
    inputs: Mapping[str, str],
    made: datetime,
    by: str,
    documented: Documented | None = None,
) -> bytes:
    """A statement of `kind` about the model of `digest` (sha256:<hex>), to be sealed.

    Its verdict is that all findings passed. What it is made from (`inputs`) goes in by name and digest.

    Raises: ValueError for documentation without `documented`, and for any other kind with it.
    """
    if (kind == DOCUMENTATION) != (documented is not None):
        raise ValueError(f"{DOCUMENTATION}, and no other evidence, says who answers for a model and what it is for")
    said: dict[str, Any] = {
        "kind": kind,
        "model": model,
        "digest": digest,
        "verdict": "passed" if all_passed(findings) else "failed",
        "measures": _pairs({name: decimal(value) for name, value in measures.items()}),
        "findings": [{key: _text(value) for key, value in asdict(finding).items()} for finding in findings],
        "inputs": _pairs(inputs),
        "made": stamp(made),
        "by": _text(by),
    }
    if documented:
        said |= {
            "owners": _pairs(documented.owners),
            "next_review": documented.next_review,
            "scope": _pairs(documented.scope),
        }
    subject = {"name": model, "digest": {"dirHash": digest.removeprefix("sha256:")}}
    whole = {"_type": STATEMENT, "subject": [subject], "predicateType": predicate_type(kind), "predicate": said}
    return strict_json.dumps(whole)


def decimal(value: float | None) -> str:
    """Six decimals; `not assessed` for what is no number."""
    return NOT_ASSESSED if value is None or not math.isfinite(value) else f"{value:.6f}"


def read(name: str, envelope: bytes, signers: Iterable[Signer], recorded: datetime | None, now: datetime) -> Read:
    """What the envelope in the file `name` proves, by these signers.

    Never raises: what cannot be trusted or read is a `problem`. What is not recorded yet is judged as recorded `now`.
    """
    own = sha256_bytes(envelope)
    try:
        if not name.endswith(SUFFIX):
            raise ValueError(f"evidence is a file called KIND{SUFFIX}")
        signed = judge(envelope, signers, kind_of(name), recorded or now)
        said = Statement.of(signed.statement)
        if said.made - (recorded or now) > PATIENCE:
            raise ValueError(f"it was made on {stamp(said.made)}, after it was recorded")
    except (Untrusted, ValueError) as error:
        return Read(name, own, None, str(error), (), recorded)
    return Read(name, own, said, "", signed.owners, recorded)


def _statement(content: Mapping[str, Any]) -> Statement:
    name, digest = about(content)
    said = content["predicate"]
    kind = _str(said["kind"])
    documented = _documented(said) if kind == DOCUMENTATION else None
    members = _PREDICATE | ({"owners", "next_review", "scope"} if documented else set())
    if said.keys() != members:
        raise ValueError(f"what it says is not {', '.join(sorted(members))} and nothing else")
    if content["_type"] != STATEMENT or content["predicateType"] != predicate_type(kind):
        raise ValueError(f"it is not a {STATEMENT} of its kind")
    if (said["model"], said["digest"]) != (name, digest):
        raise ValueError("what it says is about another model than its subject")
    if said["verdict"] not in ("passed", "failed"):
        raise ValueError("its verdict is neither passed nor failed")
    measures = _mapping(said["measures"])
    if wrong := [key for key, value in measures.items() if value != NOT_ASSESSED and not _DECIMAL.fullmatch(value)]:
        raise ValueError(f"its measure {wrong[0]} is not a number with six decimals")
    return Statement(
        kind=kind,
        model=name,
        digest=digest,
        passed=said["verdict"] == "passed",
        measures=measures,
        findings=tuple(_finding(found) for found in _list(said["findings"])),
        inputs=_mapping(said["inputs"]),
        made=_time(_str(said["made"])),
        by=_str(said["by"]),
        documented=documented,
    )


def _time(text: str) -> datetime:
    try:
        made = from_stamp(text)
        if stamp(made) == text:
            return made
    except ValueError:
        pass
    raise ValueError("its time is not written as it must be")


def _documented(said: Mapping[str, Any]) -> Documented:
    return Documented(_mapping(said["owners"]), _str(said["next_review"]), _mapping(said["scope"]))


def _finding(found: Mapping[str, Any]) -> Verdict:
    if found.keys() != _FINDING or not isinstance(found["passed"], bool):
        raise TypeError
    texts = (_str(found[key]) for key in ("subject", "got", "expected"))
    return Verdict(_str(found["gate"]), found["passed"], *texts)


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """As a list: names are people's own words, and the keys of our JSON are ASCII."""
    return [{"name": _text(name), "value": _text(values[name])} for name in sorted(values)]


def _mapping(pairs: Any) -> dict[str, str]:
    found = {_str(pair["name"]): _str(pair["value"]) for pair in _list(pairs)}
    if len(found) != len(pairs) or any(pair.keys() != {"name", "value"} for pair in pairs):
        raise ValueError("a name stands twice, or has more than a value")
    return found


def _text(value: Any) -> Any:
    """Text without half characters, which data can bring along and no UTF-8 can hold; anything else as it is."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value

"""Evidence: one statement about one model digest, in the form of an in-toto Statement v1.

The subject is the model folder's `dirHash`; measures are decimal text, because a statement holds no floats.
`statement` writes one; `Statement.parse` reads one that anybody may have written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from towpath_core.clock import stamp
from towpath_core.verdicts import Verdict, all_passed

STATEMENT = "https://in-toto.io/Statement/v1"
FOLDER = "evidence"
LARGEST = 4 << 20  # bytes of one statement
_UNREADABLE = "unreadable"


def predicate_type(kind: str) -> str:
    return f"https://towpath.invalid/evidence/{kind}/v1"


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
) -> dict[str, Any]:
    """A statement of `kind` about the model of `digest` (sha256:<hex>); its verdict is that all findings passed."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": model, "digest": {"dirHash": digest.removeprefix("sha256:")}}],
        "predicateType": predicate_type(kind),
        "predicate": {
            "kind": kind,
            "verdict": "passed" if all_passed(findings) else "failed",
            "measures": {name: decimal(value) for name, value in measures.items()},
            "findings": [asdict(f) for f in findings],
            "inputs": dict(inputs),
            "made": stamp(made),
            "by": by,
        },
    }


def decimal(value: float | None) -> str:
    """Six decimals; `not assessed` for what is no number."""
    return "not assessed" if value is None or not math.isfinite(value) else f"{value:.6f}"


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: of which kind, about which models (name and digest), with which verdict and findings."""

    kind: str
    subjects: tuple[tuple[str, str], ...]
    passed: bool
    measures: Mapping[str, str]
    findings: tuple[Verdict, ...]
    made: str
    by: str

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Statement:
        """Raise ValueError, with the reason, for anything but a complete statement."""
        if _UNREADABLE in content:
            raise ValueError(content[_UNREADABLE])
        try:
            said = content["predicate"]
            kind = str(said["kind"])
            if content["_type"] != STATEMENT or content["predicateType"] != predicate_type(kind):
                raise ValueError(f"it is not a {STATEMENT} of its kind")
            if not content["subject"]:
                raise ValueError("it speaks of no model")
            if said["verdict"] not in ("passed", "failed"):
                raise ValueError("its verdict is neither passed nor failed")
            return cls(
                kind=kind,
                subjects=tuple((s["name"], f"sha256:{s['digest']['dirHash']}") for s in content["subject"]),
                passed=said["verdict"] == "passed",
                measures={str(name): str(value) for name, value in said["measures"].items()},
                findings=tuple(_finding(found) for found in said["findings"]),
                made=str(said["made"]),
                by=str(said["by"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a part is missing or of the wrong kind: {error}") from error


def decoded(name: str, content: bytes) -> dict[str, Any]:
    """The statement in a file; what is no JSON object comes back as a statement that says so, and proves nothing."""
    try:
        found = json.loads(content, object_pairs_hook=_once) if len(content) <= LARGEST else None
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()  # no NaN, no half characters
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {_UNREADABLE: f"{name} is no JSON object of at most {LARGEST} bytes"}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _finding(found: Mapping[str, Any]) -> Verdict:
    if not isinstance(found["passed"], bool):
        raise TypeError("passed is neither true nor false")
    return Verdict(str(found["gate"]), found["passed"], *(str(found[key]) for key in ("subject", "got", "expected")))

"""Evidence: one statement about one model digest, in the form of an in-toto Statement v1.

The subject is the model folder's `dirHash`; measures are decimal text, because a statement holds no floats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from towpath_core.clock import stamp
from towpath_core.verdicts import Verdict, all_passed

STATEMENT = "https://in-toto.io/Statement/v1"
FOLDER = "evidence"


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
            "findings": [
                {"gate": f.gate, "passed": f.passed, "subject": f.subject, "got": f.got, "expected": f.expected}
                for f in findings
            ],
            "inputs": dict(inputs),
            "made": stamp(made),
            "by": by,
        },
    }


def decimal(value: float | None) -> str:
    """Six decimals; `not assessed` for what is no number."""
    return "not assessed" if value is None or not math.isfinite(value) else f"{value:.6f}"

"""Candidates for the gates: one that every gate lets pass, and what it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from registry_world import CARD, CHECKED, JUDGED, NAME, TAGS
from towpath_core.verdicts import Verdict
from towpath_registry import evidence
from towpath_registry.gates import Candidate
from towpath_registry.nouns import ModelVersion

DIGEST = "sha256:" + "d" * 64
OTHER = "sha256:" + "e" * 64
MADE = datetime(2026, 3, 31, tzinfo=UTC)
FORMAT = (Verdict("model-format", True, "the folder", "3 known files", "known files only"),)


def statement(kind: str, findings: tuple[Verdict, ...], digest: str = DIGEST, model: str = NAME) -> dict[str, Any]:
    return evidence.statement(
        kind, model=model, digest=digest, findings=findings, measures={}, inputs={}, made=MADE, by="a"
    )


def good(**other: Any) -> Candidate:
    version = ModelVersion(NAME, 1, MADE, "run", "models:/m-1", DIGEST, {**TAGS, "towpath.digest": DIGEST})
    said = (statement("data-checks", CHECKED), statement("quality", JUDGED))
    return replace(Candidate(version, DIGEST, FORMAT, CARD, said), **other)


def bare() -> Candidate:
    """A version that proves nothing."""
    return Candidate(ModelVersion(NAME, 1, MADE, "", "", "", {}), "")

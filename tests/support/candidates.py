"""Candidates for the gates: one that every gate lets pass, and what it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_world import CARD, CHECKED, DOCUMENTED, JUDGED, KEY, NAME, RECORDED, TAGS
from towpath_core.verdicts import Verdict
from towpath_registry import dsse, evidence
from towpath_registry.evidence import Documented, Read
from towpath_registry.gates import Candidate, EvidenceRule
from towpath_registry.keys import PrivateKey
from towpath_registry.nouns import ModelVersion
from towpath_registry.trust import ANY, Signer

DIGEST = "sha256:" + "d" * 64
OTHER = "sha256:" + "e" * 64
MADE = datetime(2026, 3, 31, tzinfo=UTC)
NOW = MADE + timedelta(days=1)
FORMAT = (Verdict("model-format", True, "the folder", "3 known files", "known files only"),)
RULES = {kind: EvidenceRule(valid_days=365) for kind in ("data-checks", "quality", "documentation")}
INPUTS = {"dvc.lock": TAGS["towpath.pipeline"]}
DOCUMENTED_THEN = replace(DOCUMENTED, next_review="2027-03-31")


def statement(
    kind: str,
    findings: tuple[Verdict, ...] = RECORDED,
    digest: str = DIGEST,
    model: str = NAME,
    *,
    inputs: dict[str, str] = INPUTS,
    made: datetime = MADE,
    documented: Documented = DOCUMENTED_THEN,
) -> bytes:
    return evidence.statement(
        kind,
        model=model,
        digest=digest,
        findings=findings,
        measures={"accuracy_4": 0.578},
        inputs=inputs,
        made=made,
        by="a",
        documented=documented if kind == "documentation" else None,
    )


def signer(name: str = "ann", key: PrivateKey = KEY, **other: Any) -> Signer:
    """Somebody who may sign everything, from long ago on."""
    return replace(Signer(name, name, key.public, (ANY,), MADE - timedelta(days=365)), **other)


def read(
    kind: str, payload: bytes, *, keys: tuple[PrivateKey, ...] = (KEY,), signers: tuple[Signer, ...] | None = None
) -> Read:
    """What the sealed payload proves to who trusts the signers (KEY, if none are given)."""
    trusted = (signer(),) if signers is None else signers
    return evidence.read(f"{kind}{evidence.SUFFIX}", dsse.seal(payload, *keys), trusted, None, NOW)


def said(kind: str, findings: tuple[Verdict, ...] = RECORDED, *about: str, **other: Any) -> Read:
    """Signed evidence, as the gates get it."""
    return read(kind, statement(kind, findings, *about, **other))


def good(**other: Any) -> Candidate:
    version = ModelVersion(NAME, 1, MADE, "run", "models:/m-1", DIGEST, {**TAGS, "towpath.digest": DIGEST})
    proof = (said("data-checks", CHECKED), said("quality", JUDGED), said("documentation"))
    return replace(Candidate(version, DIGEST, FORMAT, CARD, proof, NOW, RULES), **other)


def bare() -> Candidate:
    """A version that proves nothing."""
    return Candidate(ModelVersion(NAME, 1, MADE, "", "", "", {}), "")

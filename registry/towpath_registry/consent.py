"""A signed yes: an approval that its giver signed with a key of their own, which no server holds.

It is a statement about the model's digest, and names the request, the level, the policy and the role: it fits nothing
else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from towpath_registry import dsse, strict_json, trust
from towpath_registry.keys import PrivateKey
from towpath_registry.names import folded
from towpath_registry.requests import Promotion
from towpath_registry.trust import Signer, Untrusted

KIND = "approval"


def statement(promotion: Promotion, role: str) -> dict[str, Any]:
    """What is signed. `role` is empty where the giver's only fitting role is meant."""
    return {
        "_type": trust.STATEMENT,
        "subject": [{"name": promotion.model, "digest": {"dirHash": promotion.digest.removeprefix("sha256:")}}],
        "predicateType": trust.predicate_type(KIND),
        "predicate": {
            "kind": KIND,
            "request": promotion.id,
            "version": promotion.version,
            "level": promotion.level,
            "event": promotion.event,
            "policy": promotion.policy,
            "role": role,
        },
    }


def sign(promotion: Promotion, role: str, key: PrivateKey) -> str:
    """The envelope as text, to be sent along with the approval."""
    return dsse.seal(strict_json.dumps(statement(promotion, role)), key).decode("ascii")


def lack(promotion: Promotion, role: str, actor: str, signature: str, signers: Sequence[Signer], now: datetime) -> str:
    """What the signature lacks to be the actor's own yes to exactly this; empty if nothing."""
    if not signature:
        return f"the policy asks for a signed approval: {actor} gives it with towpath approve {promotion.id}"
    try:
        signed = trust.judge(signature.encode(), [s for s in signers if s.owner == actor], KIND, now)
    except Untrusted as error:
        return f"the signature is not that of {actor}: {error.reason}"
    if folded(actor) not in {folded(owner) for owner in signed.owners}:
        return f"the signature is not that of {actor}"
    return "" if dict(signed.statement) == statement(promotion, role) else "the signature is to something else"

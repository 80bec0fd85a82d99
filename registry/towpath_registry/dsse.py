"""DSSE envelopes: bytes, and who signed exactly these bytes.

What is signed is the payload as it is, so nobody has to agree on how to write JSON. An envelope is kept as it was
received and never written again. This module knows nothing of who may be trusted.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from towpath_registry import strict_json
from towpath_registry.keys import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST = 4 << 20  # bytes of one envelope
MOST_SIGNATURES = 16
_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope holds: its payload, and by the id that each signature gives its key, the signature."""

    payload: bytes
    signatures: Mapping[str, bytes]


def seal(payload: bytes, *keys: PrivateKey) -> bytes:
    """The envelope's bytes, signed by each key. Raises: ValueError without keys, or for one key twice."""
    if not keys or len({key.public.id for key in keys}) != len(keys):
        raise ValueError("an envelope is signed by one or more keys, and by each of them once")
    signed = signed_bytes(payload)
    signatures = [{"keyid": key.public.id, "sig": _base64(key.sign(signed))} for key in keys]
    return strict_json.dumps({"payloadType": PAYLOAD_TYPE, "payload": _base64(payload), "signatures": signatures})


def signed_bytes(payload: bytes) -> bytes:
    """What a signature is over: type and payload, each with its length."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse(envelope: bytes) -> Envelope:
    """Raise ValueError, with the reason, for anything but an envelope around a payload of in-toto."""
    content = strict_json.loads(envelope, LARGEST)
    _expect(content, "the envelope", payloadType=str, payload=str, signatures=list)
    if content["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payload is not of the type {PAYLOAD_TYPE}")
    if not 0 < len(content["signatures"]) <= MOST_SIGNATURES:
        raise ValueError(f"it has {len(content['signatures'])} signatures, expected 1 to {MOST_SIGNATURES}")
    found: dict[str, bytes] = {}
    for signature in content["signatures"]:
        _expect(signature, "a signature", keyid=str, sig=str)
        if not _ID.fullmatch(signature["keyid"]):
            raise ValueError("a signature does not say which key made it")
        if signature["keyid"] in found:
            raise ValueError("one key has signed it twice")
        found[signature["keyid"]] = _bytes(signature["sig"], "a signature")
    return Envelope(_bytes(content["payload"], "the payload"), found)


def signers(envelope: Envelope, known: Mapping[str, PublicKey]) -> tuple[str, ...]:
    """The ids of the known keys that signed it; what others signed is nobody's word.

    Raises: ValueError when a signature that names a known key is not of that key: then nothing in it can be believed.
    """
    signed = signed_bytes(envelope.payload)
    named = [key for key in envelope.signatures if key in known]
    for key in named:
        if not known[key].verify(signed, envelope.signatures[key]):
            raise ValueError(f"the signature by the key {key[:8]} is wrong")
    return tuple(named)


def _expect(value: object, what: str, **members: type) -> None:
    """Raise ValueError unless it is an object with exactly these members, each of its type."""
    if not isinstance(value, dict) or value.keys() != members.keys():
        raise ValueError(f"{what} is not an object of {', '.join(members)} and nothing else")
    for name, kind in members.items():
        if type(value[name]) is not kind:
            raise ValueError(f"{name} of {what} is of the wrong kind")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _bytes(text: str, what: str) -> bytes:
    """From base64 in its one canonical form: an envelope must not have two spellings."""
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError(f"{what} is not base64") from error
    if _base64(content) != text:
        raise ValueError(f"{what} is base64 in another form than the usual one")
    return content

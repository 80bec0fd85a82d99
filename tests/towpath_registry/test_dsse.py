from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Theirs
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._crypto_signer import CryptoSigner
from securesystemslib.signer._key import Key, SSlibKey

from registry_world import KEY, private_key
from towpath_registry import dsse
from towpath_registry.keys import PrivateKey, PublicKey

OTHER = private_key(2)
ORDER = 2**252 + 27742317777372353535851937790883648493
KNOWN = {key.public.id: key.public for key in (KEY, OTHER)}
PAYLOAD = b'{"said":"yes"}'
SEALED = dsse.seal(PAYLOAD, KEY, OTHER)


def changed(**members: Any) -> bytes:
    return json.dumps({**json.loads(SEALED), **members}).encode()


def signed_as(*signatures: Any) -> bytes:
    return changed(signatures=list(signatures))


def signature(at: int, **members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SEALED)["signatures"][at]
    return {**found, **members}


def proven(envelope: bytes) -> tuple[bytes, tuple[str, ...]]:
    parsed = dsse.parse(envelope)
    return parsed.payload, dsse.signers(parsed, KNOWN)


def made_over(sig: str) -> str:
    """The same signature with S + L in the place of S: another text that says the same."""
    raw = base64.b64decode(sig)
    more = int.from_bytes(raw[32:], "little") + ORDER
    return base64.b64encode(raw[:32] + more.to_bytes(32, "little")).decode()


def their_key(key: PublicKey, keyid: str) -> SSlibKey:
    return SSlibKey(keyid, "ed25519", "ed25519", {"public": key.raw.hex()})


def test_the_envelope_gives_back_the_payload_and_who_signed_it() -> None:
    assert proven(SEALED) == (PAYLOAD, (KEY.public.id, OTHER.public.id))


def test_the_same_payload_and_key_give_the_same_envelope() -> None:
    assert dsse.seal(PAYLOAD, KEY) == dsse.seal(PAYLOAD, KEY)


def test_what_is_signed_is_what_the_specification_says() -> None:
    assert dsse.signed_bytes(b"hello world") == b"DSSEv1 28 application/vnd.in-toto+json 11 hello world"
    assert dsse.signed_bytes(b"") == b"DSSEv1 28 application/vnd.in-toto+json 0 "


def test_an_envelope_without_a_key_or_with_one_twice_is_not_made() -> None:
    for keys in ((), (KEY, KEY), (KEY, private_key(1))):
        with pytest.raises(ValueError, match="signed by one or more keys, and by each of them once"):
            dsse.seal(PAYLOAD, *keys)


def test_a_strangers_signature_is_nobodys_word() -> None:
    sealed = dsse.seal(PAYLOAD, private_key(9), KEY)
    assert proven(sealed) == (PAYLOAD, (KEY.public.id,))
    assert proven(dsse.seal(PAYLOAD, private_key(9))) == (PAYLOAD, ())


def test_a_strangers_bad_signature_does_not_spoil_it() -> None:
    odd = {"keyid": "somebody", "sig": base64.b64encode(b"x").decode()}
    assert proven(signed_as(odd, signature(0))) == (PAYLOAD, (KEY.public.id,))


def test_a_key_s_id_in_capital_letters_is_a_stranger_s() -> None:
    assert proven(signed_as(signature(0, keyid=KEY.public.id.upper()))) == (PAYLOAD, ())


@pytest.mark.parametrize(
    "signatures",
    [
        [signature(0, sig=signature(1)["sig"])],  # the id of A with the signature of B
        [signature(0), signature(1, sig=signature(0)["sig"])],  # a good one beside a bad one
        [signature(0, sig=base64.b64encode(bytes(64)).decode())],
        [signature(0, sig=base64.b64encode(bytes(63)).decode())],
        [signature(0, sig="")],
        [signature(0, sig=made_over(signature(0)["sig"]))],
    ],
)
def test_a_bad_signature_of_a_known_key_refuses_everything(signatures: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"the signature by the key [0-9a-f]{8} is wrong"):
        proven(signed_as(*signatures))


def test_a_signature_over_another_payload_is_wrong() -> None:
    with pytest.raises(ValueError, match="the signature by the key .* is wrong"):
        proven(changed(payload=base64.b64encode(b'{"said":"no"}').decode()))


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        (signed_as(), "it has 0 signatures, expected 1 to 16"),
        (signed_as(*({**signature(0), "keyid": str(n)} for n in range(17))), "it has 17 signatures, expected 1 to 16"),
        (signed_as(*([signature(0)] * 10_000)), "it has 10000 signatures, expected 1 to 16"),
        (signed_as(signature(0), signature(0)), "one key has signed it twice"),
        (signed_as(signature(0, keyid="")), "a signature does not say which key made it"),
        (signed_as(signature(0, keyid="\x1b[2J")), "a signature does not say which key made it"),
        (signed_as(signature(0, keyid="a b")), "a signature does not say which key made it"),
        (signed_as(signature(0, keyid="a" * 129)), "a signature does not say which key made it"),
        (signed_as({"sig": "AA=="}), "a signature is not an object of keyid, sig and nothing else"),
        (signed_as({"keyid": "a"}), "a signature is not an object of keyid, sig and nothing else"),
        (signed_as(signature(0, cert="")), "a signature is not an object of keyid, sig and nothing else"),
        (signed_as("x"), "a signature is not an object of keyid, sig and nothing else"),
        (signed_as(signature(0, keyid=None)), "keyid of a signature is of the wrong kind"),
        (signed_as(signature(0, sig=1)), "sig of a signature is of the wrong kind"),
        (signed_as(signature(0, sig="?")), "a signature is not base64"),
        (changed(payloadType="application/vnd.in-toto"), "its payload is not of the type application/vnd.in-toto+json"),
        (changed(payloadType="text/plain"), "its payload is not of the type application/vnd.in-toto+json"),
        (changed(payloadType=None), "payloadType of the envelope is of the wrong kind"),
        (changed(payload=1), "payload of the envelope is of the wrong kind"),
        (changed(signatures={}), "signatures of the envelope is of the wrong kind"),
        (changed(extra=1), "the envelope is not an object of payloadType, payload, signatures and nothing else"),
        (b"[]", "the envelope is not an object of payloadType, payload, signatures and nothing else"),
        (b"{}", "the envelope is not an object of payloadType, payload, signatures and nothing else"),
        (changed(payload=json.loads(SEALED)["payload"] + "\n"), "the payload is not base64"),
        (changed(payload="\n" + json.loads(SEALED)["payload"]), "the payload is not base64"),
        (changed(payload=json.loads(SEALED)["payload"].rstrip("=")), "the payload is not base64"),
        (changed(payload=base64.urlsafe_b64encode(b"\xfb\xff\xfe").decode()), "the payload is not base64"),
        (changed(payload="QR=="), "the payload is base64 in another form than the usual one"),
        (changed(payload="ä"), "the payload is not base64"),
        (SEALED.replace(b'"payload":', b'"payload":"","payload":'), "a key stands twice in one object"),
        (b"x" * (dsse.LARGEST + 1), "it is longer than 4194304 bytes"),
        (b"[" * 100_000, "it is nested more than 64 levels deep"),
    ],
)
def test_an_envelope_in_another_form_is_refused(envelope: bytes, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        proven(envelope)
    assert str(caught.value) == why


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_byte_that_was_changed_never_makes_it_say_something_else(at: int, by: int) -> None:
    """What is left of the two signatures may still hold, as where one key's id became a stranger's."""
    flipped = SEALED[:at] + bytes([SEALED[at] ^ by]) + SEALED[at + 1 :]
    try:
        payload, signers = proven(flipped)
    except ValueError:
        return
    assert payload == PAYLOAD
    assert set(signers) < set(KNOWN)


def test_every_bit_of_a_small_envelope_counts() -> None:
    sealed = dsse.seal(b"{}", KEY)
    for at in range(len(sealed)):
        for bit in range(8):
            flipped = sealed[:at] + bytes([sealed[at] ^ 1 << bit]) + sealed[at + 1 :]
            try:
                parsed = dsse.parse(flipped)
                signers = dsse.signers(parsed, KNOWN)
            except ValueError:
                continue
            assert (parsed.payload, signers) == (b"{}", ())


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_payload_comes_back_as_it_was(payload: bytes) -> None:
    assert proven(dsse.seal(payload, KEY)) == (payload, (KEY.public.id,))


def test_securesystemslib_verifies_what_we_seal() -> None:
    theirs = Theirs.from_dict(json.loads(SEALED))
    keys: list[Key] = [their_key(key, key.id) for key in KNOWN.values()]
    assert set(theirs.verify(keys, 2)) == set(KNOWN)
    assert theirs.payload == PAYLOAD
    with pytest.raises(VerificationError):
        theirs.verify([their_key(private_key(9).public, "x")], 1)


def test_we_verify_what_securesystemslib_seals() -> None:
    def signer(key: PrivateKey) -> CryptoSigner:
        return CryptoSigner(key._key, their_key(key.public, key.public.id))

    theirs = Theirs(PAYLOAD, dsse.PAYLOAD_TYPE, {})
    for key in (KEY, OTHER):
        theirs.sign(signer(key))
    assert proven(json.dumps(theirs.to_dict()).encode()) == (PAYLOAD, (KEY.public.id, OTHER.public.id))

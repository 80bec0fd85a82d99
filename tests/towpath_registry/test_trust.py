"""Whose word counts. Each attack is one test, and asserts why it fails."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates import statement
from registry_world import JUDGED, KEY, private_key
from towpath_registry import dsse, keys, strict_json, trust
from towpath_registry.keys import PrivateKey, PublicKey
from towpath_registry.trust import COMPROMISE, LEFT, Revoked, Signer, Untrusted, judge

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
THEN = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ANN_1, ANN_2, BEN_1, STRANGER = KEY, private_key(2), private_key(3), private_key(9)
ANN = Signer("ann-1", "ann", ANN_1.public, ("quality",), SINCE)
ANN_NEW = Signer("ann-2", "ann", ANN_2.public, ("quality",), SINCE)
BEN = Signer("ben-1", "ben", BEN_1.public, ("quality",), SINCE)
PAYLOAD = statement("quality", JUDGED)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "digest", "dirHash", "a"]), inner)
    ),
)


def owners(
    *by: PrivateKey, signers: tuple[Signer, ...] = (ANN, ANN_NEW, BEN), at: datetime = THEN, payload: bytes = PAYLOAD
) -> tuple[str, ...]:
    return judge(dsse.seal(payload, *by), signers, "quality", at).owners


def refusal(envelope: bytes, *signers: Signer, kind: str = "quality", at: datetime = THEN) -> str:
    with pytest.raises(Untrusted) as caught:
        judge(envelope, signers, kind, at)
    return caught.value.reason


def spoiled(**members: Any) -> bytes:
    return dsse.seal(json.dumps({**json.loads(PAYLOAD), **members}).encode(), ANN_1)


def test_the_statement_comes_back_with_the_owners_of_the_keys_that_signed_it() -> None:
    signed = judge(dsse.seal(PAYLOAD, ANN_1, BEN_1), (ANN, BEN), "quality", THEN)
    assert signed.owners == ("ann", "ben")
    assert signed.statement == json.loads(PAYLOAD)


def test_two_keys_of_one_owner_are_one_person() -> None:
    assert owners(ANN_1, ANN_2) == ("ann",)
    assert owners(ANN_1, ANN_2, signers=(ANN, replace(ANN_NEW, owner=" Ann\u200b"))) in ((" Ann\u200b",), ("ann",))


@given(st.lists(st.sampled_from([ANN_1, ANN_2, BEN_1, STRANGER]), min_size=1, unique=True), st.data())
def test_never_more_people_signed_than_have_a_key_in_it(by: list[PrivateKey], data: st.DataObject) -> None:
    signers = data.draw(st.lists(st.sampled_from([ANN, ANN_NEW, BEN]), unique=True, min_size=1))
    expected = {signer.owner for signer in signers if signer.public in [key.public for key in by]}
    try:
        assert set(owners(*by, signers=tuple(signers))) == expected
    except Untrusted:
        assert not expected


def test_a_list_that_trusts_nobody_refuses_whatever_was_signed() -> None:
    assert refusal(dsse.seal(PAYLOAD, ANN_1)) == "nobody is trusted to sign evidence: the list of signers is empty"


def test_one_key_under_two_names_refuses_even_what_others_signed() -> None:
    for twice in (replace(ANN, name="ann-b"), replace(ANN, name="ben-2", owner="ben")):
        assert refusal(dsse.seal(PAYLOAD, BEN_1), ANN, BEN, twice) == "the list of signers names one key twice"


@pytest.mark.parametrize("owner", ["", "  ", "\u200b"])
def test_a_key_without_an_owner_refuses_the_whole_list(owner: str) -> None:
    why = refusal(dsse.seal(PAYLOAD, BEN_1), replace(ANN, owner=owner), BEN)
    assert why == "the list of signers names a key without an owner"


def test_a_weak_key_cannot_even_be_put_on_a_list() -> None:
    with pytest.raises(ValueError, match="weak"):
        Signer("weak", "eve", PublicKey(bytes(32)), ("quality",), SINCE)


def test_a_stranger_is_not_on_the_list() -> None:
    why = refusal(dsse.seal(PAYLOAD, STRANGER), ANN)
    assert why == f"the key {STRANGER.public.id[:8]} is not on the list of signers"


def test_a_stranger_beside_somebody_we_know_does_not_count() -> None:
    assert owners(STRANGER, BEN_1) == ("ben",)


def test_a_bad_signature_under_a_known_key_refuses_everything() -> None:
    sealed = json.loads(dsse.seal(PAYLOAD, ANN_1, BEN_1))
    sealed["signatures"][0]["sig"] = sealed["signatures"][1]["sig"]
    why = refusal(json.dumps(sealed).encode(), ANN, BEN)
    assert why == f"the signature by the key {ANN_1.public.id[:8]} is wrong"


def test_a_bad_signature_counts_even_under_a_key_that_no_longer_does() -> None:
    sealed = json.loads(dsse.seal(PAYLOAD, ANN_1, BEN_1))
    sealed["signatures"][0]["sig"] = sealed["signatures"][1]["sig"]
    gone = replace(ANN, revoked=Revoked(SINCE, COMPROMISE))
    assert "is wrong" in refusal(json.dumps(sealed).encode(), gone, BEN)


def test_a_key_signs_only_what_its_owner_may() -> None:
    assert refusal(dsse.seal(PAYLOAD, ANN_1), replace(ANN, may=("data-checks",))) == (
        "the key ann-1 of ann may not sign quality"
    )
    assert refusal(dsse.seal(PAYLOAD, ANN_1), replace(ANN, may=())) == "the key ann-1 of ann may not sign quality"
    assert owners(ANN_1, signers=(replace(ANN, may=(trust.ANY,)),)) == ("ann",)


def test_a_key_counts_from_its_first_day_to_its_last() -> None:
    until = replace(ANN, until=THEN)
    sealed = dsse.seal(PAYLOAD, ANN_1)
    assert owners(ANN_1, signers=(until,), at=SINCE) == owners(ANN_1, signers=(until,), at=THEN - DAY) == ("ann",)
    assert refusal(sealed, until, at=SINCE - DAY) == "the key ann-1 of ann counts from 2026-01-01 00:00 UTC on"
    assert refusal(sealed, until, at=THEN) == "the key ann-1 of ann counted until 2026-06-01 00:00 UTC"


def test_the_time_that_a_statement_names_makes_no_expired_key_count() -> None:
    """What counts is when the ledger recorded it: who still holds an old key can write any date."""
    back_dated = dsse.seal(statement("quality", JUDGED, made=SINCE + DAY), ANN_1)
    why = refusal(back_dated, replace(ANN, until=SINCE + 2 * DAY))
    assert why == "the key ann-1 of ann counted until 2026-01-03 00:00 UTC"


def test_between_two_keys_of_a_rotation_nobody_signs() -> None:
    old, new = replace(ANN, until=THEN), replace(ANN_NEW, since=THEN + 2 * DAY)
    assert refusal(dsse.seal(PAYLOAD, ANN_1, ANN_2), old, new, at=THEN + DAY) == (
        "the key ann-1 of ann counted until 2026-06-01 00:00 UTC; the key ann-2 of ann counts from"
        " 2026-06-03 00:00 UTC on"
    )


def test_who_left_vouches_for_what_was_recorded_before_and_nothing_after() -> None:
    left = replace(ANN, revoked=Revoked(THEN, LEFT))
    assert owners(ANN_1, signers=(left,), at=THEN - DAY) == ("ann",)
    for at in (THEN, THEN + DAY):
        assert refusal(dsse.seal(PAYLOAD, ANN_1), left, at=at) == (
            "the key ann-1 of ann was revoked on 2026-06-01 00:00 UTC (left)"
        )


def test_a_compromise_voids_whatever_the_key_signed_and_whenever() -> None:
    stolen = replace(ANN, revoked=Revoked(THEN, COMPROMISE))
    for at in (SINCE, THEN - DAY, THEN, THEN + DAY):
        assert refusal(dsse.seal(PAYLOAD, ANN_1), stolen, at=at) == (
            "the key ann-1 of ann was revoked on 2026-06-01 00:00 UTC (compromise)"
        )


def test_a_revoked_key_does_not_spoil_what_somebody_else_signed_too() -> None:
    stolen = replace(ANN, revoked=Revoked(THEN, COMPROMISE))
    assert owners(ANN_1, BEN_1, signers=(stolen, BEN)) == ("ben",)


def test_a_key_is_revoked_for_one_of_two_reasons() -> None:
    with pytest.raises(ValueError, match="not 'other'"):
        Revoked(THEN, "other")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "it is not a https://in-toto.io/Statement/v1 of the kind"),
        ({"predicateType": trust.predicate_type("safety")}, "it is not a https://in-toto.io/Statement/v1 of the kind"),
        ({"predicateType": None}, "it is not a https://in-toto.io/Statement/v1 of the kind"),
        ({"more": 1}, "it is not a statement of type, subject and predicate and nothing else"),
        ({"subject": []}, "it is not about exactly one model"),
        ({"subject": json.loads(PAYLOAD)["subject"] * 2}, "it is not about exactly one model"),
        ({"subject": "x"}, "it is not about exactly one model"),
        ({"subject": ["x"]}, "its subject is not a name with a digest and nothing else"),
        ({"subject": [{"name": 1, "digest": {}}]}, "its subject is not a name with a digest and nothing else"),
        ({"subject": [{"name": "a", "digest": {}}]}, "its subject has another digest than one dirHash"),
        ({"subject": [{"name": "a", "digest": {"dirHash": "0" * 64, "md5": ""}}]}, "its subject has another digest"),
        ({"subject": [{"name": "a", "digest": {"dirHash": "0" * 63}}]}, "its subject's dirHash is not 64 hex digits"),
        ({"subject": [{"name": "a", "digest": {"dirHash": "0" * 64 + "\n"}}]}, "its subject's dirHash is not 64 hex"),
        ({"predicate": {"accuracy": 0.5}}, "a number is not a whole number"),
    ],
)  # fmt: skip
def test_a_signed_statement_in_another_form_is_refused(members: dict[str, Any], why: str) -> None:
    assert refusal(spoiled(**members), ANN).startswith(why)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"", "it is not JSON (Expecting value, character 0)"),
        (b"null", "it is not a statement of type, subject and predicate and nothing else"),
        (PAYLOAD.replace(b'"subject":', b'"subject":[],"subject":', 1), "a key stands twice in one object"),
        (PAYLOAD.replace(b'"dirHash":', b'"dirHash":"","dirHash":', 1), "a key stands twice in one object"),
        (b'{"a": NaN}', "a number is not a whole number"),
        (b'{"a": 1e400}', "a number is not a whole number"),
        (b'{"a": 9007199254740993}', "a number is beyond 2^53 - 1"),
        (b'{"a": "\\ud800"}', "a text holds half a character (a lone surrogate)"),
        (b"[" * 100_000, "it is nested more than 64 levels deep"),
    ],
)
def test_a_signed_payload_that_two_programs_could_read_differently_is_refused(payload: bytes, why: str) -> None:
    assert refusal(dsse.seal(payload, ANN_1), ANN) == why


def test_what_a_payload_says_is_read_only_after_somebody_we_know_signed_it() -> None:
    why = refusal(dsse.seal(b"[" * 100_000, STRANGER), ANN)
    assert why == f"the key {STRANGER.public.id[:8]} is not on the list of signers"


def test_evidence_of_one_kind_is_none_of_another() -> None:
    sealed = dsse.seal(PAYLOAD, ANN_1)
    anything = replace(ANN, may=(trust.ANY,))
    assert refusal(sealed, anything, kind="safety") == "it is not a https://in-toto.io/Statement/v1 of the kind safety"
    assert refusal(sealed, anything, kind="") == "it is not a https://in-toto.io/Statement/v1 of the kind "


@pytest.mark.parametrize(
    ("signer", "why"),
    [
        (replace(ANN, since=datetime(2026, 1, 1)), "it could not be judged (TypeError)"),  # noqa: DTZ001
        (replace(ANN, since=None), "it could not be judged (TypeError)"),  # type: ignore[arg-type]
        (replace(ANN, public=None), "it could not be judged (AttributeError)"),  # type: ignore[arg-type]
        (replace(ANN, may=None), "it could not be judged (TypeError)"),  # type: ignore[arg-type]
    ],
)
def test_whatever_goes_wrong_is_a_refusal(signer: Signer, why: str) -> None:
    assert refusal(dsse.seal(PAYLOAD, ANN_1), signer) == why


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_reason(content: bytes) -> None:
    assert refusal(content, ANN)


@given(json_values, st.sampled_from(["_type", "subject", "predicateType"]))
def test_whatever_stands_in_a_signed_statement_it_is_refused_with_a_reason(value: object, where: str) -> None:
    content = {**json.loads(PAYLOAD), where: value}
    assert refusal(dsse.seal(strict_json.dumps(content), ANN_1), ANN)


def test_who_works_alone_trusts_the_keys_of_the_home_and_those_they_replaced(tmp_path: Path) -> None:
    environ = {"TOWPATH_HOME": str(tmp_path / "home"), "TOWPATH_ACTOR": "ann"}
    assert trust.own(environ) == ()
    first = keys.home_key(environ, keys.EVIDENCE)
    keys.home_key(environ, keys.LEDGER)
    keys.rotate(environ)
    second = keys.home_key(environ, keys.EVIDENCE)
    assert [(signer.owner, signer.public) for signer in trust.own(environ)] == [
        ("ann", second.public),
        ("ann", first.public),
    ]
    assert owners(first, second, signers=trust.own(environ)) == ("ann",)

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates import DIGEST, DOCUMENTED_THEN, INPUTS, MADE, NOW, read, said, signer, statement
from registry_world import JUDGED, KEY, NAME, private_key
from towpath_core.digests import sha256_bytes
from towpath_core.verdicts import Verdict
from towpath_registry import dsse, evidence, strict_json
from towpath_registry.evidence import LARGEST, PATIENCE, decimal

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "a"]), inner),
    max_leaves=8,
)


def test_a_statement_reads_as_it_was_written() -> None:
    found = said("quality", JUDGED)
    assert found.statement is not None
    assert (found.problem, found.owners, found.kind) == ("", ("ann",), "quality")
    assert (found.statement.model, found.statement.digest) == (NAME, DIGEST)
    assert (found.statement.kind, found.statement.passed, found.statement.findings) == ("quality", True, JUDGED)
    assert found.statement.measures == {"accuracy_4": "0.578000"}
    assert found.statement.inputs == INPUTS
    assert (found.statement.made, found.statement.by, found.statement.documented) == (MADE, "a", None)


def test_documentation_says_who_answers_until_when_and_what_for() -> None:
    found = said("documentation")
    assert found.statement is not None
    assert found.statement.documented == DOCUMENTED_THEN


def test_an_envelope_is_known_by_the_digest_of_its_bytes() -> None:
    sealed = dsse.seal(statement("quality", JUDGED), KEY)
    found = evidence.read("quality.dsse.json", sealed, (signer(),), MADE, NOW)
    assert (found.sha256, found.recorded) == (sha256_bytes(sealed), MADE)


def test_the_same_statement_is_written_in_the_same_bytes() -> None:
    written = statement("quality", JUDGED, inputs={"b": "2", "a": "1"})
    assert written == statement("quality", JUDGED, inputs={"a": "1", "b": "2"})
    assert strict_json.dumps(json.loads(written)) == written


def test_words_of_every_language_can_be_names_and_texts() -> None:
    found = Verdict("größe", True, "größe ☃", "0\ud800", "ok")
    payload = evidence.statement(
        "quality", model=NAME, digest=DIGEST, findings=(found,), measures={"größe/мера": 0.5}, inputs=INPUTS,
        made=MADE, by="Ärzte",
    )  # fmt: skip
    read_back = read("quality", payload).statement
    assert read_back is not None
    assert read_back.findings == (Verdict("größe", True, "größe ☃", "0?", "ok"),)
    assert (read_back.measures, read_back.by) == ({"größe/мера": "0.500000"}, "Ärzte")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500000"), (-0.1, "-0.100000"), (1e-9, "0.000000"), (123456.0, "123456.000000"), (None, "not assessed"),
     (float("nan"), "not assessed"), (float("inf"), "not assessed"), (1e300, f"{1e300:.6f}")],
)  # fmt: skip
def test_measures_are_decimal_text(value: float | None, text: str) -> None:
    assert decimal(value) == text


def test_documentation_without_its_content_is_not_written_nor_other_evidence_with_it() -> None:
    for kind, documented in (("documentation", None), ("quality", DOCUMENTED_THEN)):
        with pytest.raises(ValueError, match="documentation, and no other evidence, says who answers"):
            evidence.statement(
                kind, model=NAME, digest=DIGEST, findings=JUDGED, measures={}, inputs={}, made=MADE, by="a",
                documented=documented,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON (Expecting value, character 0)"),
        (b"{", "it is not JSON (Expecting property name enclosed in double quotes, character 1)"),
        (b"null", "the envelope is not an object of payloadType, payload, signatures and nothing else"),
        (b"\xff\xfe", "it is not UTF-8 (byte 0)"),
        (b'{"a": NaN}', "a number is not a whole number"),
        (b'{"a": "\\ud800"}', "a text holds half a character (a lone surrogate)"),
        (b'{"payload": 1, "payload": 2}', "a key stands twice in one object"),
        (b"[" * 100_000, "it is nested more than 64 levels deep"),
        (b'{"a": "' + b"x" * LARGEST + b'"}', "it is longer than 4194304 bytes"),
        (statement("quality", JUDGED), "the envelope is not an object of payloadType, payload, signatures and nothing"),
    ],
)
def test_a_file_that_is_no_envelope_proves_nothing(content: bytes, why: str) -> None:
    found = evidence.read("quality.dsse.json", content, (signer(),), None, NOW)
    assert (found.statement, found.owners) == (None, ())
    assert found.problem.startswith(why)


@pytest.mark.parametrize("name", ["quality.json", "quality", "quality.dsse.json.bak", ""])
def test_evidence_in_a_file_of_another_name_proves_nothing(name: str) -> None:
    sealed = dsse.seal(statement("quality", JUDGED), KEY)
    assert evidence.read(name, sealed, (signer(),), None, NOW).problem == "evidence is a file called KIND.dsse.json"


def test_evidence_under_the_name_of_another_kind_proves_nothing() -> None:
    sealed = dsse.seal(statement("quality", JUDGED), KEY)
    found = evidence.read("data-checks.dsse.json", sealed, (signer(),), None, NOW)
    assert found.problem == "it is not a https://in-toto.io/Statement/v1 of the kind data-checks"


def test_signatures_are_judged_by_the_time_of_the_record_and_by_now_where_there_is_none() -> None:
    sealed = dsse.seal(statement("quality", JUDGED), KEY)
    gone = signer(until=NOW - timedelta(hours=1))
    assert evidence.read("quality.dsse.json", sealed, (gone,), MADE, NOW).problem == ""
    why = evidence.read("quality.dsse.json", sealed, (gone,), None, NOW).problem
    assert why == "the key ann of ann counted until 2026-03-31 23:00 UTC"


def test_what_was_made_after_it_was_recorded_proves_nothing() -> None:
    ahead = statement("quality", JUDGED, made=NOW + PATIENCE)
    late = statement("quality", JUDGED, made=NOW + PATIENCE + timedelta(seconds=1))
    assert read("quality", ahead).problem == ""
    assert read("quality", late).problem == "it was made on 2026-04-01T00:05:01.000000Z, after it was recorded"


def test_what_a_stranger_signed_is_not_shown_as_said() -> None:
    found = read("quality", statement("quality", JUDGED), keys=(private_key(9),))
    assert (found.statement, found.owners) == (None, ())


@given(
    json_values, st.sampled_from(["kind", "verdict", "findings", "measures", "inputs", "made", "by", "owners", "more"])
)
def test_whatever_stands_in_a_predicate_it_is_read_or_refused_with_a_reason(value: object, where: str) -> None:
    content = json.loads(statement("quality", JUDGED))
    content["predicate"][where] = value
    found = read("quality", strict_json.dumps(content))
    assert bool(found.statement) != bool(found.problem)
    if found.statement:
        assert where not in {"more", "owners", "kind", "made"}
        assert found.statement.passed == (content["predicate"]["verdict"] == "passed")


@given(st.binary(max_size=200), st.text(max_size=20))
def test_reading_never_raises(content: bytes, name: str) -> None:
    assert evidence.read(f"{name}.dsse.json", content, (signer(),), None, NOW).problem

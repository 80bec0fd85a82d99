from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_registry.strict_json import DEEPEST, LARGEST_INTEGER, dumps, loads

LIMIT = 1 << 20
whole = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(max_codepoint=127))
values = st.recursive(
    st.none() | st.booleans() | whole | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner) | st.tuples(inner),
    max_leaves=10,
)

half_json = st.text('{}[]",:0123456789-.eE\\ut\ud800 nul', max_size=40).map(lambda t: t.encode(errors="surrogatepass"))
files = st.binary(max_size=40) | half_json


def by_rfc_8785(value: Any) -> str:
    """RFC 8785 by its text, for what has a place in our JSON: section 3.2.2 for literals and texts, 3.2.3 for order."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        named = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
        return '"' + "".join(named.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    if isinstance(value, list):
        return "[" + ",".join(by_rfc_8785(inner) for inner in value) + "]"
    ordered = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(f"{by_rfc_8785(key)}:{by_rfc_8785(value[key])}" for key in ordered) + "}"


@given(values)
def test_what_is_written_reads_as_it_was(value: object) -> None:
    found = loads(dumps(value), LIMIT)
    assert found == value
    assert repr(found) == repr(value) or isinstance(value, dict | list)


@given(values)
def test_it_is_written_as_rfc_8785_says(value: object) -> None:
    assert dumps(value) == by_rfc_8785(value).encode()


def test_the_texts_of_rfc_8785_are_written_as_it_shows_them() -> None:
    shown = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert dumps({"string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}).decode() == shown


@given(values, st.sampled_from([{"indent": 1}, {"ensure_ascii": True}, {"separators": (" , ", " : ")}]))
def test_space_and_escapes_are_free_when_reading(value: object, style: dict[str, Any]) -> None:
    assert dumps(loads(json.dumps(value, **style).encode(), LIMIT)) == dumps(value)


@given(anything)
def test_what_can_be_written_can_be_read_and_nothing_else_is_written(value: object) -> None:
    try:
        written = dumps(value)
    except ValueError:
        return
    assert dumps(loads(written, LIMIT)) == written


@given(files)
def test_whatever_stands_in_a_file_it_is_read_or_refused_with_a_reason(content: bytes) -> None:
    why = ""
    try:
        assert dumps(loads(content, LIMIT))
    except ValueError as error:
        why = str(error)
    assert why.startswith(("it is ", "a key ", "a number ", "a text ")) or not why


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"a": 1, "a": 2}', "a key stands twice in one object"),
        (b'[{"a": {"b": 1, "b": 1}}]', "a key stands twice in one object"),
        (b'{"a": 1, "\\u0061": 2}', "a key stands twice in one object"),
        (b"NaN", "a number is not a whole number"),
        (b"[Infinity]", "a number is not a whole number"),
        (b"-Infinity", "a number is not a whole number"),
        (b"1e400", "a number is not a whole number"),
        (b"1.0", "a number is not a whole number"),
        (b"1E2", "a number is not a whole number"),
        (b"9007199254740992", "a number is beyond 2^53 - 1"),
        (b"9007199254740993", "a number is beyond 2^53 - 1"),
        (b"-9007199254740992", "a number is beyond 2^53 - 1"),
        (b"1" * 100_000, "a number is beyond 2^53 - 1"),
        (b'"\\ud800"', "a text holds half a character (a lone surrogate)"),
        (b'{"a": ["\\udfff x"]}', "a text holds half a character (a lone surrogate)"),
        (b'"\xed\xa0\x80"', "it is not UTF-8 (byte 1)"),
        (b'{"\xc3\xa4": 1}', "a key is not ASCII text"),
        (b'{"\\ud800": 1}', "a key is not ASCII text"),
        (b"[" * 100_000 + b"]" * 100_000, "it is nested more than 64 levels deep"),
        (b'{"a":' * 100_000, "it is nested more than 64 levels deep"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "it is nested more than 64 levels deep"),
        (b"", "it is not JSON (Expecting value, character 0)"),
        (b"{} {}", "it is not JSON (Extra data, character 3)"),
        (b"'a'", "it is not JSON (Expecting value, character 0)"),
        (b"\xef\xbb\xbf{}", "it is not JSON (Unexpected UTF-8 BOM (decode using utf-8-sig), character 0)"),
        ("{}".encode("utf-16"), "it is not UTF-8 (byte 0)"),
        ("[1]".encode("utf-32-le"), "it is not JSON (Expecting value, character 1)"),
        (b'"' + b"x" * LIMIT, "it is longer than 1048576 bytes"),
    ],
)
def test_what_two_programs_could_read_differently_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        loads(content, LIMIT)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.5, "a value is neither null, boolean, text, whole number, list nor object (float)"),
        (float("nan"), "a value is neither null, boolean, text, whole number, list nor object (float)"),
        ((1, 2), "a value is neither null, boolean, text, whole number, list nor object (tuple)"),
        (b"a", "a value is neither null, boolean, text, whole number, list nor object (bytes)"),
        ({1: 2}, "a key is not ASCII text"),
        ({"ä": 2}, "a key is not ASCII text"),
        ({None: 2}, "a key is not ASCII text"),
        (2**53, "a number is beyond 2^53 - 1"),
        (-(2**53), "a number is beyond 2^53 - 1"),
        ("\ud800", "a text holds half a character (a lone surrogate)"),
    ],
)
def test_what_has_no_place_in_it_is_not_written(value: object, why: str) -> None:
    for wrapped in (value, [value], {"a": [value]}):
        with pytest.raises(ValueError) as caught:
            dumps(wrapped)
        assert str(caught.value) == why


def test_the_deepest_that_is_read_is_the_deepest_that_is_written() -> None:
    deep: list[Any] = []
    for _ in range(DEEPEST):
        deep = [deep]
    assert loads(dumps(deep), LIMIT) == deep
    with pytest.raises(ValueError, match="nested more than 64 levels deep"):
        dumps([deep])

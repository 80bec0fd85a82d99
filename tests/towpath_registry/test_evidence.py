from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates import DIGEST, statement
from registry_world import JUDGED, NAME
from towpath_registry.evidence import LARGEST, Statement, decoded

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_a_statement_reads_as_it_was_written() -> None:
    said = Statement.parse(decoded("quality.json", json.dumps(statement("quality", JUDGED)).encode()))
    assert (said.kind, said.passed, said.findings) == ("quality", True, JUDGED)
    assert said.subjects == ((NAME, DIGEST),)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}',
        b'{"_type": 1, "_type": 2}', b"[" * 100_000, b'{"a": "' + b"x" * LARGEST + b'"}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_plain_object_proves_nothing(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"quality.json is no JSON object of at most 4194304 bytes"):
        Statement.parse(decoded("quality.json", content))


@given(json_values, st.sampled_from(["_type", "subject", "predicateType", "predicate"]))
def test_whatever_stands_in_a_statement_it_is_read_or_refused(value: object, where: str) -> None:
    content = {**statement("quality", JUDGED), where: value}
    with pytest.raises(ValueError, match="."):
        Statement.parse(content)


@given(json_values, st.sampled_from(["verdict", "findings", "measures"]))
def test_whatever_stands_in_a_predicate_it_is_read_or_refused(value: object, where: str) -> None:
    content = statement("quality", JUDGED)
    content["predicate"][where] = value
    try:
        said = Statement.parse(content)
    except ValueError:
        return
    assert value in ("passed", "failed") or (not said.findings if where == "findings" else isinstance(value, dict))

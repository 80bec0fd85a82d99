from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_core.errors import Misused
from towpath_core.refs import ModelRef, check_name

names = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,4}", fullmatch=True)
aliases = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True)
refs = st.builds(ModelRef, names, version=st.integers(1, 2**31 - 1)) | st.builds(ModelRef, names, alias=aliases)


@given(refs)
def test_a_reference_reads_as_it_is_written(ref: ModelRef) -> None:
    assert ModelRef.parse(str(ref)) == ref


@given(st.text(max_size=30) | names.map(lambda name: f"{name}/") | aliases.map(lambda alias: f"coder@{alias}?"))
def test_any_text_is_a_reference_or_an_error_with_an_example(text: str) -> None:
    try:
        ref = ModelRef.parse(text)
    except Misused as error:
        told = error.hint
    else:
        told = "a reference"
        assert (ref.version is None) != (ref.alias is None)
        assert ModelRef.parse(str(ref)) == ref
    assert told


@pytest.mark.parametrize(
    "text",
    [
        "", "coder", "coder/", "coder/0", "coder/-1", "coder/1.0", "coder/x", "coder/1/2", "coder/99999999999",
        "coder@", "coder@Production", "coder@1", "coder@a b", "/1", "@production", "Coder/1", "coder /1", "co..der/1",
        "coder/١", "coder/1\n", "coder@production\n", "../coder/1", "coder@prod/1",
    ],
)  # fmt: skip
def test_what_names_no_version_is_refused(text: str) -> None:
    with pytest.raises(Misused):
        ModelRef.parse(text)


def test_the_error_shows_how_a_version_is_named() -> None:
    with pytest.raises(Misused, match="'coder' names no model version") as caught:
        ModelRef.parse("coder")
    assert caught.value.hint == "write it as occupation-coder/3 or occupation-coder@production"


@pytest.mark.parametrize("name", ["a", "occupation-coder", "soc2010", "a-1-b", "x" * 60])
def test_good_names_pass_unchanged(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "ä", "a b", "a\n", "x" * 61])
def test_bad_names_are_refused_with_the_rule(name: str) -> None:
    with pytest.raises(Misused, match="is not a good name") as caught:
        check_name(name)
    assert "lower-case letters, digits and single hyphens" in caught.value.hint

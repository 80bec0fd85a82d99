from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from towpath_registry.plain_values import as_plain, as_typed, shown

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "type_", "got"),
    [
        ("a", str, "a"),
        (True, bool, True),
        (7, int, 7),
        (7, float, 7.0),
        (0.5, float, 0.5),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([], tuple[int, ...], ()),
        ([["a", "b"]], tuple[tuple[str, str], ...], (("a", "b"),)),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
        ({"a": ["b"]}, dict[str, tuple[str, ...]], {"a": ("b",)}),
        (None, str | None, None),
        ("a", str | None, "a"),
        (1, int | str, 1),
    ],
)
def test_a_plain_value_becomes_a_setting(value: Any, type_: Any, got: Any) -> None:
    found = as_typed(value, type_)
    assert found == got
    assert type(found) is type(got)
    assert as_plain(found) == value


@pytest.mark.parametrize(
    ("value", "type_", "told"),
    [
        (1, str, "is 1, expected text"),
        (1, bool, "is 1, expected true or false"),
        (True, int, "is True, expected a whole number"),
        (1.0, int, "is 1.0, expected a whole number"),
        (True, float, "is True, expected a number"),
        (NAN, float, "is nan, expected a number"),
        (INFINITE, float, "is inf, expected a number"),
        ("1", float, "is '1', expected a number"),
        (None, str, "is None, expected text"),
        ("ab", tuple[str, ...], "is 'ab', expected a list"),
        ([1], tuple[str, ...], "is 1, expected text"),
        (["a"], tuple[str, str], "is a list of 1, expected one of 2"),
        ([], dict[str, str], "is a list, expected keys with values"),
        ({1: "a"}, dict[str, str], "is a mapping, expected keys with values"),
        ([], str | None, "is a list, expected text"),
        ("a", object, "cannot be set by a policy"),
        ("a", list[str], "cannot be set by a policy"),
        ({}, set[str], "cannot be set by a policy"),
    ],
)
def test_a_value_of_another_type_is_refused(value: Any, type_: Any, told: str) -> None:
    with pytest.raises(ValueError) as caught:
        as_typed(value, type_)
    assert str(caught.value) == told


def test_a_long_value_is_told_in_short() -> None:
    assert len(shown("x" * 1000)) == 60
    assert shown(b"x") == "no value"

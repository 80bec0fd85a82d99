"""The table as such: how many records and columns, and which columns."""

from __future__ import annotations

from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Json, Refuse
from towpath_checks.compiled.bounds import numbers
from towpath_checks.compiled.draft import Draft, Finish, Outcome


def rows_equal(draft: Draft) -> Finish:
    """expect_table_row_count_to_equal."""
    value, rows = _whole(draft.kwargs.get("value")), draft.count()
    return lambda read: Outcome(read[rows] == value, {"observed_value": read[rows]})


def rows_between(draft: Draft) -> Finish:
    """expect_table_row_count_to_be_between."""
    span, rows = numbers(draft), draft.count()
    if any(bound is not None and bound != int(bound) for bound in (span.low, span.high)):
        raise Refuse("a count of records with a broken bound")
    return lambda read: Outcome(span.holds(read[rows]), {"observed_value": read[rows]})


def columns_equal(draft: Draft) -> Finish:
    """expect_table_column_count_to_equal."""
    return _known({"observed_value": len(draft.columns)}, len(draft.columns) == _whole(draft.kwargs.get("value")))


def columns_between(draft: Draft) -> Finish:
    """expect_table_column_count_to_be_between."""
    return _known({"observed_value": len(draft.columns)}, numbers(draft).holds(len(draft.columns)))


def columns_in_order(draft: Draft) -> Finish:
    """expect_table_columns_to_match_ordered_list."""
    names, expected = list(draft.columns), _names(draft.kwargs.get("column_list"))
    if expected is None or names == expected:
        return _known({"observed_value": names}, True)
    longest = range(max(len(names), len(expected)))
    at = [(n, expected[n] if n < len(expected) else None, names[n] if n < len(names) else None) for n in longest]
    mismatched = [{"Expected Column Position": n, "Expected": want, "Found": got} for n, want, got in at if want != got]
    return _known({"observed_value": names, "details": {"mismatched": mismatched}}, False)


def columns_in_set(draft: Draft) -> Finish:
    """expect_table_columns_to_match_set."""
    names = sorted(draft.columns)
    expected, exact = set(_names(draft.kwargs.get("column_set")) or ()), draft.flag("exact_match", default=True)
    unexpected, missing = sorted(set(names) - expected), sorted(expected - set(names))
    if not unexpected and not missing:
        return _known({"observed_value": names}, True)
    mismatched: Json = {key: value for key, value in (("unexpected", unexpected), ("missing", missing)) if value}
    result: Json = {"observed_value": names, "details": {"mismatched": mismatched}}
    return _known(result, not exact and not missing)


def column_exists(draft: Draft) -> Finish:
    """expect_column_to_exist; a `column_index` of 0 is none to Great Expectations."""
    names, name, index = list(draft.columns), draft.kwargs.get("column"), draft.kwargs.get("column_index")
    if not isinstance(name, str):
        raise Refuse("a column that is not named")
    if not index:
        return _known({}, name in names)
    at = _whole(index)
    return _known({}, -len(names) <= at < len(names) and names[at] == name)


def _known(result: Json, success: bool) -> Finish:
    return lambda read: Outcome(success, result)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refuse("a number of something that is no whole number")
    literals.whole(value)
    return value


def _names(value: object) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Refuse("names of columns that are no list of texts")
    return list(value)


ABOUT_COLUMNS = {
    "expect_table_column_count_to_equal": columns_equal,
    "expect_table_column_count_to_be_between": columns_between,
    "expect_table_columns_to_match_ordered_list": columns_in_order,
    "expect_table_columns_to_match_set": columns_in_set,
    "expect_column_to_exist": column_exists,
}
KINDS = {
    "expect_table_row_count_to_equal": rows_equal,
    "expect_table_row_count_to_be_between": rows_between,
    **ABOUT_COLUMNS,
}

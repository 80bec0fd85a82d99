"""Lengths and regular expressions: of texts, and of whole numbers as Python writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.bounds import Range
from towpath_checks.compiled.columns import Column, Family
from towpath_checks.compiled.draft import Draft, Finish
from towpath_checks.compiled.each_value import judged
from towpath_checks.compiled.re2 import Pattern, translate
from towpath_checks.compiled.results import each


def length_equals(draft: Draft) -> Finish:
    """expect_column_value_lengths_to_equal; lengths are counted in code points."""
    column, value = _text(draft), draft.kwargs.get("value")
    return each(draft, column, f"(length({_said(column)}) = {literals.real(value)})")


def length_between(draft: Draft) -> Finish:
    """expect_column_value_lengths_to_be_between."""
    column = _text(draft)
    low, high = (_length(draft.kwargs.get(key)) for key in ("min_value", "max_value"))
    if low is None and high is None:
        raise Refuse("no bound")
    span = Range(low, high, draft.flag("strict_min"), draft.flag("strict_max"))
    return each(draft, column, span.sql(f"length({_said(column)})", str(low), str(high)))


def match(draft: Draft) -> Finish:
    """expect_column_values_to_match_regex."""
    return _matched(draft, [draft.kwargs.get("regex", "(?s).*")], any, negated=False)


def not_match(draft: Draft) -> Finish:
    """expect_column_values_to_not_match_regex."""
    return _matched(draft, [draft.kwargs.get("regex")], any, negated=True)


def match_list(draft: Draft) -> Finish:
    """expect_column_values_to_match_regex_list."""
    how = {"any": any, "all": all}.get(str(draft.kwargs.get("match_on", "any")))
    if how is None:
        raise Refuse("match_on that is neither any nor all")
    return _matched(draft, draft.kwargs.get("regex_list"), how, negated=False)


def not_match_list(draft: Draft) -> Finish:
    """expect_column_values_to_not_match_regex_list."""
    return _matched(draft, draft.kwargs.get("regex_list"), any, negated=True)


def _matched(draft: Draft, patterns: object, how: Callable[..., bool], negated: bool) -> Finish:
    if not isinstance(patterns, list) or not patterns:
        raise Refuse("no regular expression")
    column, said = _text(draft), [translate(pattern) for pattern in patterns]
    if all(one.re2 for one in said):
        return each(draft, column, _in_sql(draft, column, said, how, negated))
    if not all(one.python or (one.re2 and not one.re2.startswith("(?i)")) for one in said):
        raise Refuse("regular expressions that no one engine judges")
    if column.family is not Family.TEXT:
        raise Refuse("a regular expression for Python on numbers")
    compiled = [re.compile(str(pattern)) for pattern in patterns]
    return judged(draft, column, lambda value: how(one.search(value) for one in compiled) is not negated)


def _in_sql(draft: Draft, column: Column, said: Sequence[Pattern], how: Callable[..., bool], negated: bool) -> str:
    if not all(one.newlines for one in said):
        draft.guard(f"bool_or(contains({_said(column)}, chr(10)))", "texts with newlines, letters folded")
    joined = (" AND " if how is all else " OR ").join(
        f"regexp_matches({_said(column)}, {literals.text(one.re2)})" for one in said
    )
    return f"(NOT ({joined}))" if negated else f"({joined})"


def _text(draft: Draft) -> Column:
    column = draft.one_of(Family.TEXT, Family.WHOLE)
    if column.family is Family.WHOLE:
        draft.complete(column, "the text of whole numbers in a column with missing values")
    return column


def _said(column: Column) -> str:
    return column.sql if column.family is Family.TEXT else f"{column.sql}::VARCHAR"


def _length(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refuse("a length that is no whole number")
    literals.whole(value)
    return value


KINDS = {
    "expect_column_value_lengths_to_equal": length_equals,
    "expect_column_value_lengths_to_be_between": length_between,
    "expect_column_values_to_match_regex": match,
    "expect_column_values_to_not_match_regex": not_match,
    "expect_column_values_to_match_regex_list": match_list,
    "expect_column_values_to_not_match_regex_list": not_match_list,
}

"""Expectations about two columns or more of the same record."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.columns import NUMBERS, Column, Family
from towpath_checks.compiled.draft import Draft, Finish, of
from towpath_checks.compiled.results import each_row

_ORDERED_OBJECTS = (Family.DATE, Family.DECIMAL)  # pandas holds them as objects, and orders no object against nothing


def ignoring(draft: Draft) -> tuple[list[Column], str]:
    """The columns of `column_list`, and the records that `ignore_row_if` keeps: all, where that is empty."""
    names = draft.kwargs.get("column_list")
    if not isinstance(names, list) or len(names) < 2 or len(set(names)) < len(names):
        raise Refuse("a column_list that names no two different columns")
    columns = [draft.named(name) for name in names]
    there = [f"{column.sql} IS NOT NULL" for column in columns]
    kept = {
        "all_values_are_missing": " OR ".join(there),
        "any_value_is_missing": " AND ".join(there),
        "never": "",
    }.get(str(draft.kwargs.get("ignore_row_if", "all_values_are_missing")))
    if kept is None:
        raise Refuse("ignore_row_if that is not known")
    return columns, kept


def equal(draft: Draft) -> Finish:
    """expect_column_pair_values_to_be_equal; a missing value equals nothing."""
    first, second, kept = _pair(draft)
    _alike(draft, (first, second))
    return each_row(draft, kept, f"coalesce({first.sql} = {second.sql}, false)")


def greater(draft: Draft) -> Finish:
    """expect_column_pair_values_a_to_be_greater_than_b; nothing is greater than a missing value."""
    first, second, kept = _pair(draft)
    _alike(draft, (first, second))
    of(first, *NUMBERS, Family.TEXT, *_ORDERED_OBJECTS, Family.MOMENT)
    if first.family in _ORDERED_OBJECTS:
        missing = f"{first.sql} IS NULL OR {second.sql} IS NULL"
        draft.guard(f"count(*) FILTER (WHERE {draft.within(kept, missing)}) > 0", "an order with a missing value")
    operator = ">=" if draft.flag("or_equal") else ">"
    return each_row(draft, kept, f"coalesce({first.sql} {operator} {second.sql}, false)")


def pair_in_set(draft: Draft) -> Finish:
    """expect_column_pair_values_to_be_in_set; a missing value is the null of a pair."""
    if draft.where:
        raise Refuse("a row condition on pairs in a set")  # Great Expectations leaves it out there
    first, second, kept = _pair(draft)
    pairs = draft.kwargs.get("value_pairs_set")
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise Refuse("a value_pairs_set that is no list of pairs")
    for column in (first, second):
        of(column, *NUMBERS, Family.TEXT)
        draft.small(column)
    inside = [_is_pair(first, second, pair) for pair in pairs]
    return each_row(draft, kept, "(" + (" OR ".join(one for one in inside if one) or "false") + ")")


def total(draft: Draft) -> Finish:
    """expect_multicolumn_sum_to_equal; a sum with a missing value equals nothing."""
    columns, kept = ignoring(draft)
    for column in columns:
        of(column, *NUMBERS)
        draft.small(column)
        draft.finite(column)
        if column.single:
            raise Refuse("a sum in 32 bits")
    if any(column.family is Family.REAL for column in columns) and len(columns) > 7:
        raise Refuse("a sum of more than seven real numbers")
    added = " + ".join(f"{column.sql}::{_addend(columns)}" for column in columns)
    return each_row(draft, kept, f"coalesce(({added}) = {literals.real(draft.kwargs.get('sum_total'))}, false)")


def all_equal(draft: Draft) -> Finish:
    """expect_multicolumn_values_to_be_equal; missing values are equal to each other."""
    columns, kept = ignoring(draft)
    _alike(draft, columns)
    same = (f"{one.sql} IS NOT DISTINCT FROM {next_.sql}" for one, next_ in pairwise(columns))
    return each_row(draft, kept, f"({literals.all_of(same)})")


def unique_within(draft: Draft) -> Finish:
    """expect_select_column_values_to_be_unique_within_record; missing values are equal to each other."""
    columns, kept = ignoring(draft)
    for column in columns:
        of(column, *NUMBERS, Family.TEXT)
    _alike(draft, columns)
    different = (f"{one.sql} IS DISTINCT FROM {other.sql}" for one, other in combinations(columns, 2))
    return each_row(draft, kept, f"({literals.all_of(different)})")


def _pair(draft: Draft) -> tuple[Column, Column, str]:
    first, second = draft.column("column_A"), draft.column("column_B")
    if first == second:
        raise Refuse("a pair of one column with itself")
    there = f"{first.sql} IS NOT NULL", f"{second.sql} IS NOT NULL"
    kept = {
        "both_values_are_missing": " OR ".join(there),
        "either_value_is_missing": " AND ".join(there),
        "neither": "",
    }.get(str(draft.kwargs.get("ignore_row_if", "both_values_are_missing")))
    if kept is None:
        raise Refuse("ignore_row_if that is not known")
    return first, second, kept


def _alike(draft: Draft, columns: Sequence[Column]) -> None:
    """Refuse columns that pandas does not compare by value: of two families, of categories, of two time zones."""
    families = {column.family for column in columns}
    if len(families) > 1 and not families <= NUMBERS:
        raise Refuse("columns of different kinds")
    if any(column.category for column in columns) or Family.TRUTH in families:
        raise Refuse("a comparison of categories or of truth values")
    if len({bool(column.zone) for column in columns}) > 1:
        raise Refuse("timestamps with a zone on one side only")
    for column in columns:
        of(column, *NUMBERS, Family.TEXT, Family.DATE, Family.MOMENT, Family.DECIMAL)
        draft.small(column)


def _addend(columns: Sequence[Column]) -> str:
    return "DOUBLE" if any(column.family is Family.REAL for column in columns) else "HUGEINT"


def _is_pair(first: Column, second: Column, pair: Sequence[Any]) -> str:
    """The condition that a record holds this pair; empty where it never can."""
    parts = [_is_value(first, pair[0]), _is_value(second, pair[1])]
    return literals.all_of(parts) and f"({literals.all_of(parts)})" if all(parts) else ""


def _is_value(column: Column, value: object) -> str:
    if value is None:
        return f"{column.sql} IS NULL"
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Refuse("a pair with something else than texts and numbers")
    if isinstance(value, str) is not (column.family is Family.TEXT):
        return ""
    literal = literals.text(value) if isinstance(value, str) else literals.real(value)
    return f"{column.sql} IS NOT DISTINCT FROM {literal}"


KINDS = {
    "expect_column_pair_values_to_be_equal": equal,
    "expect_column_pair_values_a_to_be_greater_than_b": greater,
    "expect_column_pair_values_to_be_in_set": pair_in_set,
    "expect_multicolumn_sum_to_equal": total,
    "expect_multicolumn_values_to_be_equal": all_equal,
    "expect_select_column_values_to_be_unique_within_record": unique_within,
}

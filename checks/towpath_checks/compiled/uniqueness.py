"""Uniqueness and what is counted by distinct values: each needs the values grouped, in a query of its own."""

from __future__ import annotations

from collections.abc import Sequence

from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.bounds import Range, numbers
from towpath_checks.compiled.columns import Column, Family
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read, nested, of
from towpath_checks.compiled.results import of_records
from towpath_checks.compiled.rows import ignoring

_GROUPED = tuple(family for family in Family if family is not Family.OTHER)


def unique(draft: Draft) -> Finish:
    """expect_column_values_to_be_unique; every member of a group of equal values is unexpected."""
    column = _groupable(draft, draft.column())
    present = f"{column.sql} IS NOT NULL"
    return _unique(draft, [column], draft.within(present), draft.count(present))


def compound_unique(draft: Draft) -> Finish:
    """expect_compound_columns_to_be_unique; missing values are equal to each other."""
    columns, kept = ignoring(draft)
    for column in columns:
        _groupable(draft, column)
    return _unique(draft, columns, draft.within(kept), draft.count(kept))


def unique_count(draft: Draft) -> Finish:
    """expect_column_unique_value_count_to_be_between."""
    column, span = _groupable(draft, draft.column()), numbers(draft)
    if any(bound is not None and bound != int(bound) for bound in (span.low, span.high)):
        raise Refuse("a count of values with a broken bound")
    present = draft.within(f"{column.sql} IS NOT NULL")
    return lambda read: _share(_groups(read, [column], present)[0], span)


def unique_share(draft: Draft) -> Finish:
    """expect_column_proportion_of_unique_values_to_be_between: distinct values by values; nothing by nothing is 0."""
    column, span = _groupable(draft, draft.column()), numbers(draft)
    present, count = draft.within(f"{column.sql} IS NOT NULL"), draft.count(f"{column.sql} IS NOT NULL")
    return lambda read: _share(_groups(read, [column], present)[0] / read[count] if read[count] else 0, span)


def present_share(draft: Draft) -> Finish:
    """expect_column_proportion_of_non_null_values_to_be_between."""
    column, span = draft.column(), numbers(draft)
    count, elements = draft.count(f"{column.sql} IS NOT NULL"), draft.count()
    return lambda read: _share(read[count] / read[elements] if read[elements] else 0, span)


def _share(value: float, span: Range) -> Outcome:
    return Outcome(span.holds(value), {"observed_value": value})


def _groupable(draft: Draft, column: Column) -> Column:
    of(column, *_GROUPED)
    draft.distinguishable(column)
    if column.family is not Family.REAL:
        draft.finite(column)
    return column


def _unique(draft: Draft, columns: Sequence[Column], where: str, considered: int) -> Finish:
    mostly, elements = draft.mostly, draft.count()

    def finish(read: Read) -> Outcome:
        unexpected = 0 if _ascending(read, columns, where) else _groups(read, columns, where)[1]
        outcome = of_records(read[elements], read[considered], unexpected, mostly)
        sought = (
            (lambda name: _repeated(read.base, name, [column.sql for column in columns], where)) if unexpected else None
        )
        return Outcome(outcome.success, outcome.result, sought=sought)

    return finish


def _ascending(read: Read, columns: Sequence[Column], where: str) -> bool:
    """Whether each value of one column is more than the one before, as record ids often are: then none is twice.

    It takes a tenth of the time of grouping them, and ends at the first value for which it is not so.
    """
    if len(columns) != 1:
        return False
    steps = nested(read.base, f"{columns[0].sql} > lag({columns[0].sql}) OVER () AS more", where)
    return read.of(steps, "1", "NOT more", "LIMIT 1").fetchone() is None


def _groups(read: Read, columns: Sequence[Column], where: str) -> tuple[int, int]:
    """How many different values there are, and how many records share theirs with another."""
    key = ", ".join(column.sql for column in columns)
    counted = nested(read.base, "count(*) AS n", where, f"GROUP BY {key}")
    row = read.one("count(*), coalesce(sum(n) FILTER (WHERE n > 1), 0)::BIGINT", source=counted)
    return int(row[0]), int(row[1])


def _repeated(base: str, name: str, columns: Sequence[str], where: str) -> str:
    """Records whose key occurs again; a key that is missing equals another that is."""
    keys = ", ".join(f"{column} AS k{number}" for number, column in enumerate(columns))
    equal = " AND ".join(f"a.k{number} IS NOT DISTINCT FROM b.k{number}" for number in range(len(columns)))
    all_rows = nested(base, f"{name} AS v, row_number() OVER () AS nth, ({where or 'true'}) AS inside, {keys}")
    again = nested(base, keys, where, f"GROUP BY {', '.join(columns)} HAVING count(*) > 1")
    return nested(f"{all_rows} a", "v, nth", f"inside AND EXISTS {nested(f'{again} b', '1', equal)}")


KINDS = {
    "expect_column_values_to_be_unique": unique,
    "expect_compound_columns_to_be_unique": compound_unique,
    "expect_column_unique_value_count_to_be_between": unique_count,
    "expect_column_proportion_of_unique_values_to_be_between": unique_share,
    "expect_column_proportion_of_non_null_values_to_be_between": present_share,
}

"""One expectation while it is compiled: what it asks of the one query, what would make it inexact, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Json, Refuse
from towpath_checks.compiled.columns import Column, Family

if TYPE_CHECKING:
    import duckdb

Handle = int


class Scan:
    """The one aggregate query over the table: every expression once, whoever asks for it."""

    def __init__(self) -> None:
        self._expressions: dict[str, Handle] = {}

    def ask(self, expression: str) -> Handle:
        """Where the expression's value will stand."""
        return self._expressions.setdefault(expression, len(self._expressions))

    def sql(self, base: str) -> str:
        """The query; empty where nothing is asked."""
        return select(base, ", ".join(self._expressions)) if self._expressions else ""


@dataclass(frozen=True, slots=True)
class Read:
    """The row that the one query gave, and the way to ask for what must know it first."""

    row: Sequence[Any]
    base: str
    connection: duckdb.DuckDBPyConnection

    def __getitem__(self, handle: Handle) -> Any:
        return self.row[handle]

    def one(self, columns: str, where: str = "", source: str = "") -> tuple[Any, ...]:
        """The only row of a second query over the table, or over another FROM item."""
        row = self.of(source or self.base, columns, where).fetchone()
        assert row is not None, "an aggregate without a row"
        return tuple(row)

    def query(self, columns: str, where: str = "", rest: str = "") -> duckdb.DuckDBPyConnection:
        """A second query over the table, on a cursor of its own."""
        return self.of(self.base, columns, where, rest)

    def of(self, source: str, columns: str, where: str = "", rest: str = "") -> duckdb.DuckDBPyConnection:
        """A query over any FROM item."""
        return self.connection.cursor().execute(select(source, columns, where, rest))


def select(base: str, columns: str, where: str = "", rest: str = "") -> str:
    """A query, as text; every name and value in it comes from `literals`."""
    query = f"SELECT {columns} FROM {base}"  # noqa: S608 (see literals.py)
    return query + (f" WHERE {where}" if where else "") + (f" {rest}" if rest else "")


def nested(base: str, columns: str, where: str = "", rest: str = "") -> str:
    """A query as a FROM item."""
    return f"({select(base, columns, where, rest)})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An expectation's verdict and Great Expectations' `result`; how to find the records that are not as expected.

    `unexpected` is a condition on a record. `sought` is a FROM item instead, with the columns v (the name) and nth (the
    order), for what is no condition on one record; it is a function of the name's SQL.
    """

    success: bool
    result: Json
    unexpected: str = ""
    sought: Callable[[str], str] | None = None
    named: Callable[[str, int], list[object]] | None = None


Finish = Callable[[Read], Outcome]


@dataclass
class Draft:
    """One expectation on its way to SQL. What cannot be compiled exactly raises Refuse."""

    kind: str
    kwargs: Mapping[str, Any]
    columns: Mapping[str, Column]
    scan: Scan
    where: str = ""  # the row condition
    _guards: list[tuple[Handle, str]] = field(default_factory=list)

    def column(self, key: str = "column") -> Column:
        """The column that the expectation names under this key."""
        return self.named(self.kwargs.get(key))

    def named(self, name: object) -> Column:
        """The column of that name."""
        if not isinstance(name, str) or name not in self.columns:
            raise Refuse("a column that is not there")
        return self.columns[name]

    def one_of(self, *families: Family) -> Column:
        """The expectation's column, of one of these families."""
        column = self.column()
        of(column, *families)
        return column

    def count(self, *conditions: str) -> Handle:
        """How many records of the domain meet the conditions."""
        return self._over_all("count(*)", self.within(*conditions))

    def value(self, aggregate: str, *conditions: str) -> Handle:
        """An aggregate over the records of the domain that meet the conditions."""
        return self._over_all(aggregate, self.within(*conditions))

    def within(self, *conditions: str) -> str:
        """The row condition and the conditions, as one."""
        return literals.all_of((*conditions, self.where))

    def guard(self, aggregate: str, reason: str, *conditions: str) -> None:
        """Refuse where this aggregate over the whole table (not the domain) is true."""
        self._guards.append((self._over_all(aggregate, literals.all_of(conditions)), reason))

    def guarded(self, finish: Finish) -> Finish:
        """The finisher behind its guards."""
        guards = tuple(self._guards)

        def finish_if_exact(read: Read) -> Outcome:
            for handle, reason in guards:
                if read[handle]:
                    raise Refuse(reason)
            return finish(read)

        return finish_if_exact if guards else finish

    def small(self, column: Column) -> None:
        """Refuse whole numbers that are no doubles: pandas compares them with doubles."""
        if column.wide:
            self.guard(_beyond(column), "whole numbers beyond 2**53")

    def distinguishable(self, column: Column) -> None:
        """Refuse whole numbers that are no doubles where one is missing: pandas makes doubles of them."""
        if column.wide:
            beyond = f"({_beyond(column)}) AND count({column.sql}) < count(*)"
            self.guard(beyond, "whole numbers beyond 2**53 in a column with missing values")

    def finite(self, column: Column) -> None:
        """Refuse infinite values."""
        if column.family in (Family.REAL, Family.DATE, Family.MOMENT):
            self.guard(f"bool_or(isinf({column.sql}))", "infinite values")

    def complete(self, column: Column, reason: str) -> None:
        """Refuse a column in which any value is missing."""
        self.guard(f"count({column.sql}) < count(*)", reason)

    def flag(self, key: str, default: bool = False) -> bool:
        """A setting that is true or false; null is false, as Great Expectations has it."""
        value = self.kwargs.get(key, default)
        if value is not None and not isinstance(value, bool):
            raise Refuse(f"{key} that is neither true nor false")
        return bool(value)

    @property
    def mostly(self) -> float:
        """The share of records that must be as expected."""
        value = self.kwargs.get("mostly", 1)
        if not literals.is_number(value) or not 0 <= value <= 1:
            raise Refuse("mostly that is no share")
        return float(value)

    def _over_all(self, aggregate: str, condition: str) -> Handle:
        return self.scan.ask(f"{aggregate} FILTER (WHERE {condition})" if condition else aggregate)


def _beyond(column: Column) -> str:
    return f"max({column.sql}) > {literals.EXACT} OR min({column.sql}) < -{literals.EXACT}"


def of(column: Column, *families: Family) -> None:
    """Refuse a column of another family."""
    if column.family not in families:
        raise Refuse(column.why or f"a column of {column.family}")

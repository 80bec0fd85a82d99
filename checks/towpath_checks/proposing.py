"""A first suite, proposed from a reference data set for a person to prune; each expectation says why and from what.

Nothing in it is one record's own: a value stands in a set only where ENOUGH records share it, a bound that fewer
records share is rounded outwards, and a pattern is one of a fixed list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from towpath_checks.compiled.literals import name as quoted
from towpath_checks.identifiers import kind_of
from towpath_core.errors import Refused

if TYPE_CHECKING:
    from towpath_checks.compiled import Relation

Json = dict[str, Any]
ENOUGH = 10
_LONGEST_SET, _LONGEST_VALUE, _LONGEST_NUMBER = 50, 60, 6
_CODES = 20  # whole numbers of so few different values are taken for codes
_MOSTLY = 0.95
_FIRST = 10_000
_QUANTILES = (0.25, 0.5, 0.75)
_FOR_QUANTILES = 100
_EXACT_QUANTILES = 20_000_000  # beyond, all values in memory would be too many: DuckDB's t-digest is near enough
_PRECISE = 2**53
_YEARS = (1700, 2200)  # what pandas can hold
_DECADES = 10  # a span of so many years or more is rounded to decades: the year may be one person's of birth
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_FAMILIES = {
    **dict.fromkeys(_WHOLE, "whole"),
    "FLOAT": "real",
    "DOUBLE": "real",
    "VARCHAR": "text",
    "BOOLEAN": "flag",
    "DATE": "day",
    "TIMESTAMP": "moment",
}
_INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
_READ_AS = {
    "whole": ([*_INTEGERS, "float64"], "whole numbers; pandas makes them float64 where one is missing"),
    "real": (["float64", "float32"], "numbers"),
    "moment": ([f"datetime64[{unit}]" for unit in ("us", "ns", "ms", "s")], "moments without a time zone"),
}
# The first that every value has; Python and DuckDB read them alike.
_PATTERNS = (
    ("^[0-9]+$", "digits only"),
    (r"^-?[0-9]+(\.[0-9]+)?$", "a number, with a point if any"),
    ("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a day as ISO 8601 has it"),
    ("^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?$", "a moment as ISO 8601 has it"),
    ("^[A-Z]+$", "capital letters only"),
    ("^[A-Z0-9]+$", "capital letters and digits only"),
    ("^[A-Za-z0-9_.-]+$", "one word"),
    (r"[^ \t\n\r\f\v]", "more than spaces"),
)


@dataclass(frozen=True, slots=True)
class _Column:
    """What was counted of one column of `records` values; `sizes` are the values and their numbers, the most first."""

    name: str
    family: str
    records: int
    facts: Mapping[str, Any]
    sizes: tuple[tuple[Any, int], ...] = ()

    @property
    def present(self) -> int:
        return int(self.facts["present"])

    @property
    def unique(self) -> bool:
        return self.facts.get("distinct") == self.present

    @property
    def few(self) -> str:
        return f"{self.present:,} of {self.records:,} records have a value"


def propose(relation: Relation, shown: str, *, digest: str = "", name: str = "") -> Json:
    """A suite in great-expectations' JSON shape for the table called `shown`; `name` is the column that names a record.

    Raises: Refused for fewer than ENOUGH records, and where the column `name` is missing or does not name each record.
    """
    records = int(_asked(relation, ["count(*)"])[0])
    if name and name not in relation.columns:
        raise Refused(f"{shown} has no column {name}", hint="give another --name-column")
    for place, called in enumerate(relation.columns, 1):
        if kind := kind_of(called):  # a first record in the place of the names, perhaps: it is not repeated
            raise Refused(f"the name of column {place} of {shown} holds {kind}", hint="give the file a line of names")
    if records < ENOUGH:
        raise Refused(f"{shown} has {records} records, expected {ENOUGH} or more to propose anything from")
    columns = _counted(relation, records, name)
    for column in columns:
        if column.name == name and not (column.unique and column.present == records):
            got = f"{column.present:,} values, {column.facts['distinct']:,} different, in {records:,} records"
            raise Refused(f"{name} does not name each record: {got}", hint="give another --name-column, or none")
    empty = [column.name for column in columns if column.present < ENOUGH]
    notes = [f"Proposed from {shown}, {records:,} records. Prune it, and add what you know."]
    notes += [f"Nothing is expected of {', '.join(empty)}: it has too few values."] if empty else []
    said = [*_table(relation, records), *(e for column in columns for e in _column(column, name))]
    about = {"proposed_from": shown, "digest": digest, "records": records}
    return {"name": "proposed", "expectations": said, "meta": {"towpath": about}, "notes": " ".join(notes)}


# What is expected


def _table(relation: Relation, records: int) -> Iterator[Json]:
    columns = list(relation.columns)
    why = f"The {len(columns)} columns that were there; others may be added."
    yield _expectation("table_columns_to_match_set", {"column_set": columns, "exact_match": False}, why)
    why = f"There were {records:,} records; fewer than half of them is a delivery that is not whole."
    least = int(_down(records / 2, 10 ** max(0, int(math.log10(records)) - 1)))
    yield _expectation("table_row_count_to_be_between", {"min_value": max(1, least)}, why, "warning")


def _column(column: _Column, name: str) -> Iterator[Json]:
    if column.present < ENOUGH:
        return
    yield from _presence(column)
    yield from _uniqueness(column, name)
    if column.family in _READ_AS:
        types, why = _READ_AS[column.family]
        yield _of(column, "values_to_be_in_type_list", {"type_list": types}, f"The column holds {why}.")
    values = list(_set(column)) if column.name != name else []
    yield from values
    if column.family == "text":
        yield from _lengths(column)
        yield from _pattern(column)
    if not values and not column.unique:
        yield from _range(column)
        yield from _distribution(column)


def _presence(column: _Column) -> Iterator[Json]:
    if column.present == column.records:
        yield _of(column, "values_to_not_be_null", {}, f"None of {column.records:,} was missing.")
        return
    least = round(math.floor(100 * column.present / column.records - 1) / 100, 2)
    if least > 0:
        why = f"{column.few}; one point in a hundred fewer is let pass."
        yield _of(column, "proportion_of_non_null_values_to_be_between", {"min_value": least}, why, "warning")


def _uniqueness(column: _Column, name: str) -> Iterator[Json]:
    if column.name == name:
        yield _of(column, "values_to_be_unique", {}, "It names the record.")
    elif column.unique:
        why = f"All {column.present:,} values were different; remove it if that is chance."
        yield _of(column, "values_to_be_unique", {}, why, "warning")


def _set(column: _Column) -> Iterator[Json]:
    """The values that ENOUGH records share, where they are few and (nearly) all."""
    shared = [(value, count) for value, count in column.sizes if count >= ENOUGH]
    covered = sum(count for _, count in shared)
    most = _CODES if column.family == "whole" else _LONGEST_SET
    if not shared or len(shared) > most or any(_could_name_somebody(value) for value, _ in shared):
        return
    values = sorted(value for value, _ in shared)
    share = math.floor(1000 * covered / column.present) / 1000
    if covered == column.present:
        why = f"These {len(values)} values stood in all {column.present:,}, each in {ENOUGH} records or more."
        yield _of(column, "values_to_be_in_set", {"value_set": values}, why)
    elif share >= _MOSTLY and column.family == "text":
        why = f"These {len(values)} values stood in {covered:,} of {column.present:,}; rarer ones are not written down."
        yield _of(column, "values_to_be_in_set", {"value_set": values, "mostly": share}, why)
    else:
        return
    common = sorted(value for value, count in shared if 2 * count >= shared[0][1])
    if len(values) > len(common):
        why = "The most common value, and those that were at least half as common."
        kwargs = {"value_set": common, "ties_okay": True}
        yield _of(column, "most_common_value_to_be_in_set", kwargs, why, "warning")


def _could_name_somebody(value: object) -> bool:
    text = str(value)
    return "@" in text or sum(c.isdigit() for c in text) > _LONGEST_NUMBER or len(text) > _LONGEST_VALUE


def _lengths(column: _Column) -> Iterator[Json]:
    low, high = int(column.facts["low"]), int(column.facts["high"])
    least = low if column.facts["at_low"] >= ENOUGH else min(low, 1)
    most = high if column.facts["at_high"] >= ENOUGH else _next_round(high)
    why = "The length that every value had."
    if least < most:
        why = f"The lengths that {ENOUGH} records or more had; others are rounded outwards."
    yield _of(column, "value_lengths_to_be_between", {"min_value": least, "max_value": most}, why)


def _pattern(column: _Column) -> Iterator[Json]:
    for number, (pattern, words) in enumerate(_PATTERNS):
        if column.facts.get(f"pattern {number}") == column.present:
            why = f"Each of {column.present:,} values was {words}."
            yield _of(column, "values_to_match_regex", {"regex": pattern}, why)
            return


def _range(column: _Column) -> Iterator[Json]:
    if column.family not in ("day", "moment", "whole", "real"):
        return
    low: float = column.facts["low"]
    high: float = column.facts["high"]
    if column.family in ("day", "moment") and _YEARS[0] <= low <= high < _YEARS[1]:
        first, last = (low // 10 * 10, high // 10 * 10 + 9) if high - low >= _DECADES else (low, high)
        ends = (f"{first:.0f}-01-01", f"{last:.0f}-12-31")
        if column.family == "moment":
            ends = (f"{ends[0]}T00:00:00", f"{ends[1]}T23:59:59.999999")
        why = f"All of {column.present:,} lay between; rounded outwards to whole years, or decades where it is many."
        yield _of(column, "values_to_be_between", {"min_value": ends[0], "max_value": ends[1]}, why)
    if column.family in ("whole", "real") and not column.facts["infinite"] and max(abs(low), abs(high)) < _PRECISE:
        step = _step(high - low)
        least = low if column.facts["at_low"] >= ENOUGH else _below(low, step)
        most = high if column.facts["at_high"] >= ENOUGH else -_below(-high, step)
        least = max(least, 0) if low >= 0 else least
        most = min(most, 0) if high <= 0 else most
        why = f"All of {column.present:,} lay between; bounds that fewer than {ENOUGH} share are rounded outwards."
        kwargs = {"min_value": _number(least, column), "max_value": _number(most, column)}
        yield _of(column, "values_to_be_between", kwargs, why)


def _distribution(column: _Column) -> Iterator[Json]:
    """Advice only: another wave may well be different."""
    if column.family not in ("whole", "real") or column.facts["infinite"] or column.present < _FOR_QUANTILES:
        return
    places = [float(column.facts[f"quantile {q}"]) for q in _QUANTILES]
    spread = places[-1] - places[0]
    if spread > 0 and max(map(abs, places)) < _PRECISE:
        step = _step(spread) / 10
        ranges = [[_below(place - spread / 10, step), -_below(-place - spread / 10, step)] for place in places]
        kwargs = {"quantile_ranges": {"quantiles": list(_QUANTILES), "value_ranges": ranges}}
        why = "The quartiles, a tenth of the distance between the outer two to each side, rounded outwards."
        yield _of(column, "quantile_values_to_be_between", kwargs, why, "warning")
    mean, deviation = float(column.facts["mean"]), float(column.facts["deviation"])
    if 0 < deviation < _PRECISE and abs(mean) < _PRECISE:
        step = _step(deviation) / 10
        bounds = {"min_value": _below(mean - deviation / 10, step), "max_value": -_below(-mean - deviation / 10, step)}
        why = f"The mean of {column.present:,} values, a tenth of a standard deviation to each side, rounded outwards."
        yield _of(column, "mean_to_be_between", bounds, why, "warning")


def _expectation(kind: str, kwargs: Json, why: str, severity: str = "critical") -> Json:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "notes": why}


def _of(column: _Column, kind: str, kwargs: Json, why: str, severity: str = "critical") -> Json:
    return _expectation(f"column_{kind}", {"column": column.name, **kwargs}, why, severity)


# Rounding


def _step(width: float) -> float:
    """The power of ten that is at most the width; 1 for no width."""
    return float(10 ** math.floor(math.log10(width))) if width > 0 else 1.0


def _down(value: float, step: float) -> float:
    return round(math.floor(value / step) * step, max(0, -math.floor(math.log10(step))))


def _below(value: float, step: float) -> float:
    """A multiple of the step that is less than the value."""
    found = _down(value, step)
    return found if found < value else _down(value - step / 2, step)


def _next_round(length: int) -> int:
    """The next of 10, 20, 50, 100, 200 … that is more."""
    steps = (n * 10**power for power in range(1, 20) for n in (1, 2, 5))
    return int(next(step for step in steps if step > length))


def _number(value: float, column: _Column) -> float | int:
    return int(value) if column.family == "whole" else float(value)


# Counting


def _counted(relation: Relation, records: int, name: str) -> list[_Column]:
    """One query over all columns, one for the bounds that are shared, and one for each column that may be a set."""
    families = {column: _FAMILIES.get(kind, "other") for column, kind in relation.columns.items()}
    texts = [column for column, family in families.items() if family == "text"]
    possible = _possible(relation, texts)
    asked = {column: _facts(column, families[column], records, possible.get(column, ())) for column in families}
    first = _answered(relation, asked)
    second = _answered(relation, {column: _more(column, families[column], first[column], name) for column in families})
    found = []
    for column, family in families.items():
        facts = first[column] | second[column]
        may = family in ("text", "whole", "flag") and 0 < facts["about"] <= 2 * _LONGEST_SET and column != name
        found.append(_Column(column, family, records, facts, _sizes(relation, column) if may else ()))
    return found


def _possible(relation: Relation, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """For each of these columns the patterns that the first records have: only those need be asked of all."""
    some = replace(relation, sql=f"(SELECT * FROM {relation.sql} LIMIT {_FIRST})")  # noqa: S608 (ours)
    numbers = range(len(_PATTERNS))
    asked = {name: {str(n): _matching(quoted(name), n, "IS DISTINCT FROM false") for n in numbers} for name in texts}
    found = _answered(some, asked)
    records = int(_asked(some, ["count(*)"])[0])
    return {name: tuple(n for n in numbers if facts[str(n)] == records) for name, facts in found.items()}


def _facts(name: str, family: str, records: int, patterns: Sequence[int]) -> dict[str, str]:
    column = quoted(name)
    facts = {"present": f"count({column})", "about": f"approx_count_distinct({column})"}
    if family in ("whole", "real"):
        quantile = "quantile_disc" if records <= _EXACT_QUANTILES else "approx_quantile"
        infinite = f"count(*) FILTER (isinf({column}))" if family == "real" else "0"
        facts |= {"low": f"min({column})", "high": f"max({column})", "infinite": infinite}
        finite = f" FILTER (isfinite({column}))" if family == "real" else ""
        facts |= {f"quantile {q}": f"{quantile}({column}, {q}){finite}" for q in _QUANTILES}
        facts |= {"mean": f"avg({column}){finite}", "deviation": f"stddev_pop({column} / 1e9){finite} * 1e9"}
    elif family in ("day", "moment"):
        facts |= {"low": f"year(min({column}))", "high": f"year(max({column}))"}
    elif family == "text":
        facts |= {"low": f"min(length({column}))", "high": f"max(length({column}))"}
        facts |= {f"pattern {number}": _matching(column, number) for number in patterns}
    return facts


def _matching(column: str, number: int, test: str = "") -> str:
    return f"count(*) FILTER (regexp_matches({column}, '{_PATTERNS[number][0]}') {test})"


def _more(name: str, family: str, facts: Mapping[str, Any], named: str) -> dict[str, str]:
    """How many records share the bounds, and whether the values are all different where they may be."""
    column = quoted(name)
    asked = {}
    nearly = family in ("text", "whole") and facts["present"] >= ENOUGH and facts["about"] >= 0.9 * facts["present"]
    if nearly or name == named:
        asked["distinct"] = f"count(DISTINCT {column})"
    if family in ("text", "whole", "real") and facts["present"]:
        value = f"length({column})" if family == "text" else column
        kind = "DOUBLE" if family == "real" else "HUGEINT"
        for end in ("low", "high"):
            asked[f"at_{end}"] = f"count(*) FILTER ({value} = '{facts[end]!r}'::{kind})"
    return asked


def _answered(relation: Relation, asked: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    values = iter(_asked(relation, [expression for facts in asked.values() for expression in facts.values()]))
    return {column: {fact: next(values) for fact in facts} for column, facts in asked.items()}


def _asked(relation: Relation, expressions: list[str]) -> tuple[Any, ...]:
    if not expressions:
        return ()
    query = f"SELECT {', '.join(expressions)} FROM {_rows(relation)}"  # noqa: S608 (quoted)
    return relation.connection.execute(query).fetchone() or ()


def _sizes(relation: Relation, name: str) -> tuple[tuple[Any, int], ...]:
    column = quoted(name)
    query = (
        f"SELECT {column}, count(*) FROM {_rows(relation)} WHERE {column} IS NOT NULL "  # noqa: S608 (quoted)
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1000"
    )
    return tuple((value, int(count)) for value, count in relation.connection.execute(query).fetchall())


def _rows(relation: Relation) -> str:
    """A value that is not a number is a missing one, as pandas has it."""
    real = [name for name, kind in relation.columns.items() if kind in ("FLOAT", "DOUBLE")]
    cases = ", ".join(f"CASE WHEN NOT isnan({quoted(n)}) THEN {quoted(n)} END AS {quoted(n)}" for n in real)
    return f"(SELECT * REPLACE ({cases}) FROM {relation.sql})" if real else relation.sql  # noqa: S608 (quoted)

"""Great Expectations' expectations as SQL for DuckDB: answered as Great Expectations would on pandas, or refused.

Every expectation adds to one aggregate query over the table; a few need a second query of their own. Nothing here
imports Great Expectations, pandas or NumPy. One file holds one family of expectations: its `KINDS` name them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from towpath_checks.compiled import (
    aggregates,
    bounds,
    distinct,
    each_value,
    left,
    missing,
    order,
    outliers,
    rows,
    sets,
    table,
    texts,
    types,
    uniqueness,
)
from towpath_checks.compiled._nouns import Answer, Json, Refuse, Relation
from towpath_checks.compiled.columns import describe, index_columns
from towpath_checks.compiled.draft import Draft, Finish, Scan
from towpath_checks.compiled.running import NotComputed, compiled, run

__all__ = ["Answer", "Relation", "validate"]

_FAMILIES = (
    aggregates, bounds, distinct, each_value, left, missing, order,
    outliers, rows, sets, table, texts, types, uniqueness,
)  # fmt: skip
KINDS: Mapping[str, Callable[[Draft], Finish]] = MappingProxyType(
    {kind: compiler for family in _FAMILIES for kind, compiler in family.KINDS.items()}
)


def validate(expectations: Sequence[Json], table: Relation, name: str = "") -> list[Answer]:
    """One answer for each expectation, in their order; `name` is the column that names a record.

    An expectation is an object with `type` and `kwargs`, as in a suite file. Great Expectations has the say about which
    configurations are valid: one that it would not take may be answered here.

    Raises: CouldNot where the table cannot be read.
    """
    try:
        columns = describe(table)
    except Refuse as why:
        return [Answer(None, str(why)) for _ in expectations]
    scan, indexed = Scan(), index_columns(table)
    finishes = [compiled(asked, columns, scan, KINDS, indexed) for asked in expectations]
    try:
        return run(finishes, expectations, scan, table, columns.get(name))
    except NotComputed:
        if len(expectations) == 1:
            return [Answer(None, "a value that DuckDB does not compute with")]
        return [validate([asked], table, name)[0] for asked in expectations]

"""What goes into the compiler and what comes out: a table that DuckDB can read, and one answer for each expectation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Json = dict[str, Any]


class Refuse(Exception):
    """This expectation cannot be answered as Great Expectations would; its text says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table that DuckDB can read: its connection, a FROM item, and what its columns are.

    The connection is one of `tables`: any other may answer wrongly where a value is not a number.
    `columns` are DuckDB's types by name, in order, as DESCRIBE says; `arrow` is the schema where one is known, from
    which follows the dtype that pandas would give each column.
    """

    connection: duckdb.DuckDBPyConnection
    sql: str
    columns: Mapping[str, str]
    arrow: pa.Schema | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one expectation came to, in Great Expectations' own shape, or why it is left to Great Expectations.

    The shape is that of `partial_unexpected_count: 0`: no value of an unexpected record is in it; an observed value
    (a smallest value, a mode) can be. `rows` are up to five values of the name column for records that are not as
    expected, in the order of the file.
    """

    result: Json | None
    refused: str = ""
    rows: tuple[object, ...] = ()

"""What each column is to the two engines: DuckDB's type beside the dtype that pandas makes of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from towpath_checks.compiled import literals
from towpath_checks.compiled._nouns import Refuse, Relation


class Family(StrEnum):
    """Columns that are compared alike."""

    WHOLE = "whole numbers"
    REAL = "real numbers"
    TEXT = "texts"
    TRUTH = "truth values"
    DATE = "dates"
    MOMENT = "timestamps"
    DECIMAL = "decimals"
    OTHER = "other"


NUMBERS = frozenset({Family.WHOLE, Family.REAL})
_WHOLE = {
    "TINYINT": "int8",
    "SMALLINT": "int16",
    "INTEGER": "int32",
    "BIGINT": "int64",
    "UTINYINT": "uint8",
    "USMALLINT": "uint16",
    "UINTEGER": "uint32",
    "UBIGINT": "uint64",
}
_REAL = {"FLOAT": "float32", "DOUBLE": "float64"}
_MOMENT = {
    "TIMESTAMP": "us",
    "TIMESTAMP_S": "s",
    "TIMESTAMP_MS": "ms",
    "TIMESTAMP_NS": "ns",
    "TIMESTAMP WITH TIME ZONE": "us",
    "TIMESTAMPTZ_NS": "ns",
}
_ARROW_NUMBERS = {"float": "float32", "double": "float64"}
_ARROW_MOMENT = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_CATEGORY = re.compile(r"dictionary<values=(?:large_)?string, .*>")
_PLAIN_PANDAS = frozenset(
    {"object", "str", "bool", "category", *_WHOLE.values(), "float32", "float64"}
    | {f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns")}
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, how SQL names it, its family, and pandas' dtype where no value is missing.

    `unit` is that of a timestamp (s, ms, us, ns), `zone` its time zone, `scale` the places of a decimal; `why` says why
    a column of no family is none.
    """

    name: str
    sql: str
    family: Family
    dtype: str
    category: bool = False
    unit: str = ""
    zone: str = ""
    scale: int = 0
    why: str = ""

    @property
    def single(self) -> bool:
        """Whether pandas computes with it in 32 bits."""
        return self.dtype == "float32"

    @property
    def wide(self) -> bool:
        """Whether it can hold whole numbers that are no doubles."""
        return self.dtype in ("int64", "uint64")

    @property
    def ticks(self) -> str:
        """A timestamp as a whole number: nanoseconds since 1970 for the unit ns, else microseconds."""
        return f"epoch_{'ns' if self.unit == 'ns' else 'us'}({self.sql})"


def describe(relation: Relation) -> dict[str, Column]:
    """Every column of the relation.

    Raises: Refuse where two names are the same or differ by case only: DuckDB gives the second another name.
    """
    names = list(relation.columns if relation.arrow is None else relation.arrow.names)
    if len({name.casefold() for name in names}) < len(names):
        raise Refuse("two columns whose names are the same, or differ by case only")
    arrow = {} if relation.arrow is None else {field.name: str(field.type) for field in relation.arrow}
    special = _special(relation)
    return {
        name: Column(name, literals.name(name), Family.OTHER, "", why=special[name])
        if name in special
        else _column(name, kind, arrow.get(name))
        for name, kind in relation.columns.items()
    }


def index_columns(relation: Relation) -> bool:
    """Whether pandas made an index of a column when it wrote the file, so that it is a column to DuckDB alone."""
    return any(isinstance(one, str) and one in relation.columns for one in _pandas(relation).get("index_columns", ()))


def _column(name: str, kind: str, arrow: str | None) -> Column:
    quoted = literals.name(name)
    for make in (_number, _text, _moment, _exact):
        if found := make(name, quoted, kind, arrow):
            return found
    return Column(name, quoted, Family.OTHER, "", why=f"a column of type {arrow or kind}")


def _number(name: str, quoted: str, kind: str, arrow: str | None) -> Column | None:
    dtype = _WHOLE.get(kind) or _REAL.get(kind)
    if dtype is None or (arrow is not None and _ARROW_NUMBERS.get(arrow, arrow) != dtype):
        return None
    return Column(name, quoted, Family.WHOLE if kind in _WHOLE else Family.REAL, dtype)


def _text(name: str, quoted: str, kind: str, arrow: str | None) -> Column | None:
    if kind != "VARCHAR":
        return None
    if arrow is not None and _CATEGORY.fullmatch(arrow):
        return Column(name, quoted, Family.TEXT, "category", category=True)
    return Column(name, quoted, Family.TEXT, "str") if arrow in (None, "string", "large_string") else None


def _moment(name: str, quoted: str, kind: str, arrow: str | None) -> Column | None:
    if kind not in _MOMENT:
        return None
    unit, zone = _MOMENT[kind], "UTC" if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS") else ""
    if arrow is not None:
        said = _ARROW_MOMENT.fullmatch(arrow)
        if said is None or bool(said[2]) != bool(zone) or (said[1] == "ns") != (unit == "ns"):
            return None
        unit, zone = said[1], said[2] or ""
    dtype = f"datetime64[{unit}, {zone}]" if zone else f"datetime64[{unit}]"
    return Column(name, quoted, Family.MOMENT, dtype, unit=unit, zone=zone)


def _exact(name: str, quoted: str, kind: str, arrow: str | None) -> Column | None:
    if kind == "BOOLEAN" and arrow in (None, "bool"):
        return Column(name, quoted, Family.TRUTH, "bool")
    if kind == "DATE" and arrow in (None, "date32[day]"):
        return Column(name, quoted, Family.DATE, "object")
    said = _DECIMAL.fullmatch(kind)
    if said and (arrow is None or arrow.startswith("decimal")):
        return Column(name, quoted, Family.DECIMAL, "object", scale=int(said[2]))
    return None


def _pandas(relation: Relation) -> Mapping[str, Any]:
    """What pandas wrote about its frame into the file's schema."""
    metadata = getattr(relation.arrow, "metadata", None) or {}
    try:
        said = json.loads(metadata.get(b"pandas", b"{}"))
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _special(relation: Relation) -> dict[str, str]:
    """Columns that pandas makes something of its own of, by what it wrote into the schema, and what."""
    said = _pandas(relation)
    special = {one: "pandas' index" for one in said.get("index_columns", ()) if isinstance(one, str)}
    for column in said.get("columns", ()):
        dtype, name = str(column.get("numpy_type")), column.get("name")
        category = column.get("pandas_type") == "categorical"
        if isinstance(name, str) and not category and dtype not in _PLAIN_PANDAS:
            special[name] = f"pandas' own type {dtype}"
    return special

"""A table that is open for reading: its columns, its rows, and a frame of some of its columns."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from towpath_checks.tables import _connection as base
from towpath_checks.tables._connection import Source, quoted, refuse_twins, translated
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from towpath_checks.compiled import Relation

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_NUMBER = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*"
_REAL = ("FLOAT", "DOUBLE")
_VIEW = "numbered"


class Table:
    """Read-only. What reads it for the first time raises Refused, with the cause named, for what is no whole table.

    Close it, or use it in a `with`; a table that is forgotten is closed with it.
    """

    def __init__(self, source: Source, numbers: Sequence[str] = (), memory: str = base.MEMORY) -> None:
        self.source = source
        self._numbers = tuple(numbers)
        self._memory = memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What was copied into DuckDB is gone."""
        if found := self.__dict__.pop("_opened", None):
            connection, finish = found
            connection.close()
            finish()

    @property
    def shown(self) -> str:
        return self.source.shown

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of the file's bytes, of several files over their names and digests; None for a database's table."""
        return self.source.digest()

    def changed(self) -> bool:
        """Whether the files are no longer those that the digest was taken of."""
        return self.digest is not None and self.source.digest() != self.digest

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order; of a CSV file only its first line is read. Raises: Refused."""
        names = self.source.header()
        found = tuple(self.columns) if names is None else names
        refuse_twins(found)
        return found

    @cached_property
    def columns(self) -> dict[str, str]:
        """The columns' names, in order, with DuckDB's types. Raises: Refused."""
        with translated(self.source):
            return self._described(self._item)

    @cached_property
    def rows(self) -> int:
        """Raise Refused for what is no whole table."""
        with translated(self.source):
            return int(self._one(f"SELECT count(*) FROM {self._item}"))  # noqa: S608 (ours)

    def require(self, names: Iterable[str]) -> None:
        """Raise Refused for a column that is not there, with another delimiter named where that is the cause."""
        if missing := [name for name in names if name not in self.names]:
            raise Refused(f"no column {', '.join(missing)}{self.hint(missing)}")

    def hint(self, missing: Sequence[str]) -> str:
        """What is said where the header, cut at another delimiter, would name a missing column; else nothing."""
        header = self.names[0] if self.names else ""
        found = [words for sign, words in _DELIMITERS.items() if set(header.split(sign)) & set(missing)]
        return f"; its cells are separated by {found[0]}, expected commas" if found else ""

    def relation(self) -> Relation:
        """What compiled expectations are asked of. Raises: Refused."""
        from towpath_checks.compiled import Relation

        columns = self.columns
        with translated(self.source):
            return Relation(self.connection, self._item, columns, self._schema())

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """These columns (None: all) of all rows, in their order, as pandas reads them. Raises: Refused."""
        chosen = list(self.names if columns is None else columns)
        self.require(chosen)
        with translated(self.source):
            raw = self._raw
            frame = self.source.frame(self.connection, raw, chosen)
            cast = [name for name in self._cast if name in chosen]
            if cast:
                made = base.arrow_of(self.connection, self._item, cast).to_pandas()
                frame = frame.assign(**{name: made[name].to_numpy() for name in cast})
        return frame

    def reading(self) -> AbstractContextManager[None]:
        """While its connection is asked: DuckDB's errors become Refused, with the cause named, and CouldNot."""
        return translated(self.source)

    def all_missing(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the columns that hold no value at all; NaN is none. Raises: Refused."""
        asked = [name for name in dict.fromkeys(names) if name in self.columns]
        if not asked:
            return frozenset()
        tests = [
            f"EXISTS (SELECT 1 FROM {self._item} WHERE {_present(name, self.columns[name])})"  # noqa: S608 (quoted)
            for name in asked
        ]
        with translated(self.source):
            (found,) = self.connection.execute(f"SELECT {', '.join(tests)}").fetchall()
        return frozenset(name for name, some in zip(asked, found, strict=True) if not some)

    def odd_numbers(self) -> tuple[tuple[str, ...], int]:
        """The columns declared as numbers that hold something else, and how many rows do. Raises: Refused."""
        asked = [name for name in self._numbers if name in self.columns]
        odd = {name: _odd(name, self._types[name]) for name in asked}
        if not odd:
            return (), 0
        counts = ", ".join(f"count(*) FILTER (WHERE {test})" for test in odd.values())
        either = " OR ".join(odd.values())
        with translated(self.source):
            (said,) = self.connection.execute(
                f"SELECT {counts}, count(*) FILTER (WHERE {either}) FROM {self._raw}"  # noqa: S608 (quoted)
            ).fetchall()
        return tuple(name for name, count in zip(odd, said[:-1], strict=True) if count), int(said[-1])

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB, for who must ask more of the table than this; it can open nothing else."""
        return self._opened[0]

    @cached_property
    def _opened(self) -> tuple[duckdb.DuckDBPyConnection, weakref.finalize[[Path], Table]]:
        scratch = base.scratch_folder()
        finish = weakref.finalize(self, base.removed, scratch)
        return base.connected(self._memory, self.source.files, scratch), finish

    @cached_property
    def _raw(self) -> str:
        """The rows as they lie there."""
        refuse_twins(self.source.header() or ())
        return self.source.attach(self.connection)

    @cached_property
    def _types(self) -> dict[str, str]:
        return self._described(self._raw)

    @cached_property
    def _cast(self) -> tuple[str, ...]:
        return tuple(name for name in self._numbers if self._types.get(name) == "VARCHAR")

    @cached_property
    def _item(self) -> str:
        """The rows, with those columns as numbers that hold text and were declared as numbers."""
        if not self._cast:
            return self._raw
        casts = ", ".join(f"{_as_number(name)} AS {quoted(name)}" for name in self._cast)
        self.connection.execute(f"CREATE VIEW {_VIEW} AS SELECT * REPLACE ({casts}) FROM {self._raw}")  # noqa: S608
        return _VIEW

    def _schema(self) -> Any:
        return base.schema_of(self.connection, _VIEW) if self._cast else self.source.schema(self.connection, self._raw)

    def _described(self, item: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self.connection.execute(f"DESCRIBE SELECT * FROM {item}").fetchall()}  # noqa: S608

    def _one(self, query: str) -> Any:
        ((found,),) = self.connection.execute(query).fetchall()  # a result that is not fetched whole blocks the next
        return found


def _present(name: str, kind: str) -> str:
    column = quoted(name)
    return (
        f"(CASE WHEN isnan({column}) THEN NULL ELSE {column} END) IS NOT NULL"
        if kind in _REAL
        else f"{column} IS NOT NULL"
    )


def _as_number(name: str) -> str:
    """As float64 where it is the text of a finite number, else NULL."""
    column = quoted(name)
    cast = f"TRY_CAST(trim({column}, E' \\t\\n\\r\\f\\v') AS DOUBLE)"
    return f"CASE WHEN regexp_full_match({column}, '{_NUMBER}') AND isfinite({cast}) THEN {cast} END"


def _odd(name: str, kind: str) -> str:
    """Whether there is something that is no finite number."""
    column = quoted(name)
    if kind == "VARCHAR":
        return f"({column} IS NOT NULL AND ({_as_number(name)}) IS NULL)"
    if kind in _REAL:
        return f"isinf({column})"
    numeric = kind.startswith("DECIMAL") or kind.endswith("INT") or kind in ("INTEGER", "UINTEGER", "BOOLEAN")
    return "false" if numeric else f"{column} IS NOT NULL"

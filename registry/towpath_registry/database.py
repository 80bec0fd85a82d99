"""The port to the database that holds the registry: the same SQL on SQLite and on PostgreSQL, without MLflow."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class Database(Protocol):
    """One transaction. SQL names its values `:name`; bytes go in and come out as bytes."""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""

    def run(self, sql: str, **values: Any) -> None:
        """One statement that answers nothing."""


class Databases(Protocol):
    """Opens transactions. Whatever cannot be reached, read or written leaves as CouldNot."""

    def reading(self) -> AbstractContextManager[Database]:
        """A transaction that cannot write, and sees one state of the database."""

    def writing(self) -> AbstractContextManager[Database]:
        """A transaction that has the ledger for itself from its first read on.

        It is committed when the block ends and undone when the block raises.
        """

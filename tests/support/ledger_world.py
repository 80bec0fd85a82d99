"""Ledgers in memory, in a whole registry's tables, with signed checkpoints; and somebody who rewrites them.

`LedgerWorld` writes entries as the registry does. `tamper` is what the owner of the database can do: it takes the
triggers away, and puts them back.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_world import private_key
from towpath_registry import checkpoints, ledger, nouns, places, tables
from towpath_registry.ledger import Link
from towpath_registry.nouns import Decision
from towpath_registry.sqlite_door import SqliteDatabase

KEY = private_key(2)
START = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
NAME = "occupation-coder"
ENVELOPE = b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}'


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


class LedgerWorld:
    """A registry's database, with nothing in it but what its methods put there."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(gzip.decompress(places.TEMPLATE.read_bytes()))
        self.database = SqliteDatabase(self.connection)
        tables.ensure(self.database)
        self.now = START

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.database.rows(sql, **values)

    @property
    def links(self) -> list[Link]:
        return [Link(*row) for row in self.rows("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq")]

    @property
    def hashes(self) -> list[bytes]:
        return [link.hash for link in self.links]

    @property
    def count(self) -> int:
        return len(self.links)

    @property
    def name(self) -> str:
        return checkpoints.ledger_name(self.hashes[0])

    @property
    def trusted(self) -> dict[str, checkpoints.PublicKey]:
        return {checkpoints.key_id(self.name, KEY.public): KEY.public}

    @property
    def vkey(self) -> str:
        return checkpoints.vkey(self.name, KEY.public)

    def append(self, event: str, version: int = 1, level: str = "", **other: Any) -> int:
        """One more entry; its number."""
        said = Decision(
            other.pop("model", NAME), event, level, version, other.pop("previous", None), other.pop("actor", "dan"),
            other.pop("reason", ""), other.pop("digest", digest(version)), other.pop("policy", ""), (), **other,
        )  # fmt: skip
        self.now += timedelta(minutes=1)
        links = self.links
        link = ledger.next_link(links[-1] if links else None, said, self.now)
        _insert(self.database, link)
        for envelope in said.evidence:
            self.database.run(
                "INSERT INTO towpath_evidence(envelope, seq, workspace, model, digest)"
                " VALUES(:envelope, :seq, 'default', :model, :digest)",
                envelope=envelope, seq=link.seq, model=said.model, digest=said.digest,
            )  # fmt: skip
        return link.seq

    def add(self, count: int = 1) -> None:
        """Entries that say little."""
        for _ in range(count):
            self.append(nouns.REGISTERED, self.count + 1)

    def checkpoint(self) -> str:
        return checkpoints.take(self.database, KEY)

    def tamper(self, *statements: str, **values: Any) -> None:
        """Run the statements as if there were no triggers, and leave the triggers as they were."""
        triggers = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in triggers:
            self.connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            self.connection.execute(statement, {k: v for k, v in values.items() if f":{k}" in statement})
        for _, sql in triggers:
            self.connection.execute(sql)


def _insert(database: SqliteDatabase, link: Link) -> None:
    said = json.loads(link.body)
    columns = {name: said[name] for name in ("workspace", "model", "request", "event", "level", "version")}
    database.run(
        "INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)"
        " VALUES(:seq, :body, :prev, :hash, :workspace, :model, :request, :event, :level, :version)",
        seq=link.seq, body=link.body, prev=link.prev, hash=link.hash, **columns,
    )  # fmt: skip

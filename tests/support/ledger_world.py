"""Ledgers in memory, in a whole registry's tables, with signed checkpoints; and somebody who rewrites them.

`LedgerWorld` writes what it is told, as the registry would. `tamper` is what the owner of the database can do: it takes
the triggers away, and puts them back.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import policies
from registry_world import private_key
from towpath_core.clock import stamp
from towpath_registry import auditing, checkpoints, exporting, ledger, nouns, places, tables
from towpath_registry.auditing import Audit, Kept
from towpath_registry.checkpoints import PublicKey
from towpath_registry.ledger import Link
from towpath_registry.nouns import Approval, Decision, LedgerEntry
from towpath_registry.policy import Policy
from towpath_registry.sqlite_door import SqliteDatabase

KEY = private_key(2)
START = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)
NAME = "occupation-coder"
ENVELOPES = tuple(b'{"payload":"%d"}' % number for number in range(3))
TEAM = policies.policy("team")
_APPEND = """INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, :workspace, :model, :request, :event, :level, :version)"""


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class LedgerWorld:
    """A registry's database, with nothing in it but what its methods put there."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.deserialize(gzip.decompress(places.TEMPLATE.read_bytes()))
        self.database = SqliteDatabase(self.connection)
        tables.ensure(self.database)
        self.now, self.policy = START, ""

    # What is there

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
    def notes(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT note FROM towpath_checkpoints ORDER BY size")]

    @property
    def name(self) -> str:
        return auditing.name_of(self.database)

    @property
    def trusted(self) -> dict[str, PublicKey]:
        return {checkpoints.key_id(self.name, KEY.public): KEY.public} if self.name else {}

    @property
    def vkey(self) -> str:
        return checkpoints.vkey(self.name, KEY.public)

    def entries(self) -> list[LedgerEntry]:
        return [ledger.entry(link) for link in self.links]

    def audit(self, *notes: str, full: bool = True, outside: bool = True) -> Audit:
        kept = [Kept("the office next door", notes, outside)] if notes else []
        return auditing.audit(self.database, keys=self.trusted, anchors=kept, full=full)

    def export(self, target: Path, envelopes: Sequence[bytes] = ENVELOPES) -> Path:
        exporting.export(self.database, target, envelopes)
        return target

    # What happens

    def append(self, event: str, version: int = 1, level: str = "", **other: Any) -> int:
        """One more entry; its number."""
        said = Decision(
            other.pop("model", NAME), event, level, version, other.pop("previous", None), other.pop("actor", "dora"),
            other.pop("reason", ""), other.pop("digest", digest(version) if version else ""),
            other.pop("policy", self.policy), (), **other,
        )  # fmt: skip
        self.now += timedelta(minutes=1)
        links = self.links
        link = ledger.next_link(links[-1] if links else None, said, self.now, "default" if said.model else "")
        self._insert(link)
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

    def govern(self, policy: Policy = TEAM) -> None:
        self.policy = policy.digest
        self.database.run("INSERT INTO towpath_policies VALUES(:d, :c)", d=policy.digest, c=policy.canonical)
        self.append(nouns.POLICY_SET, 0, model="", actor="mia", reason="our first policy")
        self.connection.execute("DELETE FROM towpath_levels")
        for level in policy.levels:
            self.database.run("INSERT INTO towpath_levels VALUES(:name)", name=level.name)
        self.checkpoint()

    def register(self, version: int, *envelopes: bytes, actor: str = "dora", model: str = NAME) -> None:
        now = 1
        self.database.run("INSERT OR IGNORE INTO registered_models(name, creation_time) VALUES(:m, :t)", m=model, t=now)
        self.database.run(
            "INSERT INTO model_versions(name, version, current_stage) VALUES(:m, :v, 'None')", m=model, v=version
        )
        told = tuple(sha256(envelope) for envelope in envelopes)
        self.append(nouns.REGISTERED, version, actor=actor, evidence=told, model=model)

    def ask(self, version: int, level: str, event: str = nouns.PROMOTED, by: str = "dora") -> str:
        number = f"{self.count + 1:012x}"
        told = {"event": event, "expires": stamp(self.now + timedelta(days=14)), "authors": '["dora"]'}
        self.append(nouns.REQUESTED, version, level, request=number, actor=by, reason="please", details=told)
        return number

    def approve(self, number: str, by: str, role: str = "methodologist") -> Approval:
        asked = next(entry for entry in self.entries() if entry.request == number)
        told = {"role": role, "complete": "true"}
        self.append(nouns.APPROVED, asked.version, asked.level, request=number, actor=by, details=told)
        return Approval(by, role, self.now)

    def end(self, number: str, event: str, by: str = "mia") -> None:
        asked = next(entry for entry in self.entries() if entry.request == number)
        self.append(event, asked.version, asked.level, request=number, actor=by, reason="not like this")

    def move(self, event: str, version: int, level: str, **other: Any) -> None:
        """The entry, the alias and the checkpoint."""
        self.append(event, version, level, **other)
        where = {"n": NAME, "a": level}
        if event == nouns.RETIRED:
            self.database.run("DELETE FROM registered_model_aliases WHERE name = :n AND alias = :a", **where)
        else:
            self.database.run(
                "INSERT INTO registered_model_aliases(name, alias, version) VALUES(:n, :a, :v)"
                " ON CONFLICT(workspace, name, alias) DO UPDATE SET version = excluded.version",
                **where, v=version,
            )  # fmt: skip
        self.checkpoint()

    def put(self, version: int, level: str, *people: tuple[str, str], event: str = nouns.PROMOTED) -> None:
        """Asked for, approved and done."""
        number = self.ask(version, level, event)
        yes = tuple(self.approve(number, by, role) for by, role in people)
        self.move(event, version, level, request=number, approvals=yes)

    # What must not happen

    def tamper(self, *statements: str, **values: Any) -> None:
        """Run the statements as if there were no triggers, and leave the triggers as they were."""
        triggers = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in triggers:
            self.connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            self.connection.execute(statement, {k: v for k, v in values.items() if f":{k}" in statement})
        for _, sql in triggers:
            self.connection.execute(sql)

    def rewrite(self, links: Sequence[Link]) -> None:
        """Put these links in the place of all, with the columns that belong to them."""
        self.tamper("DELETE FROM towpath_ledger")
        triggers = self.rows(
            "SELECT name, sql FROM sqlite_master WHERE name LIKE 'towpath_ledger_%' AND type = 'trigger'"
        )
        for name, _ in triggers:
            self.connection.execute(f"DROP TRIGGER {name}")
        for link in links:
            self._insert(link)
        for _, sql in triggers:
            self.connection.execute(sql)

    def _insert(self, link: Link) -> None:
        said = {**_NOTHING, **json.loads(link.body)}
        columns = {name: said[name] for name in ("workspace", "model", "request", "event", "level", "version")}
        self.database.run(_APPEND, seq=link.seq, body=link.body, prev=link.prev, hash=link.hash, **columns)


_NOTHING = {"workspace": "default", "request": ""}


def rechained(links: Sequence[Link], first: int = 1) -> list[Link]:
    """The same bodies, numbered and linked as if nothing had happened to them."""
    prev, made = ledger.GENESIS, []
    for seq, link in enumerate(links, first):
        said = json.loads(link.body)
        body = json.dumps({**said, "seq": seq}, sort_keys=True, separators=(",", ":")).encode()
        made.append(Link(seq, body, prev, ledger.digest(prev, body)))
        prev = made[-1].hash
    return made


def changed(link: Link, **said: Any) -> Link:
    """With other words, and a hash that is none of them."""
    body = json.dumps({**json.loads(link.body), **said}, sort_keys=True, separators=(",", ":")).encode()
    return replace(link, body=body)


def told() -> LedgerWorld:
    """A registry in which much has happened: asked for, approved, rejected, moved, taken back, retired, refused."""
    world = LedgerWorld()
    world.govern()
    world.register(1, ENVELOPES[0])
    world.register(2, ENVELOPES[1], ENVELOPES[2])
    world.put(1, "staging", ("mia", "methodologist"))
    world.put(1, "production", ("mia", "methodologist"), ("bob", "business_owner"))
    world.put(2, "staging", ("mia", "methodologist"))
    world.end(world.ask(2, "production"), nouns.REJECTED)
    world.end(world.ask(2, "production"), nouns.CANCELLED, by="dora")
    world.append(
        nouns.REFUSED, 2, "production", actor="eve", reason="nobody has asked", details={"attempt": "set-alias"}
    )
    world.put(2, "production", ("bob", "business_owner"), ("mia", "methodologist"))
    world.put(1, "production", ("bob", ""), ("mia", ""), event=nouns.ROLLED_BACK)
    world.put(2, "staging", ("mia", "methodologist"), event=nouns.RETIRED)
    world.register(3)
    return world

"""A program that appends to a ledger, beside others that do so too, or dies in the middle of it.

`python appending.py DOOR ADDRESS COUNT` appends that many entries, each with its alias; of COUNT 0 it writes one, says
so, and waits for the end. DOOR is `file` (ADDRESS is a path) or `engine` (ADDRESS is as MLflow writes it).
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from towpath_registry import ledger
from towpath_registry.database import Database, Databases
from towpath_registry.ledger import Link
from towpath_registry.nouns import PROMOTED, Decision

NAME = "occupation-coder"
_LAST = "SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1"
_APPEND = f"""INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, 'default', '{NAME}', '', '{PROMOTED}', 'production', :version)"""


def databases(door: str, address: str) -> Databases:
    if door == "file":
        from towpath_registry.sqlite_door import SqliteDatabases

        return SqliteDatabases(Path(address))
    from sqlalchemy import create_engine

    from towpath_registry.sqlalchemy_door import EngineDatabases

    return EngineDatabases(create_engine(address, pool_pre_ping=True))


def append(database: Database) -> None:
    """Promote the other one of two versions."""
    head = [Link(*row) for row in database.rows(_LAST)]
    ((stands,),) = database.rows("SELECT version FROM registered_model_aliases WHERE alias = 'production'")
    version = 3 - stands
    decision = Decision(NAME, PROMOTED, "production", version, stands, "a", "", "", "", ())
    link = ledger.next_link(head[0] if head else None, decision, datetime.now(UTC))
    values = {"seq": link.seq, "body": link.body, "prev": link.prev, "hash": link.hash}
    database.run(_APPEND, **values, version=version)
    database.run("UPDATE registered_model_aliases SET version = :version WHERE alias = 'production'", version=version)


def main(door: str, address: str, count: str) -> None:
    found = databases(door, address)
    for _ in range(int(count)):
        with found.writing() as database:
            append(database)
    if count == "0":
        with found.writing() as database:
            if database.dialect == "sqlite":
                database.run("PRAGMA cache_size = 1")  # so that the file itself is half changed
            append(database)
            for number in range(500):
                content = bytes([number % 256]) * 2000
                database.run("INSERT INTO towpath_policies VALUES(:d, :content)", d=str(number), content=content)
            sys.stdout.write("half done\n")
            sys.stdout.flush()
            sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

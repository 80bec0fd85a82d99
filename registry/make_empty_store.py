"""Makes towpath_registry/empty_store.sqlite.gz: the tables of the pinned MLflow, and our own, with no row of anybody's.

    python registry/make_empty_store.py

Run it when the pinned MLflow changes, and set `REVISION` in places.py to what it prints.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import Any

from towpath_registry import tables
from towpath_registry.places import TEMPLATE
from towpath_registry.sqlite_door import SqliteDatabase


def make() -> tuple[bytes, str]:
    """The gzipped database, and the revision of its schema."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        open_database: Any = SqlAlchemyStore
        open_database(f"sqlite:///{path}", f"{folder}/artifacts")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE experiments SET artifact_location = '', creation_time = 0, last_update_time = 0")
            tables.ensure(SqliteDatabase(connection))
            connection.commit()
            connection.execute("VACUUM")
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        content = path.read_bytes()
    if folder.encode() in content:
        raise SystemExit("the database holds a path of this machine")
    return gzip.compress(content, 9, mtime=0), revision


if __name__ == "__main__":
    packed, revision = make()
    TEMPLATE.write_bytes(packed)
    sys.stdout.write(f"{len(packed)} bytes, revision {revision}\n")

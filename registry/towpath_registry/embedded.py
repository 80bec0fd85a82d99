"""The embedded registry: MLflow's SQLite database and a folder of artifacts beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from towpath_core.clock import Clock
from towpath_registry.database_store import DatabaseStore
from towpath_registry.local_files import LocalFiles
from towpath_registry.notary import HomeNotary
from towpath_registry.sqlite_door import SqliteDatabases


class EmbeddedStore(DatabaseStore):
    """The registry in the database file `path`. Another writer is waited for, `wait` seconds.

    The key of its ledger lies beside it; `environ` says where its checkpoints are carried to.
    """

    def __init__(self, path: Path, clock: Clock, wait: float = 30.0, environ: Mapping[str, str] | None = None) -> None:
        notary = HomeNotary({**(environ or {}), "TOWPATH_HOME": str(path.parent)})
        super().__init__(SqliteDatabases(path, wait), LocalFiles(path.parent / "artifacts"), clock, notary)

"""A frozen copy of a plain MLflow database, in which the files are where they can be found from here.

The original is only read, also while a server goes on writing to it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_registry import places

# Where MLflow and towpath put artifacts that they serve themselves, beside the database.
FOLDERS = ("mlartifacts", "artifacts")
_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


@contextlib.contextmanager
def frozen(path: Path, artifacts: Path | None = None) -> Iterator[Path]:
    """The copy's path, for as long as the block runs; `artifacts` is what the server called `mlflow-artifacts:/`.

    Raises: NotFound; CouldNot for a database of another MLflow; Refused for one that has a ledger.
    """
    if not path.is_file():
        raise NotFound(f"there is no database {path}")
    with tempfile.TemporaryDirectory(prefix="towpath-import-") as folder:
        copy = Path(folder) / "copy.db"
        try:
            with contextlib.closing(places.opened(path)) as original, contextlib.closing(sqlite3.connect(copy)) as rows:
                original.backup(rows)
            with contextlib.closing(sqlite3.connect(copy)) as rows, rows:
                _refuse_ledger(rows, path)
                _place_files(rows, path.parent, artifacts)
        except sqlite3.Error as error:
            raise CouldNot(f"cannot read the database {path}: {error}") from error
        yield copy


def _refuse_ledger(rows: sqlite3.Connection, path: Path) -> None:
    if rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'towpath_ledger'").fetchone():
        raise Refused(
            f"{path} has a ledger, which a copy of its models would lose",
            hint=f"use the registry as it is: MLFLOW_TRACKING_URI=sqlite:///{path}",
        )


def _place_files(rows: sqlite3.Connection, beside: Path, artifacts: Path | None) -> None:
    root = artifacts or next((beside / name for name in FOLDERS if (beside / name).is_dir()), beside / FOLDERS[0])

    def placed(uri: str | None) -> str | None:
        parts = urlsplit(uri or "")
        if parts.scheme == "mlflow-artifacts":
            return (root.absolute() / unquote(parts.path).lstrip("/")).as_uri()
        if uri and not parts.scheme and not uri.startswith("/"):  # as seen from where the server was started
            return (beside.absolute() / uri).as_uri()
        return uri

    rows.create_function("placed", 1, placed, deterministic=True)
    rows.execute(
        """UPDATE model_versions SET storage_location = source
 WHERE storage_location IS NULL AND source NOT LIKE 'runs:/%' AND source NOT LIKE 'models:/%'"""
    )
    for table, column in _COLUMNS:
        rows.execute(f"UPDATE {table} SET {column} = placed({column})")  # noqa: S608 (fixed names)

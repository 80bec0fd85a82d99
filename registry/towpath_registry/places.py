"""Where the registry lies: MLFLOW_TRACKING_URI, else a database and a folder of artifacts in TOWPATH_HOME."""

from __future__ import annotations

import contextlib
import gzip
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from towpath_core.errors import CouldNot, Misused

# The database schema of the MLflow that we are pinned to; registry/make_empty_store.py prints it.
REVISION = "dc11669786a5"
TEMPLATE = Path(__file__).parent / "empty_store.sqlite.gz"
_SQLITE = "sqlite:///"


def home(environ: Mapping[str, str]) -> Path:
    """TOWPATH_HOME, else `towpath` in the user's data folder. It need not exist."""
    if chosen := environ.get("TOWPATH_HOME"):
        return Path(chosen).expanduser().absolute()
    data = environ.get("XDG_DATA_HOME") or Path(environ.get("HOME") or Path.home()) / ".local" / "share"
    return Path(data) / "towpath"


def tracking_uri(environ: Mapping[str, str]) -> str:
    """Where MLflow reads and writes: an http(s) address or `sqlite:///…` with an absolute path.

    Raises: Misused for any other kind of store.
    """
    chosen = environ.get("MLFLOW_TRACKING_URI", "").strip()
    if not chosen:
        return f"{_SQLITE}{home(environ) / 'towpath.db'}"
    if chosen.startswith(("http://", "https://")):
        _check_address(chosen)
        return chosen.rstrip("/")
    if chosen.startswith(_SQLITE) and chosen != _SQLITE:
        return f"{_SQLITE}{Path(chosen.removeprefix(_SQLITE)).absolute()}"
    raise Misused(
        f"MLFLOW_TRACKING_URI={without_password(chosen)} is not a store that towpath can keep a ledger in",
        hint="set it to http://…, https://… or sqlite:///…, or unset it to use TOWPATH_HOME",
    )


def _check_address(address: str) -> None:
    try:
        host = urlsplit(address).hostname
    except ValueError:
        host = None
    if not host:
        raise Misused(
            f"MLFLOW_TRACKING_URI={without_password(address)} is not an address of a server",
            hint="set it to http://host:port, or unset it to use TOWPATH_HOME",
        )


def without_password(uri: str) -> str:
    """The address without whoever it names."""
    scheme, mark, rest = uri.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def database(environ: Mapping[str, str]) -> Path | None:
    """The embedded database; None when a server holds the registry."""
    uri = tracking_uri(environ)
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def artifacts(environ: Mapping[str, str]) -> Path | None:
    """The folder of the embedded artifacts, beside the database; None when a server holds them."""
    found = database(environ)
    return found.parent / "artifacts" if found else None


def ui_address(environ: Mapping[str, str]) -> str:
    """Where MLflow's UI answers: the server without user and password, else where `towpath ui` listens by default."""
    if database(environ) is not None:
        return "http://127.0.0.1:5000"
    parts = urlsplit(tracking_uri(environ))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def ensure_home(environ: Mapping[str, str]) -> None:
    """Make the embedded database if it is not there; any number of processes may do so at once.

    Raises: CouldNot if it cannot be written, or is of another MLflow than ours.
    """
    path = database(environ)
    if path is None:
        return
    if not path.exists():
        try:
            _put_in_place(path)
        except OSError as error:
            raise CouldNot(
                f"cannot make the registry {path}: {error.strerror or error}", hint="set TOWPATH_HOME to another folder"
            ) from error
    try:
        opened(path).close()
    except sqlite3.Error as error:
        raise CouldNot(f"cannot read the registry {path}: {error}", hint="towpath doctor") from error


def opened(path: Path, wait: float = 30.0) -> sqlite3.Connection:
    """A connection for reading to a database of our MLflow; another writer is waited for, `wait` seconds.

    Raises: sqlite3.Error, CouldNot as `check_revision` does.
    """
    connection = connected(path, "ro", wait)
    try:
        check_revision(connection, path)
    except (sqlite3.OperationalError, CouldNot) as error:
        connection.close()
        if isinstance(error, CouldNot) or "locked" in str(error):
            raise
        # a writer was killed: only a connection that may write can undo what it left half done
        connection = connected(path, "rw", wait)
        check_revision(connection, path)
    return connection


def connected(path: Path, mode: str, wait: float) -> sqlite3.Connection:
    """A connection without transactions of its own; `mode` is ro or rw, so that none makes a database."""
    return sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=wait, isolation_level=None)


def check_revision(connection: sqlite3.Connection, path: Path) -> None:
    """Raise CouldNot unless the database has the tables of the MLflow that we are pinned to."""
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "readonly" in str(error):
            raise
        raise CouldNot(
            f"{path} is not a registry: {error}", hint="point TOWPATH_HOME or MLFLOW_TRACKING_URI elsewhere"
        ) from error
    if row is None or row[0] != REVISION:
        raise CouldNot(
            f"{path} was made by another MLflow (its schema is {row[0] if row else 'unknown'}, expected {REVISION})",
            hint=f"make a copy of it, then: mlflow db upgrade {_SQLITE}{path}",
        )


def _put_in_place(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # for the owner alone, as mkstemp makes it: a team shares a server, not a file
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(gzip.decompress(TEMPLATE.read_bytes()))
        default = (path.parent / "artifacts" / "0").as_uri()
        with contextlib.closing(sqlite3.connect(name)) as connection, connection:
            connection.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (default,))
        with contextlib.suppress(FileExistsError):  # another process was first
            os.link(name, path)
    finally:
        Path(name).unlink()

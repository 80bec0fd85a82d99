"""A PostgreSQL of the tests' own: a throw-away cluster that answers on a socket in a folder, and on no port."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=64MB")
_TEMPLATE = "mlflow_template"


def binaries() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).resolve().parent if on_path else None


@dataclass
class Postgres:
    """A running cluster, whose superuser is `postgres` and whose everybody is trusted."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str, user: str = "postgres") -> str:
        return f"postgresql+psycopg://{user}@/{database}?host={self.folder}"

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """The name of a database with MLflow's tables in it, and nothing else; it is gone when the block ends."""
        name = f"test_{next(self._numbers)}"
        with self.session("postgres") as session:
            known = session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_TEMPLATE]).fetchone()
            if known is None:
                session.execute(f"CREATE DATABASE {_TEMPLATE}_part")
                self._make_tables(f"{_TEMPLATE}_part")
                session.execute(f"ALTER DATABASE {_TEMPLATE}_part RENAME TO {_TEMPLATE}")
            session.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        yield name
        with self.session("postgres") as session:
            session.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextlib.contextmanager
    def session(self, database: str, user: str = "postgres") -> Iterator[Any]:
        """A connection that commits each statement by itself."""
        import psycopg

        with contextlib.closing(
            psycopg.connect(host=str(self.folder), dbname=database, user=user, autocommit=True)
        ) as connection:
            yield connection

    def _make_tables(self, database: str) -> None:
        import sqlalchemy
        from mlflow.store.db.utils import _initialize_tables

        engine = sqlalchemy.create_engine(self.url(database), poolclass=sqlalchemy.NullPool)
        _initialize_tables(engine)


@contextlib.contextmanager
def cluster(options: Sequence[str] = _QUICK) -> Iterator[Postgres]:
    """A server that is stopped, and whose files are gone, when the block ends; by default one that risks its data."""
    programs = binaries()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="towpath-pg-"))
    who: dict[str, Any] = {}
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
    data = folder / "data"
    try:
        made: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder, **who)
        settings = [part for setting in options for part in ("-c", setting)]
        command: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            *settings,
        ]
        with (folder / "log").open("wb") as log:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=folder, start_new_session=True, **who
            )
        try:
            _wait(folder, server)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(host=str(folder), dbname="postgres", user="postgres").close()
            return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())

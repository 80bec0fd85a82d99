"""The database of a server: how it is named, and whether a server can start on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from towpath_core.errors import CouldNot, Misused
from towpath_registry.database import Databases
from towpath_registry.places import REVISION

if TYPE_CHECKING:
    from sqlalchemy import Engine

READY, EMPTY = "ready", "empty"
_SQLITE, _POSTGRESQL = "sqlite:///", ("postgresql://", "postgresql+psycopg://")
_HINT = "towpath server --database sqlite:////path/to/registry.db, or postgresql://user@host/name"


def address(text: str) -> str:
    """The address as given, with an absolute path. Raises: Misused for another kind, and for a password in it."""
    if text.startswith(_SQLITE) and text != _SQLITE:
        return f"{_SQLITE}{Path(text.removeprefix(_SQLITE)).absolute()}"
    if not text.startswith(_POSTGRESQL):
        raise Misused("a server's registry lies in SQLite or in PostgreSQL", hint=_HINT)
    try:
        parts = urlsplit(text)
        secret = parts.password is not None or "password" in parse_qs(parts.query, keep_blank_values=True)
    except ValueError as error:
        raise Misused("this is not the address of a database", hint=_HINT) from error
    if secret:
        raise Misused(
            "a password in a command is seen by everybody on this machine",
            hint="leave it out, and put it into PGPASSWORD, ~/.pgpass or a service file (PGSERVICE)",
        )
    return text


def opened(database: str) -> Databases:
    """The database at an address that `address` gave; nothing is opened before it is asked."""
    if database.startswith(_SQLITE):
        from towpath_registry.sqlite_door import SqliteDatabases

        return SqliteDatabases(Path(database.removeprefix(_SQLITE)))
    from sqlalchemy import create_engine

    from towpath_registry.sqlalchemy_door import EngineDatabases

    return EngineDatabases(create_engine(database))


def behind(engine: Engine) -> Databases:
    """The database of MLflow's own engine. A plain file is asked without SQLAlchemy, in half the time.

    What SQLite keeps in memory, or opens with settings in its address, only the engine knows.
    """
    from towpath_registry.sqlalchemy_door import EngineDatabases
    from towpath_registry.sqlite_door import SqliteDatabases

    url = engine.url
    file = Path(url.database or "").absolute()
    if url.get_backend_name() == "sqlite" and not url.query and file.is_file():
        return SqliteDatabases(file)
    return EngineDatabases(engine)


def check(database: str) -> str:
    """`ready` for a database of our MLflow, `empty` for one that MLflow will fill. Raises: CouldNot for any other."""
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    if database.startswith(_SQLITE) and not Path(database.removeprefix(_SQLITE)).exists():
        return EMPTY
    engine = create_engine(database)
    try:
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
            asked = text("SELECT version_num FROM alembic_version")
            found = [row[0] for row in connection.execute(asked)] if "alembic_version" in tables else []
    except DBAPIError as error:
        said = str(error.orig).strip().partition("\n")[0]
        raise CouldNot(f"the database {database} does not answer: {said}", hint=_HINT) from error
    except SQLAlchemyError as error:
        raise CouldNot(f"the database {database} cannot be read: {type(error).__name__}", hint=_HINT) from error
    finally:
        engine.dispose()
    if not tables:
        return EMPTY
    if found != [REVISION]:
        made = f"another MLflow (its schema is {found[0]}, expected {REVISION})" if found else "another program"
        hint = f"make a copy of it, then: mlflow db upgrade {database}" if found else _HINT
        raise CouldNot(f"the database {database} was made by {made}", hint=hint)
    return READY

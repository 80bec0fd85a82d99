"""The databases of these tests: MLflow's tables, ours, and a model with two versions, the first at production.

And an object store, for those whose files lie in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guarded_world import Guarded, postgres_world, sqlite_world
from object_store import ObjectStore, object_store, pointing_at
from postgres import Postgres


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def guarded(request: pytest.FixtureRequest) -> Guarded:
    """One of each kind."""
    found: Guarded = request.getfixturevalue("guarded_file" if request.param == "sqlite" else "guarded_server")
    return found


@pytest.fixture
def guarded_file(tmp_path: Path) -> Guarded:
    """In SQLite."""
    made = sqlite_world(tmp_path / "guarded")
    made.add(1, 2)
    made.promoted(1)
    return made


@pytest.fixture
def guarded_server(postgres: Postgres) -> Iterator[Guarded]:
    """In PostgreSQL."""
    with postgres.database() as name:
        made = postgres_world(postgres, name)
        made.add(1, 2)
        made.promoted(1)
        yield made


@pytest.fixture(scope="session")
def running() -> Iterator[ObjectStore]:
    """One for all tests: each takes a new bucket of it."""
    with object_store() as found:
        yield found


@pytest.fixture
def store(running: ObjectStore) -> Iterator[ObjectStore]:
    """The same, which this process's environment names."""
    with pointing_at(running):
        yield running

"""Databases whose client dies, as by kill -9, just before one of its statements; and a program that promotes by one.

`python crashing.py HOME STATEMENT LEVEL` promotes version 1 and dies before that statement of its writing transactions;
it ends with 0 when there were fewer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towpath_registry.database import Database, Databases


@dataclass
class Countdown:
    left: int

    def tick(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Dying:
    """A transaction of a client that is about to die."""

    inner: Database
    countdown: Countdown

    @property
    def dialect(self) -> str:
        return self.inner.dialect

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        self.countdown.tick()
        return self.inner.rows(sql, **values)

    def run(self, sql: str, **values: Any) -> None:
        self.countdown.tick()
        self.inner.run(sql, **values)


@dataclass
class Crashing:
    inner: Databases
    countdown: Countdown
    reading: Any = field(init=False)

    def __post_init__(self) -> None:
        self.reading = self.inner.reading

    @contextlib.contextmanager
    def writing(self) -> Iterator[Database]:
        with self.inner.writing() as database:
            yield Dying(database, self.countdown)
            self.countdown.tick()  # all is said, nothing is committed
        self.countdown.tick()  # committed, and not yet carried out


def main(home: str, statement: str, level: str) -> None:
    from registry_world import NAME, SIGNERS, Ticking
    from towpath_core.refs import ModelRef
    from towpath_registry.embedded import EmbeddedStore
    from towpath_registry.policy import solo
    from towpath_registry.promotion import Promotions

    store = EmbeddedStore(Path(home) / "towpath.db", Ticking())
    store.databases = Crashing(store.databases, Countdown(int(statement)))
    desk = Promotions(store, Ticking(), solo, lambda _: SIGNERS)
    desk.settle(desk.plan(ModelRef(NAME, version=1), level), "ann", "")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Where a release can run, behind one small interface.

A built-in target is a module of this folder with a `target` that makes it from the environment; one of somebody else
is an entry point in the group `towpath.targets`. Whatever a target starts answers on this machine's loopback.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from towpath.releases import Release
from towpath_core.errors import CouldNot, Misused

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Instance:
    """One copy of a release that a target started: `id` is the target's name for it, `port` where it answers.

    `code` is what it ended with, where that is known.
    """

    id: str
    port: int
    running: bool
    code: int = 0


class Target(Protocol):
    """Starts and stops instances. Each belongs to a deployment, by name, and is found again by it."""

    @property
    def name(self) -> str: ...

    def lack(self) -> str:
        """Why nothing can be started here; empty if it can."""

    def start(self, deployment: str, release: Release, port: int, say: Say) -> Instance:
        """Start a new instance; it may not answer yet. Raises: CouldNot, and leaves nothing behind."""

    def instances(self, deployment: str) -> list[Instance]:
        """All that were started for the deployment and not removed, running or not."""

    def halt(self, instance: Instance) -> None:
        """Stop it, and keep what it takes to start it again."""

    def resume(self, instance: Instance) -> None:
        """Start it again, where it was."""

    def remove(self, instance: Instance) -> None:
        """Stop it and forget it; it may be gone already."""

    def log(self, instance: Instance) -> str:
        """The last lines that it wrote."""


def names() -> list[str]:
    """All targets that can be found, by name."""
    return sorted({*_built_in(), *(point.name for point in _others())})


def find(name: str, environ: Mapping[str, str]) -> Target:
    """Raise Misused for an unknown target, CouldNot for one that does not load or whose name clashes."""
    others = [point for point in _others() if point.name == name]
    if len(others) + (name in _built_in()) > 1:
        raise CouldNot(f"more than one target is called {name}", hint="uninstall one of the packages that bring it")
    if name not in names():
        raise Misused(f"there is no target {name!r}", hint=f"--target, one of auto, {', '.join(names())}")
    try:
        make = others[0].load() if others else importlib.import_module(f"{__name__}.{name}").target
        found: Target = make(environ)
    except Exception as error:
        raise CouldNot(f"the target {name} does not load: {error}") from error
    return found


def _built_in() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if not module.name.endswith("_door")]


def _others() -> list[EntryPoint]:
    return list(entry_points(group="towpath.targets"))

"""Gates: what a version must prove before it may move.

A gate is a frozen dataclass; its fields are its settings and its docstring is its help. A built-in gate is a module of
this folder that calls it `gate`; a gate of somebody else is an entry point in the group `towpath.gates`.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from towpath_core.errors import CouldNot, Misused
from towpath_core.verdicts import Verdict
from towpath_registry.evidence import Read
from towpath_registry.nouns import ModelVersion

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "towpath.gates"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EvidenceRule:
    """How many days evidence of one kind counts, and how many different owners must have signed it.

    Raises: ValueError for less than one of either.
    """

    valid_days: int
    signatures: int = 1

    def __post_init__(self) -> None:
        if self.valid_days < 1 or self.signatures < 1:
            raise ValueError("evidence counts for one day or more, and somebody must have signed it")

    def until(self, made: datetime, recorded: datetime | None) -> datetime:
        """When such evidence stops counting: from the earlier time on, for old evidence in a new envelope is old."""
        return min(made, recorded or made) + timedelta(days=self.valid_days)


@dataclass(frozen=True, slots=True)
class Candidate:
    """All that is known of a version that wants to move; gates see nothing else.

    `digest` is that of the bytes that lie in the store now, empty if they cannot be told; `format` is what the
    inspection of these bytes said; `card` is their model card, None if there is none. `rules` are those of the policy,
    by kind of evidence: a kind without one proves nothing. To who does not say what time it is, all evidence is too
    old. `authors` are those who are known to have made the version.
    """

    version: ModelVersion
    digest: str
    format: tuple[Verdict, ...] = ()
    card: str | None = None
    evidence: tuple[Read, ...] = ()
    now: datetime = _NEVER
    rules: Mapping[str, EvidenceRule] = field(default_factory=dict)
    authors: tuple[str, ...] = ()


class Gate(Protocol):
    """A rule over a candidate, which reads and writes nothing."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        """What it found; to say nothing is to refuse."""


def names() -> list[str]:
    """All gates that can be found, by name."""
    return sorted({*_built_in(), *(point.name for point in _others())})


def find(name: str) -> type[Gate]:
    """Raise Misused for an unknown gate, CouldNot for one that does not load or whose name clashes."""
    others = [point for point in _others() if point.name == name]
    if len(others) + (name in _built_in()) > 1:
        raise CouldNot(f"more than one gate is called {name}", hint="uninstall one of the packages that bring it")
    if not others and name not in _built_in():
        raise Misused(f"there is no gate {name!r}", hint=f"one of {', '.join(names())}")
    try:
        gate: type[Gate] = others[0].load() if others else importlib.import_module(f"{__name__}.{name}").gate
    except Exception as error:
        raise CouldNot(f"the gate {name} does not load: {error}") from error
    if not _can_judge(gate):
        raise CouldNot(f"the gate {name} is not a dataclass that can judge")
    return gate


def judge(name: str, gate: Gate, candidate: Candidate) -> tuple[Verdict, ...]:
    """What the gate says, under its own name. Raises: CouldNot for a gate that fails itself."""
    try:
        said = tuple(gate.judge(candidate))
    except Exception as error:
        raise CouldNot(f"the gate {name} failed on {candidate.version.ref}: {error}") from error
    shown = name.replace("_", "-")
    if not said:
        return (Verdict(shown, False, candidate.version.ref, "not judged at all", "at least one verdict"),)
    return tuple(replace(verdict, gate=shown) for verdict in said)


def _can_judge(loaded: object) -> bool:
    return isinstance(loaded, type) and is_dataclass(loaded) and callable(getattr(loaded, "judge", None))


@lru_cache(maxsize=1)
def _built_in() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def _others() -> list[EntryPoint]:
    if not any(_announced(folder, _changed(folder)) for folder in sys.path):
        return []
    from importlib.metadata import entry_points

    return list(entry_points(group=GROUP))


@lru_cache(maxsize=64)
def _announced(folder: str, _changed: int) -> bool:
    """Whether a package that is installed there may bring gates; the library itself would take ten times as long."""
    if Path(folder).is_file():  # an archive, which only the library looks into
        return True
    try:
        names = [found.name for found in os.scandir(folder or ".") if found.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # it is on the path, and not there
        return False
    return any(GROUP.encode() in _content(f"{folder or '.'}/{name}/entry_points.txt") for name in names)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 (a Path for each of hundreds takes longer than the reading)
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):  # most packages have no entry points
        return b""
    except OSError:  # the library will say what is wrong with it
        return GROUP.encode()


def _changed(folder: str) -> int:
    """When something was last put into a folder or taken out of it; -1 for one that is not there."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return -1

"""The port to the registry, and which store stands behind it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot, NotFound
from towpath_core.refs import ModelRef
from towpath_registry import places
from towpath_registry.nouns import Decision, LedgerEntry, ModelSummary, ModelVersion


class ModelStore(Protocol):
    """Models, their versions, what was found out about them, and the ledger of their moves.

    A store never makes a registry, a model or a version; whatever it cannot reach or read leaves as CouldNot.
    """

    def models(self) -> list[ModelSummary]:
        """All models, by name."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, the newest first. Raises: NotFound for an unknown model."""

    def version(self, ref: ModelRef) -> ModelVersion:
        """Raise NotFound for an unknown model, version or alias."""

    def ledger(self, name: str) -> list[LedgerEntry]:
        """The entries about a model, oldest first. Raises: NotFound, and Mismatch where the chain is broken."""

    def model_folder(self, version: ModelVersion) -> AbstractContextManager[Path]:
        """The version's packaged files, in a folder that is only to be read, and may be gone after the block."""

    def evidence(self, version: ModelVersion) -> list[dict[str, Any]]:
        """The statements that the version's run recorded, as they are."""

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        """The last value of each metric of the version's run; NaN and infinite ones are left out."""

    def record(self, decision: Decision) -> LedgerEntry:
        """Append the decision to the ledger and, if it is a move, set its alias: both or neither.

        Raises: CouldNot when the alias is not where the decision expected it, or the version is not the one judged.
        """


def open_store(environ: Mapping[str, str], clock: Clock = utc_now) -> ModelStore:
    """The store that MLFLOW_TRACKING_URI or TOWPATH_HOME names; nothing is opened before it is asked."""
    path = places.database(environ)
    if path is None:
        from towpath_registry.server import ServerStore

        return ServerStore(places.tracking_uri(environ), environ, clock)
    from towpath_registry.embedded import EmbeddedStore

    return EmbeddedStore(path, clock)


def no_model(name: str, known: Iterable[str]) -> NotFound:
    """The error for an unknown model: the closest known name, or the way to make one."""
    names = sorted(known)
    if not names:
        return NotFound(f"there is no model {name}: the registry is empty", hint="towpath run (in a project's folder)")
    close = difflib.get_close_matches(name, names, 1)
    meant = f"did you mean {close[0]}? towpath show {close[0]}" if close else "towpath list"
    return NotFound(f"there is no model {name}", hint=meant)


def no_version(ref: ModelRef, aliases: Iterable[str], latest: int | None) -> NotFound:
    """The error for an unknown version or alias of a model that is known."""
    if ref.alias is not None:
        known = ", ".join(sorted(aliases))
        there = f"it has {known}" if known else "it has none"
        return NotFound(f"{ref.name} has no alias {ref.alias}: {there}", hint=f"towpath show {ref.name}")
    newest = f"the newest is {ref.name}/{latest}" if latest else "it has none"
    return NotFound(f"there is no version {ref}: {newest}", hint=f"towpath show {ref.name}")


def changed_meanwhile(decision: Decision) -> CouldNot:
    """The error for a move whose alias or version is no longer what the decision saw."""
    return CouldNot(
        f"{decision.model} changed while {decision.level} was being decided; nothing was moved",
        hint="run the same command again: it decides anew",
    )

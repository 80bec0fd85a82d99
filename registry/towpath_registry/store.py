"""The port to the registry, and which store stands behind it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot, NotFound
from towpath_core.refs import ModelRef
from towpath_registry import places
from towpath_registry.nouns import (
    ENDINGS,
    REGISTERED,
    REQUESTED,
    Decision,
    LedgerEntry,
    ModelSummary,
    ModelVersion,
    Question,
)


class ModelStore(Protocol):
    """Models, their versions, and what was found out about them.

    A store never makes a registry, a model or a version; whatever it cannot reach or read leaves as CouldNot.
    """

    def models(self) -> list[ModelSummary]:
        """All models, by name."""

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model, the newest first. Raises: NotFound for an unknown model."""

    def version(self, ref: ModelRef) -> ModelVersion:
        """Raise NotFound for an unknown model, version or alias."""

    def model_folder(self, version: ModelVersion) -> AbstractContextManager[Path]:
        """The version's packaged files, in a folder that is only to be read, and may be gone after the block."""

    def evidence(self, version: ModelVersion) -> list[tuple[str, bytes]]:
        """The envelopes that the version's run recorded, by their files' names, as they are; cut where too long."""

    def run_file(self, version: ModelVersion, path: str) -> bytes | None:
        """A file that the version's run recorded, such as reports/quality_report.json; None where there is none."""

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        """The last value of each metric of the version's run; NaN and infinite ones are left out."""


class Register(Protocol):
    """The ledger of the models' moves, and what else is kept beside them.

    `governed` where it also keeps what is about itself: policies, keys, requests.
    """

    @property
    def governed(self) -> bool: ...

    def view(self) -> AbstractContextManager[None]:
        """While the block runs, this thread reads one state of the registry, as far as the store can.

        A write in it ends that state, and what is read after it is the next one.
        """

    def ledger(self, name: str, asked: Question | None = None) -> list[LedgerEntry]:
        """The entries about a model (about the registry: `""`), oldest first; without a question all, and verified.

        Raises: NotFound, and Mismatch where the chain is broken.
        """

    def seen(self, name: str) -> int:
        """The number of the newest entry about the model or the registry, 0 for none; `record` compares it."""

    def request(self, number: str) -> list[LedgerEntry]:
        """All entries of one request, oldest first; none for an unknown one."""

    def open_requests(self, name: str = "") -> list[str]:
        """The ids of the requests, of one model or of all, that nothing has ended, oldest first."""

    def recorded(self, version: ModelVersion) -> Mapping[str, datetime]:
        """Envelope (sha256:…) to the time at which the ledger first told of it, for those about the version's bytes."""

    def authors(self, version: ModelVersion) -> tuple[str, ...]:
        """Everybody who is known to have made the version, its run, or another version with the same bytes."""

    def policy(self, digest: str) -> bytes | None:
        """A policy that was once set here."""

    def checkpoint(self) -> str:
        """The newest signed note about the ledger; empty where there is none."""

    def record(self, decision: Decision, seen: int | None = None) -> LedgerEntry:
        """Append the decision to the ledger and, if it changes an alias, change it: both or neither.

        Raises: CouldNot when the alias is not where the decision expected it, the version is not the one judged, or
        there is a newer entry than `seen`.
        """

    def adopt(self, decision: Decision, content: bytes, levels: Sequence[str], seen: int | None = None) -> LedgerEntry:
        """Record a new policy, keep its bytes and guard its levels, in one step. Raises: CouldNot."""


class Store(ModelStore, Register, Protocol):
    """A whole registry."""


def open_store(environ: Mapping[str, str], clock: Clock = utc_now) -> Store:
    """The store that MLFLOW_TRACKING_URI or TOWPATH_HOME names; no file is opened before it is asked.

    A server is asked which kind it is. Raises: CouldNot where it does not say.
    """
    path = places.database(environ)
    if path is None:
        from towpath_registry.remote import open_remote
        from towpath_registry.server import ServerStore

        uri = places.tracking_uri(environ)
        return open_remote(uri, environ) or ServerStore(uri, environ, clock)
    from towpath_registry.embedded import EmbeddedStore

    return EmbeddedStore(path, clock, environ=environ)


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


class ChangedMeanwhile(CouldNot):
    """What a decision was made in view of is no longer so."""


def changed_meanwhile(decision: Decision) -> ChangedMeanwhile:
    """The error for a move whose alias or version is no longer what the decision saw."""
    return ChangedMeanwhile(
        f"{decision.model} changed while {decision.level} was being decided; nothing was moved",
        hint="run the same command again: it decides anew",
    )


def recorded_in(entries: Iterable[LedgerEntry], digest: str) -> dict[str, datetime]:
    """What `Register.recorded` tells, found among all entries about a model."""
    found: dict[str, datetime] = {}
    for entry in entries:
        for envelope in entry.evidence if entry.digest == digest else ():
            found.setdefault(envelope, entry.time)
    return found


def authors_in(entries: Iterable[LedgerEntry], digest: str) -> tuple[str, ...]:
    """What `Register.authors` tells, as far as the entries about a model know."""
    return tuple(sorted({e.actor for e in entries if e.event == REGISTERED and digest and e.digest == digest}))


def open_among(entries: Iterable[LedgerEntry], name: str) -> list[str]:
    """What `Register.open_requests` tells, found among entries, oldest first."""
    found: dict[str, None] = {}
    for entry in entries:
        if entry.request and name in ("", entry.model):
            if entry.event == REQUESTED:
                found[entry.request] = None
            elif entry.event in ENDINGS:
                found.pop(entry.request, None)
    return list(found)

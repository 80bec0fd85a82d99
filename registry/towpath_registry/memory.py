"""A store in memory, which keeps the promises of the real ones: for tests and for trying a policy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot
from towpath_core.refs import ModelRef
from towpath_registry import ledger
from towpath_registry.nouns import Decision, LedgerEntry, ModelSummary, ModelVersion
from towpath_registry.store import changed_meanwhile, no_model, no_version


class MemoryStore:
    """Starts empty; `add` registers a version."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._versions: dict[str, list[ModelVersion]] = {}
        self._aliases: dict[str, dict[str, int]] = {}
        self._folders: dict[str, Path] = {}
        self._evidence: dict[str, list[dict[str, Any]]] = {}
        self._metrics: dict[str, dict[str, float]] = {}
        self._links: list[ledger.Link] = []

    def add(
        self,
        version: ModelVersion,
        folder: Path,
        evidence: Sequence[Mapping[str, Any]] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        self._versions.setdefault(version.name, []).insert(0, version)
        self._folders[version.ref] = folder
        self._evidence[version.ref] = [dict(statement) for statement in evidence]
        self._metrics[version.ref] = dict(metrics or {})

    def models(self) -> list[ModelSummary]:
        return [
            ModelSummary(name, known[0].version, known[0].created, self._aliases.get(name, {}))
            for name, known in sorted(self._versions.items())
        ]

    def versions(self, name: str) -> list[ModelVersion]:
        if name not in self._versions:
            raise no_model(name, self._versions)
        aliases = self._aliases.get(name, {})
        return [
            replace(version, aliases=tuple(sorted(a for a, number in aliases.items() if number == version.version)))
            for version in self._versions[name]
        ]

    def version(self, ref: ModelRef) -> ModelVersion:
        versions = self.versions(ref.name)
        for version in versions:
            if version.version == ref.version or (ref.alias is not None and ref.alias in version.aliases):
                return version
        raise no_version(ref, self._aliases.get(ref.name, {}), versions[0].version)

    def ledger(self, name: str) -> list[LedgerEntry]:
        ledger.verify(self._links)
        entries = [entry for entry in map(ledger.entry, self._links) if entry.model == name]
        if not entries:
            self.versions(name)
        return entries

    @contextlib.contextmanager
    def model_folder(self, version: ModelVersion) -> Iterator[Path]:
        folder = self._folders[version.ref]
        if not folder.is_dir():
            raise CouldNot(f"the files of {version.ref} are gone: there is no folder {folder}")
        yield folder

    def evidence(self, version: ModelVersion) -> list[dict[str, Any]]:
        return self._evidence[version.ref]

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        return self._metrics[version.ref]

    def record(self, decision: Decision) -> LedgerEntry:
        link = ledger.next_link(self._links[-1] if self._links else None, decision, self._clock())
        if decision.moves:
            aliases = self._aliases.setdefault(decision.model, {})
            judged = [v for v in self.versions(decision.model) if v.version == decision.version]
            if aliases.get(decision.level) != decision.previous or not judged or judged[0].digest != decision.digest:
                raise changed_meanwhile(decision)
            aliases[decision.level] = decision.version
        self._links.append(link)
        return ledger.entry(link)

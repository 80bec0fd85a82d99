"""A store in memory, which keeps the promises of the real ones: for tests and for trying a policy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot
from towpath_core.refs import ModelRef
from towpath_registry import ledger
from towpath_registry.evidence import FOLDER
from towpath_registry.nouns import RETIRED, Decision, LedgerEntry, ModelSummary, ModelVersion, Question
from towpath_registry.store import authors_in, changed_meanwhile, no_model, no_version, open_among, recorded_in


class MemoryStore:
    """Starts empty; `add` registers a version."""

    governed = True

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._versions: dict[str, list[ModelVersion]] = {}
        self._aliases: dict[str, dict[str, int]] = {}
        self._folders: dict[str, Path] = {}
        self._evidence: dict[str, list[tuple[str, bytes]]] = {}
        self._metrics: dict[str, dict[str, float]] = {}
        self._links: list[ledger.Link] = []
        self._policies: dict[str, bytes] = {}

    def add(
        self,
        version: ModelVersion,
        folder: Path,
        evidence: Sequence[tuple[str, bytes]] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        self._versions.setdefault(version.name, []).insert(0, version)
        self._folders[version.ref] = folder
        self._evidence[version.ref] = sorted(evidence)
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

    def ledger(self, name: str, asked: Question | None = None) -> list[LedgerEntry]:
        ledger.verify(self._links)
        entries = self._about(name)
        if not entries and name:
            self.versions(name)
        wanted = [entry for entry in entries if asked is None or asked.wants(entry)]
        return wanted[-asked.newest :] if asked and asked.newest else wanted

    def seen(self, name: str) -> int:
        return max((entry.seq for entry in map(ledger.entry, self._links) if entry.model in ("", name)), default=0)

    def view(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def request(self, number: str) -> list[LedgerEntry]:
        return [entry for entry in map(ledger.entry, self._links) if number and entry.request == number]

    def open_requests(self, name: str = "") -> list[str]:
        return open_among(map(ledger.entry, self._links), name)

    def recorded(self, version: ModelVersion) -> Mapping[str, datetime]:
        return recorded_in(self._about(version.name), version.digest)

    def authors(self, version: ModelVersion) -> tuple[str, ...]:
        return authors_in(self._about(version.name), version.digest)

    def checkpoint(self) -> str:
        return ""

    def policy(self, digest: str) -> bytes | None:
        return self._policies.get(digest)

    def _about(self, name: str) -> list[LedgerEntry]:
        return [entry for entry in map(ledger.entry, self._links) if entry.model == name]

    @contextlib.contextmanager
    def model_folder(self, version: ModelVersion) -> Iterator[Path]:
        folder = self._folders[version.ref]
        if not folder.is_dir():
            raise CouldNot(f"the files of {version.ref} are gone: there is no folder {folder}")
        yield folder

    def evidence(self, version: ModelVersion) -> list[tuple[str, bytes]]:
        return self._evidence[version.ref]

    def run_file(self, version: ModelVersion, path: str) -> bytes | None:
        return {f"{FOLDER}/{name}": content for name, content in self._evidence[version.ref]}.get(path)

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        return self._metrics[version.ref]

    def record(self, decision: Decision, seen: int | None = None) -> LedgerEntry:
        if seen is not None and self.seen(decision.model) != seen:
            raise changed_meanwhile(decision)
        link = ledger.next_link(self._links[-1] if self._links else None, decision, self._clock())
        if decision.moves:
            aliases = self._aliases.setdefault(decision.model, {})
            judged = [v for v in self.versions(decision.model) if v.version == decision.version]
            if aliases.get(decision.level) != decision.previous or not judged or judged[0].digest != decision.digest:
                raise changed_meanwhile(decision)
            aliases.pop(decision.level, None)
            if decision.event != RETIRED:
                aliases[decision.level] = decision.version
        self._links.append(link)
        return ledger.entry(link)

    def adopt(self, decision: Decision, content: bytes, levels: Sequence[str], seen: int | None = None) -> LedgerEntry:
        entry = self.record(decision, seen)
        self._policies[decision.policy] = content
        return entry

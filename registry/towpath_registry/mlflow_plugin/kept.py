"""What may not change any more: whatever a version at a level, or under an open request, is made of."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from urllib.parse import unquote, urlsplit

from towpath_registry.database import Databases
from towpath_registry.nouns import ENDINGS, MOVES, REQUESTED

EVIDENCE = "evidence"  # the folder of a run's artifacts that holds its evidence
_HEAD = "SELECT coalesce(max(seq), 0) FROM towpath_ledger"
_STANDS = """SELECT a.workspace, a.name AS model, a.version, a.alias AS level, 'stands' AS why
 FROM registered_model_aliases a JOIN towpath_levels l ON l.name = a.alias"""
_ASKED = """SELECT r.workspace, r.model, r.version, r.level, 'asked' AS why FROM towpath_ledger r
 WHERE r.event = :requested AND NOT EXISTS(SELECT 1 FROM towpath_ledger e
  WHERE e.workspace = r.workspace AND e.request = r.request AND e.event IN ({endings}))"""
_STOOD = """SELECT DISTINCT workspace, model, version, level, 'stood' AS why FROM towpath_ledger
 WHERE event IN ({moves})"""
_KEPT = """SELECT k.workspace, k.model, k.version, k.level, k.why,
 v.source, v.storage_location, v.run_id, r.artifact_uri
 FROM ({all}) k JOIN model_versions v ON v.workspace = k.workspace AND v.name = k.model AND v.version = k.version
 LEFT JOIN runs r ON r.run_uuid = v.run_id WHERE v.current_stage <> 'Deleted_Internal'"""
_TEXT = {"stands": "stands at", "asked": "is asked for", "stood": "stood at"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that is kept as it is; `why` is `stands`, `asked` or `stood`, at or for the level.

    `places` are the addresses of the folders that nobody writes to: the model's files, and its run's evidence.
    """

    workspace: str
    model: str
    version: int
    level: str
    why: str
    run_id: str
    places: tuple[str, ...]

    @property
    def ref(self) -> str:
        return f"{self.model}/{self.version}"

    @property
    def reason(self) -> str:
        return f"{self.ref} {_TEXT[self.why]} {self.level}"

    def is_of_model(self, model_id: str) -> bool:
        """Whether the version's files are those of a logged model."""
        return any(model_id in urlsplit(place).path.split("/") for place in self.places)


class Keeper:
    """Knows what is kept. Only an entry of the ledger changes that, so nothing is read twice for one state of it."""

    def __init__(self, databases: Databases) -> None:
        self._databases, self._lock = databases, Lock()
        self._known: tuple[int, tuple[Kept, ...]] = (-1, ())

    def kept(self) -> tuple[Kept, ...]:
        """Everything that is kept now, in every workspace. Raises: CouldNot."""
        with self._databases.reading() as database:
            head = int(database.rows(_HEAD)[0][0])
            with self._lock:
                known = self._known
            if known[0] == head:
                return known[1]
            names = {f"end{n}": event for n, event in enumerate(ENDINGS)}
            moves = {f"move{n}": event for n, event in enumerate(MOVES)}
            asked = _ASKED.format(endings=", ".join(f":{name}" for name in names))
            stood = _STOOD.format(moves=", ".join(f":{name}" for name in moves))
            whole = _KEPT.format(all=f"{_STANDS} UNION ALL {asked} UNION ALL {stood}")
            rows = database.rows(whole, requested=REQUESTED, **names, **moves)
        found = tuple(sorted((_kept(*row) for row in rows), key=_order))
        with self._lock:
            if head >= self._known[0]:
                self._known = (head, found)
        return found

    def in_use(self) -> tuple[Kept, ...]:
        """What stands at a level, or is asked for one."""
        return tuple(kept for kept in self.kept() if kept.why != "stood")

    def of_runs(self, runs: Iterable[str], models: Iterable[str]) -> tuple[Kept, ...]:
        """What is kept of these runs and logged models."""
        run_ids, model_ids = set(runs), tuple(models)
        return tuple(k for k in self.kept() if k.run_id in run_ids or any(k.is_of_model(m) for m in model_ids))

    def of_experiment(self, experiment_id: str) -> tuple[Kept, ...]:
        """What is kept of an experiment's runs and logged models."""
        try:
            number = int(experiment_id)
        except ValueError:
            return ()  # no experiment has such an id
        with self._databases.reading() as database:
            runs = database.rows("SELECT run_uuid FROM runs WHERE experiment_id = :number", number=number)
            models = database.rows("SELECT model_id FROM logged_models WHERE experiment_id = :number", number=number)
        return self.of_runs((row[0] for row in runs), (row[0] for row in models))


def _order(kept: Kept) -> tuple[str, str, int, int]:
    return (kept.workspace, kept.model, kept.version, list(_TEXT).index(kept.why))


def _kept(
    workspace: str,
    model: str,
    version: int,
    level: str,
    why: str,
    source: str | None,
    storage: str | None,
    run_id: str | None,
    artifacts: str | None,
) -> Kept:
    places = []
    for address in (storage, source):
        parts = urlsplit(address or "")
        if parts.scheme == "runs" and artifacts:
            within = unquote(parts.path).lstrip("/").partition("/")[2]
            places.append(posixpath.join(artifacts, within) if within else artifacts)
        elif address and parts.scheme != "models":
            places.append(address)
    if artifacts:
        places.append(posixpath.join(artifacts, EVIDENCE))
    return Kept(workspace, model, version, level, why, run_id or "", tuple(dict.fromkeys(places)))

"""The embedded store: MLflow's SQLite database, read and written without MLflow.

Alias and ledger entry change in one transaction. Everything else is only read.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from towpath_core.clock import Clock
from towpath_core.errors import CouldNot, NotFound, TowpathError
from towpath_core.refs import ModelRef
from towpath_registry import evidence, ledger, places, tables
from towpath_registry.nouns import DIGEST, Decision, LedgerEntry, ModelSummary, ModelVersion
from towpath_registry.store import changed_meanwhile, no_model, no_version

_VERSIONS = """SELECT * FROM model_versions WHERE workspace = 'default' AND name = :name
 AND (:number IS NULL OR version = :number) AND current_stage <> 'Deleted_Internal' ORDER BY version DESC"""
_LATEST = """SELECT max(version) FROM model_versions
 WHERE workspace = 'default' AND name = ? AND current_stage <> 'Deleted_Internal'"""
_MODELS = """SELECT m.name, m.description, m.last_updated_time, max(v.version) AS latest
 FROM registered_models m LEFT JOIN model_versions v
 ON v.workspace = m.workspace AND v.name = m.name AND v.current_stage <> 'Deleted_Internal'
 WHERE m.workspace = 'default' AND NOT EXISTS(SELECT 1 FROM registered_model_tags t
  WHERE t.workspace = m.workspace AND t.name = m.name AND t."key" = 'mlflow.prompt.is_prompt' AND t.value = 'true')
 GROUP BY m.name ORDER BY m.name"""
_TAGS = """SELECT version, "key", value FROM model_version_tags
 WHERE workspace = 'default' AND name = :name AND (:number IS NULL OR version = :number) ORDER BY "key\""""
_ALIASES = """SELECT alias, version FROM registered_model_aliases
 WHERE workspace = 'default' AND name = ? ORDER BY alias"""
_STORAGE = """SELECT storage_location FROM model_versions
 WHERE workspace = 'default' AND name = ? AND version = ?"""
_SET_ALIAS = """INSERT INTO registered_model_aliases(workspace, name, alias, version) VALUES('default', ?, ?, ?)
 ON CONFLICT(workspace, name, alias) DO UPDATE SET version = excluded.version"""


class EmbeddedStore:
    """The registry in the database file `path`; its artifacts lie beside it. Another writer is waited for, `wait` s."""

    def __init__(self, path: Path, clock: Clock, wait: float = 30.0) -> None:
        self._path, self._clock, self._wait = path, clock, wait

    def models(self) -> list[ModelSummary]:
        with self._reading() as database:
            return [
                ModelSummary(
                    name=row["name"],
                    latest=row["latest"],
                    updated=_time(row["last_updated_time"]),
                    aliases=_aliases(database, row["name"]),
                    description=row["description"] or "",
                )
                for row in database.execute(_MODELS).fetchall()
            ]

    def versions(self, name: str) -> list[ModelVersion]:
        with self._reading() as database:
            return _versions(database, name)

    def version(self, ref: ModelRef) -> ModelVersion:
        with self._reading() as database:
            aliases = _aliases(database, ref.name)
            number = ref.version if ref.alias is None else aliases.get(ref.alias)
            one = [] if number is None else _versions(database, ref.name, number)
            if one:
                return one[0]
            raise no_version(ref, aliases, _latest(database, ref.name))

    def ledger(self, name: str) -> list[LedgerEntry]:
        with self._reading() as database:
            links = _links(database)
            ledger.verify(links)
            named = f'"model":"{name}"'.encode()
            about = [ledger.entry(link) for link in links if named in link.body]
            entries = [entry for entry in about if entry.model == name]
            if not entries:
                _model_names(database, name)
        return entries

    @contextlib.contextmanager
    def model_folder(self, version: ModelVersion) -> Iterator[Path]:
        with self._reading() as database:
            row = database.execute(_STORAGE, (version.name, version.version)).fetchone()
        folder = self._local(row[0] if row else "", version)
        if not folder.is_dir():
            raise CouldNot(f"the files of {version.ref} are gone: there is no folder {folder}", hint="restore a backup")
        yield folder

    def evidence(self, version: ModelVersion) -> list[dict[str, Any]]:
        with self._reading() as database:
            asked = "SELECT artifact_uri FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
            row = database.execute(asked, (version.run_id,)).fetchone()
        if row is None:
            return []
        folder = self._local(row[0], version) / evidence.FOLDER
        return [evidence.decoded(path.name, _bytes(path)) for path in sorted(folder.glob("*.json"))]

    def metrics(self, version: ModelVersion) -> dict[str, float]:
        with self._reading() as database:
            asked = 'SELECT "key", value FROM latest_metrics WHERE run_uuid = ? AND is_nan = 0 ORDER BY "key"'
            found = database.execute(asked, (version.run_id,)).fetchall()
        # MLflow writes an infinite value as the largest number there is
        return {key: value for key, value in found if math.isfinite(value) and abs(value) < 1.7e308}

    def record(self, decision: Decision) -> LedgerEntry:
        with self._writing() as database:
            if not tables.exists(database):
                tables.create(database)
            tables.check(database)
            if decision.moves:
                _move(database, decision)
            link = ledger.next_link(_head(database), decision, self._clock())
            row = (link.seq, link.body, link.prev, link.hash)
            database.execute("INSERT INTO towpath_ledger(seq, body, prev, hash) VALUES(?, ?, ?, ?)", row)
        return ledger.entry(link)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write; the database is not made by reading it."""
        if not self._path.exists():
            raise NotFound(
                f"there is no registry yet: no file {self._path}",
                hint="make a first version with towpath run (in a project's folder); TOWPATH_HOME says where to look",
            )
        with self._translated("reading"), contextlib.closing(places.opened(self._path, self._wait)) as database:
            database.row_factory = sqlite3.Row
            yield database

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that has the database for itself from its first read on."""
        with (
            self._translated("writing"),
            contextlib.closing(places.connected(self._path, "rw", self._wait)) as database,
        ):
            database.row_factory = sqlite3.Row
            places.check_revision(database, self._path)
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except TowpathError:
            raise
        except sqlite3.Error as error:
            hint = "make room, then run it again" if "full" in str(error) else "towpath doctor"
            if "locked" in str(error):
                hint = "another program holds the database; run it again when that one is done"
            raise CouldNot(f"{doing} the registry {self._path}: {error}", hint=hint) from error

    def _local(self, uri: str, version: ModelVersion) -> Path:
        parts = urlsplit(uri)
        if parts.scheme == "file":
            return Path(unquote(parts.path))
        if parts.scheme == "mlflow-artifacts":  # registered through a server that this database was served by
            root = (self._path.parent / "artifacts").resolve()
            inside = (root / unquote(parts.path).lstrip("/")).resolve()
            if inside.is_relative_to(root):
                return inside
        if parts.scheme or not uri.startswith("/"):
            raise CouldNot(
                f"the files of {version.ref} are not on this machine: they lie at {uri or 'no place at all'}",
                hint="set MLFLOW_TRACKING_URI to the server that it was registered with",
            )
        return Path(uri)


def _versions(database: sqlite3.Connection, name: str, number: int | None = None) -> list[ModelVersion]:
    """All versions of a model, or the one of that number, if there is one. Raises: NotFound for an unknown model."""
    asked = {"name": name, "number": number}
    rows = database.execute(_VERSIONS, asked).fetchall()
    if not rows:
        _model_names(database, name)
    tags: dict[int, dict[str, str]] = {}
    for version, key, value in database.execute(_TAGS, asked):
        tags.setdefault(version, {})[key] = value or ""
    aliases: dict[int, list[str]] = {}
    for alias, version in _aliases(database, name).items():
        aliases.setdefault(version, []).append(alias)
    return [
        ModelVersion(
            name=name,
            version=row["version"],
            created=_time(row["creation_time"]),
            run_id=row["run_id"] or "",
            source=row["source"] or "",
            digest=tags.get(row["version"], {}).get(DIGEST, ""),
            tags=tags.get(row["version"], {}),
            aliases=tuple(aliases.get(row["version"], ())),
            description=row["description"] or "",
        )
        for row in rows
    ]


def _aliases(database: sqlite3.Connection, name: str) -> dict[str, int]:
    return dict(database.execute(_ALIASES, (name,)).fetchall())


def _latest(database: sqlite3.Connection, name: str) -> int | None:
    """The newest version's number. Raises: NotFound for an unknown model."""
    latest: int | None = database.execute(_LATEST, (name,)).fetchone()[0]
    if latest is None:
        _model_names(database, name)
    return latest


def _model_names(database: sqlite3.Connection, name: str) -> list[str]:
    """All models' names. Raises: NotFound unless `name` is one of them."""
    names = [row[0] for row in database.execute("SELECT name FROM registered_models WHERE workspace = 'default'")]
    if name not in names:
        raise no_model(name, names)
    return names


def _links(database: sqlite3.Connection) -> list[ledger.Link]:
    if not tables.exists(database):
        return []
    rows = database.execute("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq")
    return [ledger.Link(*row) for row in rows]


def _head(database: sqlite3.Connection) -> ledger.Link | None:
    row = database.execute("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return ledger.Link(*row) if row else None


def _move(database: sqlite3.Connection, decision: Decision) -> None:
    """Set the alias, if it stands where the decision saw it and the version is the one that was judged."""
    stands = _aliases(database, decision.model).get(decision.level)
    judged = _versions(database, decision.model, decision.version)
    if stands != decision.previous or not judged or judged[0].digest != decision.digest:
        raise changed_meanwhile(decision)
    database.execute(_SET_ALIAS, (decision.model, decision.level, decision.version))


def _time(milliseconds: int | None) -> datetime:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(evidence.LARGEST + 1)
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}") from error

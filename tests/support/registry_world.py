"""Registries with versions in them, for tests: made by rows and files, by MLflow itself, or in memory.

`material` is one version's files, tags, evidence and metrics; everything in it can be made worse. All evidence is
signed by one key, KEY, which the homes of these worlds hold as their own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from towpath_core.digests import dir_hash
from towpath_core.manifest import Field, Manifest, Threshold
from towpath_core.processes import group
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import dsse, evidence, places
from towpath_registry.evidence import Documented
from towpath_registry.keys import PrivateKey
from towpath_registry.memory import MemoryStore
from towpath_registry.nouns import ModelVersion
from towpath_registry.policy import Policy, solo
from towpath_registry.promotion import Promotions
from towpath_registry.store import Store, open_store
from towpath_registry.trust import ANY, Signer

NAME = "occupation-coder"
# A month ago: the commands of a test go by the real clock, and evidence is too old after a year.
START = datetime.now(UTC).replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=30)
TESTER = "tester@example.invalid"


def private_key(number: int) -> PrivateKey:
    """Always the same for the same number."""
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")))


KEY = private_key(1)
SIGNERS = (Signer("tester", TESTER, KEY.public, (ANY,), START - timedelta(days=365)),)
CARD = "".join(
    f"## {name}\n\nSaid in one sentence.\n\n" for name in ("Purpose", "Data", "Method", "Quality", "Limits", "Contact")
)
TAGS = {
    "towpath.commit": "4f5c2d1e" * 5,
    "towpath.data": "md5:9e107d9d372bb6826bd81d3542a419d6",
    "towpath.params": "sha256:" + "1" * 64,
    "towpath.environment": "sha256:" + "2" * 64,
    "towpath.pipeline": "sha256:" + "3" * 64,
    "towpath.nomenclature": "SOC 2010 sha256:" + "4" * 64,
    "towpath.threshold": "p1 >= 0.884",
    "towpath.task": "coding",
}
CHECKED = (Verdict("empty_text", True, "empty texts", "0", "0"),)
JUDGED = (
    Verdict("accuracy_4", True, "accuracy_4", "0.578", "at least 0.55"),
    Verdict("better_than_baseline", True, "the gain in accuracy over the baseline", "+0.215", "an interval above 0"),
)
DOCUMENTED = Documented(
    owners={
        "business_owner": "Bea Owner",
        "methodologist": "Mel Method",
        "data_scientist": "Dan Science",
        "it_operator": "Ivo Operator",
        "subject_matter_reviewer": "Rea Viewer",
    },
    next_review=f"{START + timedelta(days=365):%Y-%m-%d}",
    scope={
        "driver": "Coding by hand takes long.",
        "population": "Job titles in English.",
        "parent_process": "Classify and code",
        "use_of_output": "Titles above the threshold are coded automatically.",
        "error_tolerance": "One wrong code in ten.",
        "stop_rule": "Stop when it is no better than the index.",
    },
)
RECORDED = (Verdict("recorded", True, "owners, next review and scope", "recorded", "recorded"),)
METRICS = {"accuracy_4": 0.578, "accuracy_4_low": 0.565, "accuracy_4_high": 0.591, "baseline_accuracy_4": 0.363}


@dataclass(frozen=True)
class Material:
    """What one version is made of; `digest` is what its tag and its evidence say, that of the files if empty."""

    files: Mapping[str, bytes]
    tags: Mapping[str, str] = field(default_factory=lambda: dict(TAGS))
    checked: Sequence[Verdict] | None = CHECKED
    judged: Sequence[Verdict] | None = JUDGED
    documented: Documented | None = DOCUMENTED
    metrics: Mapping[str, float] = field(default_factory=lambda: dict(METRICS))
    digest: str = ""
    about: str = ""
    made: datetime = START

    def written(self, folder: Path) -> str:
        """The digest of the files, after they were written to the folder."""
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return dir_hash(folder)

    def all_tags(self, actual: str) -> dict[str, str]:
        digest = actual if self.digest == "" else self.digest
        return {**self.tags, **({"towpath.digest": digest} if digest != "none" else {})}

    def evidence(self, name: str, actual: str) -> dict[str, bytes]:
        """The envelopes by the names of their files."""
        kinds = {"data-checks": self.checked, "quality": self.judged, "documentation": RECORDED}
        said = {
            kind: evidence.statement(
                kind,
                model=name,
                digest=self.about or actual,
                findings=findings,
                measures=self.metrics,
                inputs={"dvc.lock": self.tags.get("towpath.pipeline", "")},
                made=self.made,
                by=TESTER,
                documented=self.documented if kind == "documentation" else None,
            )
            for kind, findings in kinds.items()
            if findings is not None and (kind != "documentation" or self.documented)
        }
        return {f"{kind}{evidence.SUFFIX}": dsse.seal(payload, KEY) for kind, payload in said.items()}


def material(number: int = 1, card: str | None = CARD, **other: Any) -> Material:
    """A version that every gate lets pass, and whose bytes are those of no other number."""
    files = {**_model(), "requirements.txt": f"# {number}\n".encode()}
    if card is not None:
        files["MODEL_CARD.md"] = card.encode()
    return Material(files, **other)


@functools.cache
def _model() -> dict[str, bytes]:
    """The packaged files of a small model that really loads."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from skops import io as skops_io

    from towpath_core.model_files import mlmodel

    frame = pd.DataFrame({"text": ["baker of bread", "nurse on a ward", "baker of cakes", "nurse at home"]})
    words = ColumnTransformer([("text", TfidfVectorizer(), "text")])
    fitted = Pipeline([("words", words), ("lr", LogisticRegression())]).fit(frame, ["5432", "2231", "5432", "2231"])
    titles = {"2231": "Nurses", "5432": "Bakers"}
    manifest = Manifest(NAME, "coding", "code", (Field("text", "string"),), (1, 4), Threshold(0.5), titles)
    with tempfile.TemporaryDirectory() as folder:
        manifest.write(Path(folder))
        return {
            "MLmodel": json.dumps(mlmodel(manifest)).encode(),
            "model.skops": skops_io.dumps(fitted),
            "towpath.json": (Path(folder) / "towpath.json").read_bytes(),
        }


class Ticking:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self, start: datetime = START) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def hold_key(home: Path) -> None:
    """Make KEY the home's own, unless it has one."""
    folder = home / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in {"evidence.pem": KEY.pem(None), "evidence.pub": f"{KEY.public.text}\n".encode()}.items():
        path = folder / name
        if not path.exists():
            path.touch(0o600)
            path.write_bytes(content)


class World(Protocol):
    """A registry that tests can put versions into."""

    store: Store

    def add(self, made: Material, name: str = NAME) -> ModelVersion:
        """Register the material as the next version."""

    def move_alias(self, name: str, alias: str, version: int) -> None:
        """As somebody does who goes past towpath."""


class MemoryWorld:
    def __init__(self, folder: Path, clock: Ticking | None = None) -> None:
        self.memory = MemoryStore(clock or Ticking())
        self.store: Store = self.memory
        self._folder, self._clock = folder, clock or Ticking()

    def add(self, made: Material, name: str = NAME) -> ModelVersion:
        known = {model.name: model.latest or 0 for model in self.store.models()}
        number = known.get(name, 0) + 1
        folder = self._folder / name / str(number)
        actual = made.written(folder)
        tags = made.all_tags(actual)
        version = ModelVersion(
            name,
            number,
            self._clock(),
            f"{number:032x}",
            f"models:/m-{number:032x}",
            tags.get("towpath.digest", ""),
            tags,
        )
        self.memory.add(version, folder, list(made.evidence(name, actual).items()), made.metrics)
        return version

    def move_alias(self, name: str, alias: str, version: int) -> None:
        self.memory._aliases.setdefault(name, {})[alias] = version


class EmbeddedWorld:
    """An embedded registry whose versions are rows and files, written without MLflow, which takes a second for one."""

    def __init__(self, home: Path, clock: Ticking | None = None) -> None:
        self.environ = {"TOWPATH_HOME": str(home)}
        places.ensure_home(self.environ)
        hold_key(home)
        self._clock = clock or Ticking()
        self.database = home / "towpath.db"
        self.artifacts = home / "artifacts"
        self.store = open_store(self.environ, self._clock)

    def add(self, made: Material, name: str = NAME) -> ModelVersion:
        with contextlib.closing(sqlite3.connect(self.database)) as rows, rows:
            (count,) = rows.execute(
                "SELECT coalesce(max(version), 0) FROM model_versions WHERE name = ?", (name,)
            ).fetchone()
            number, now = count + 1, int(self._clock().timestamp() * 1000)
            run, model = f"{name}{number}".encode().hex()[-32:], f"m-{name}{number}"
            run_folder = self.artifacts / name / run / "artifacts"
            model_folder = self.artifacts / name / "models" / model / "artifacts"
            actual = made.written(model_folder)
            (run_folder / "evidence").mkdir(parents=True)
            for file, content in made.evidence(name, actual).items():
                (run_folder / "evidence" / file).write_bytes(content)
            rows.execute("INSERT OR IGNORE INTO registered_models(name, creation_time) VALUES(?, ?)", (name, now))
            rows.execute("UPDATE registered_models SET last_updated_time = ? WHERE name = ?", (now, name))
            rows.execute(
                "INSERT INTO runs(run_uuid, name, user_id, source_type, source_name, entry_point_name, source_version,"
                " status, start_time, lifecycle_stage, artifact_uri, experiment_id)"
                " VALUES(?, 'run', 'tester', 'UNKNOWN', '', '', '', 'FINISHED', ?, 'active', ?, 0)",
                (run, now, run_folder.as_uri()),
            )
            rows.executemany(
                'INSERT INTO latest_metrics("key", value, timestamp, step, is_nan, run_uuid) VALUES(?, ?, ?, 0, 0, ?)',
                [(key, value, now, run) for key, value in made.metrics.items()],
            )
            rows.execute(
                "INSERT INTO model_versions(name, version, creation_time, current_stage, source, run_id, status,"
                " storage_location, description) VALUES(?, ?, ?, 'None', ?, ?, 'READY', ?, '')",
                (name, number, now, f"models:/{model}", run, model_folder.as_uri()),
            )
            rows.executemany(
                'INSERT INTO model_version_tags("key", value, name, version) VALUES(?, ?, ?, ?)',
                [(key, value, name, number) for key, value in made.all_tags(actual).items()],
            )
        return self.store.version(ModelRef(name, version=number))

    def move_alias(self, name: str, alias: str, version: int) -> None:
        with unguarded(self.database) as rows:
            rows.execute(
                "INSERT OR REPLACE INTO registered_model_aliases(name, alias, version) VALUES(?, ?, ?)",
                (name, alias, version),
            )


@contextlib.contextmanager
def unguarded(database: Path) -> Iterator[sqlite3.Connection]:
    """As the file's owner does who takes our triggers away, and puts them back so that nobody sees it."""
    with contextlib.closing(sqlite3.connect(database)) as rows, rows:
        ours = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'towpath_%'"
        triggers = dict(rows.execute(ours).fetchall())
        for trigger in triggers:
            rows.execute(f"DROP TRIGGER {trigger}")
        yield rows
        for text in triggers.values():
            rows.execute(text)


def forget(database: Path) -> None:
    """Take away everything of ours, as if MLflow alone had ever written this database."""
    with contextlib.closing(sqlite3.connect(database)) as rows, rows:
        ours = "SELECT type, name FROM sqlite_master WHERE name GLOB 'towpath_*' AND type IN ('trigger', 'table')"
        for kind, name in sorted(rows.execute(ours).fetchall(), reverse=True):
            rows.execute(f"DROP {kind} {name}")


def promotions(world: World, policy: Policy | None = None, clock: Ticking | None = None) -> Promotions:
    """Who decides in this world, under the policy, else solo; everybody trusts the tester."""
    return Promotions(world.store, clock or Ticking(), lambda: policy or solo(), lambda _: SIGNERS)


class MlflowWorld:
    """A registry that MLflow's own client writes to, embedded or on a server."""

    def __init__(self, environ: Mapping[str, str], clock: Ticking | None = None) -> None:
        from towpath_registry.mlflow_door import Tracking

        places.ensure_home(environ)
        if "TOWPATH_HOME" in environ:
            hold_key(Path(environ["TOWPATH_HOME"]))
        self.environ = environ
        self.uri = places.tracking_uri(environ)
        self.tracking = Tracking(self.uri, places.artifacts(environ), "tester")
        self.store = open_store(environ, clock or Ticking(datetime.now(UTC)))

    def add(self, made: Material, name: str = NAME) -> ModelVersion:
        import mlflow

        from towpath_registry.mlflow_door import Point, RunRecord

        with tempfile.TemporaryDirectory() as temporary:
            package, artifacts = Path(temporary) / "package", Path(temporary) / "artifacts"
            actual = made.written(package)
            (artifacts / "evidence").mkdir(parents=True)
            for file, content in made.evidence(name, actual).items():
                (artifacts / "evidence" / file).write_bytes(content)
            experiment = self.tracking.experiment(name)
            points = [Point(key, value, START) for key, value in made.metrics.items()]
            run = self.tracking.log_run(experiment, RunRecord("run", START, START, metrics=points, artifacts=artifacts))
            model = self.tracking.log_model(experiment, run, name, package, ())
        number = self.tracking.register(name, model, run, made.all_tags(actual), "")
        # registering set it for the whole process, and in the environment of its children
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
        return self.store.version(ModelRef(name, version=number))

    def move_alias(self, name: str, alias: str, version: int) -> None:
        from mlflow import MlflowClient

        if (path := places.database(self.environ)) is not None:
            with unguarded(path) as rows:
                moved = "INSERT OR REPLACE INTO registered_model_aliases(name, alias, version) VALUES(?, ?, ?)"
                rows.execute(moved, (name, alias, version))
            return
        MlflowClient(self.uri, self.uri).set_registered_model_alias(name, alias, str(version))


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The address of a plain MLflow server of its own, on loopback."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environ = {"TOWPATH_HOME": str(folder)}
    places.ensure_home(environ)
    forget(folder / "towpath.db")
    with server_over(places.tracking_uri(environ), folder) as address:
        yield address


@contextlib.contextmanager
def server_over(database: str, folder: Path) -> Iterator[str]:
    """The address of a plain MLflow server over a database, with its files in `artifacts` below the folder."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts")]
    quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with group(command, env=quiet, cwd=folder) as server:
        threading.Thread(target=_drain, args=(server,), daemon=True).start()
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/health", server)
        yield address


def _drain(server: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ValueError, OSError):
        for _ in server.stdout or ():
            pass


def wait_for(address: str, server: subprocess.Popen[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing answers at {address}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

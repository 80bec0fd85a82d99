"""What governing costs: an alias that moves through its gates beside one that just moves, and reading a large registry.

    python benchmarks/registry.py [--quick]

The registry holds one model with 10,000 versions and as many ledger entries, of which every fifth is a refusal with its
verdicts; the audited one holds 100,000 entries. The peer has 1,500 tags. Aliases are moved over HTTP by somebody who is
logged in; the request for each governed move was made and approved just before. With --quick, SQLite only.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from _common import BIN, QUIET, SUPPORT, Row, Times, interleaved, publish

sys.path.append(SUPPORT)

from postgres import binaries, cluster
from registry_world import START, TESTER, EmbeddedWorld, material, promotions
from server_world import PASSWORD, ServerWorld, team_server
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import checkpoints, keys, ledger, nouns
from towpath_registry.database import Database, Databases
from towpath_registry.ledger import Link
from towpath_registry.nouns import Decision, ModelVersion
from towpath_registry.sqlalchemy_door import EngineDatabases
from towpath_registry.sqlite_door import SqliteDatabases

NAME = "occupation-coder"
VERSIONS, AUDITED, TAGS = 10_000, 100_000, 1_500
LIMIT, MORE, AUDIT = 0.3, 5.0, 1.0
TOWPATH, GTO = str(BIN / "towpath"), str(BIN / "gto")
ALIAS = "/api/2.0/mlflow/registered-models/alias"
_APPEND = """INSERT INTO towpath_ledger(seq, body, prev, hash, workspace, model, request, event, level, version)
 VALUES(:seq, :body, :prev, :hash, 'default', :model, '', :event, :level, :version)"""
_VERSION = """INSERT INTO model_versions(workspace, name, version, creation_time, current_stage, source, run_id, status,
 storage_location, description) VALUES('default', :name, :version, 1, 'None', 'models:/m-0', '', 'READY', '', '')"""
_TAG = """INSERT INTO model_version_tags(workspace, name, version, "key", value)
 VALUES('default', :name, :version, :key, :value)"""
_SAID = tuple(
    Verdict(f"gate-{number}", number > 0, f"measure_{number}", "0.541", "at least 0.55") for number in range(12)
)


@dataclass
class Figures:
    """What was measured: rows to publish, and everything else worth keeping."""

    rows: list[Row] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict)


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    runs, moves = (3, 10) if quick else (7, 60)
    found = Figures()
    with tempfile.TemporaryDirectory(prefix="towpath-bench-") as folder:
        place = Path(folder)
        environ = {**os.environ, **QUIET, "TOWPATH_ACTOR": TESTER, "PYTHONDONTWRITEBYTECODE": ""}
        environ.pop("MLFLOW_TRACKING_URI", None)
        os.environ.update(QUIET)
        embedded(place / "embedded", tagged(place / "gto"), 0 if quick else runs, environ, found)
        audited(place / "audited", runs, environ, found)
        on_sqlite(place / "server", moves, runs, environ, found)
        if not quick and binaries() is not None:
            on_postgresql(place / "postgresql", moves, found)
    publish("registry", found.rows, ("towpath", "mlflow", "gto", "sqlalchemy", "psycopg"), found.details)


# Reading and planning, from the start of a process to its end -------------------------------------------------------


def embedded(home: Path, tags: Path, runs: int, environ: Mapping[str, str], found: Figures) -> None:
    """In turn with the peer's commands, or, without any `runs`, three times, and the peer's once."""
    world = EmbeddedWorld(home)
    version = world.add(material())
    promotions(world).registered(version, TESTER)
    large(SqliteDatabases(world.database), version, VERSIONS)
    commands = reading(version)
    peers = {verb: (GTO, verb, "--repo", str(tags)) for verb in ("show", "history")}
    named = {f"gto {verb}": command for verb, command in peers.items()}
    own = {**environ, "TOWPATH_HOME": str(home)}
    times = interleaved({**commands, **named}, runs, own) if runs else interleaved(commands, 3, own) | once(named, own)
    for verb in commands:
        peer = (times[f"gto {verb}"], f"gto {verb}, {TAGS} tags") if verb in peers else (None, "")
        found.rows.append(within(f"{verb}, {VERSIONS} versions", times[verb], *peer))
    found.details["embedded"] = {name: asdict(took) for name, took in times.items()}


def once(commands: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> dict[str, Times]:
    found = {}
    for name, command in commands.items():
        start = time.perf_counter()
        subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        spent = time.perf_counter() - start
        found[name] = Times(spent, spent, 1)
    return found


def reading(version: ModelVersion) -> dict[str, Sequence[str]]:
    return {
        "show": (TOWPATH, "show", version.ref),
        "history": (TOWPATH, "history", version.name),
        "promote --dry-run": (TOWPATH, "promote", version.ref, "--to", "staging", "--dry-run"),
    }


def within(figure: str, ours: Times, peer: Times | None = None, peer_name: str = "") -> Row:
    """gto has nothing that only plans, so that a plan has no peer."""
    goal, met = f"at most {LIMIT} s", ours.median <= LIMIT
    return Row(figure, ours.median, "s", goal, met, peer.median if peer else None, peer_name)


def audited(home: Path, runs: int, environ: Mapping[str, str], found: Figures) -> None:
    """The ledger alone: its entries tell of a model that is not there any more."""
    world = EmbeddedWorld(home)
    with SqliteDatabases(world.database).writing() as database:
        append(database, NAME, AUDITED)
        checkpoints.take(database, keys.home_key({"TOWPATH_HOME": str(home)}, keys.LEDGER))
    commands = {"audit": (TOWPATH, "audit"), "audit --full": (TOWPATH, "audit", "--full")}
    times = interleaved(commands, runs, {**environ, "TOWPATH_HOME": str(home)})
    took = times["audit"].median
    found.rows.append(Row(f"audit, {AUDITED} entries", took, "s", f"at most {AUDIT} s", took <= AUDIT))
    found.details["audit"] = {name: asdict(took) for name, took in times.items()}


def tagged(folder: Path) -> Path:
    """A repository of gto's: each version has a commit of its own, every second stood at staging."""
    versions = TAGS * 2 // 3
    who = "A <a@example.invalid>"
    commits = [
        f"commit refs/heads/main\nmark :{n}\ncommitter {who} {1_700_000_000 + n} +0000\ndata 1\nx\n"
        f"M 100644 inline a.txt\ndata {len(str(n))}\n{n}\n"
        for n in range(1, versions + 1)
    ]
    names = [(f"model@v{n}.0.0", n, n) for n in range(1, versions + 1)]
    names += [(f"model#staging#{n}", 2 * n, versions + n) for n in range(1, TAGS - versions + 1)]
    tags = [
        f"tag {name}\nfrom :{commit}\ntagger {who} {1_700_000_000 + when} +0000\ndata 1\nx\n"
        for name, commit, when in names
    ]
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    program = "".join([*commits, *tags]).encode()
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=program, check=True)
    return folder


def large(databases: Databases, first: ModelVersion, count: int) -> None:
    """So many versions of the model, and as many entries about it, all behind the one that is there."""
    with databases.writing() as database:
        ((last,),) = database.rows("SELECT max(version) FROM model_versions WHERE name = :name", name=first.name)
        for number in range(last + 1, count + 1):
            database.run(_VERSION, name=first.name, version=number)
            for key, value in {**first.tags, nouns.DIGEST: digest(number)}.items():
                database.run(_TAG, name=first.name, version=number, key=key, value=value)
        append(database, first.name, count - len(database.rows("SELECT seq FROM towpath_ledger")))


def append(database: Database, name: str, count: int) -> None:
    """Entries as a registry has them: what was registered, and now and then a refusal with its verdicts."""
    rows = database.rows("SELECT seq, body, prev, hash FROM towpath_ledger ORDER BY seq DESC LIMIT 1")
    link = Link(*rows[0]) if rows else None
    now = ledger.entry(link).time if link else START
    for _ in range(count):
        number, now = (link.seq if link else 0) + 1, now + timedelta(seconds=1)
        no = number % 5 == 0
        event, level, said = (nouns.REFUSED, "staging", _SAID) if no else (nouns.REGISTERED, "", ())
        decision = Decision(name, event, level, number, None, TESTER, "", digest(number), "", said)
        link = ledger.next_link(link, decision, now)
        values = {"seq": link.seq, "body": link.body, "prev": link.prev, "hash": link.hash}
        database.run(_APPEND, **values, model=name, event=event, level=level, version=number)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


# Moving aliases over HTTP -------------------------------------------------------------------------------------------


class Keeping:
    """Somebody who asks over one connection that stays open, as MLflow's client does."""

    def __init__(self, address: str, name: str) -> None:
        self._connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        login = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}

    def ask(self, path: str, **content: Any) -> Any:
        self._connection.request("POST", path, json.dumps(content), self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return json.loads(said)

    def milliseconds(self, path: str, **content: Any) -> float:
        start = time.perf_counter()
        self.ask(path, **content)
        return (time.perf_counter() - start) * 1_000


def moved(world: ServerWorld, moves: int) -> dict[str, list[float]]:
    """Both kinds of move in turn, on the same server and the same model; the first two warm up.

    Each kind comes first as often as the other: what comes second finds the server warmer.
    """
    versions = [world.add(material(number), NAME) for number in (1, 2)]
    ann, mia = Keeping(world.address, "ann"), Keeping(world.address, "mia")
    took: dict[str, list[float]] = {"governed": [], "plain": []}
    for turn in range(moves + 2):
        version = versions[turn % 2]
        asked = {"kind": "promotion", "ref": version.ref, "level": "staging"}
        plan = ann.ask("/towpath/api/1/plans", **asked)["id"]
        number = ann.ask("/towpath/api/1/requests", **asked, plan=plan, reason="")["request"]["id"]
        mia.ask(f"/towpath/api/1/requests/{number}/approve", reason="", role="", signature="")
        pair = [("governed", "staging"), ("plain", "candidate")]
        for kind, alias in pair if turn % 4 < 2 else pair[::-1]:
            spent = ann.milliseconds(ALIAS, name=NAME, alias=alias, version=str(version.version))
            if turn > 1:
                took[kind].append(spent)
    return took


def told(figure: str, took: Mapping[str, list[float]], found: Figures) -> None:
    ours, peer = (statistics.median(took[kind]) for kind in ("governed", "plain"))
    goal = f"at most {MORE:.0f} ms more than the peer"
    name = "an alias that is no level, same server and database"
    found.rows.append(Row(figure, ours, "ms", goal, ours - peer <= MORE, peer, name))
    found.details[figure] = {
        kind: asdict(Times(min(times), statistics.median(times), len(times))) for kind, times in took.items()
    }


def on_sqlite(home: Path, moves: int, runs: int, environ: Mapping[str, str], found: Figures) -> None:
    with team_server(home) as world:
        told("governed alias move, SQLite", moved(world, moves), found)
        version = world.desk.store.version(ModelRef(NAME, version=1))  # the last move was to the other one
        large(world.databases, version, VERSIONS)
        login = {
            "MLFLOW_TRACKING_URI": world.address,
            "MLFLOW_TRACKING_USERNAME": "ann",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "TOWPATH_HOME": str(home / "client"),
        }
        times = interleaved(reading(version), runs, {**environ, **login})
    found.rows += [within(f"{verb}, {VERSIONS}, on a server", took) for verb, took in times.items()]
    found.details["on a server"] = {name: asdict(took) for name, took in times.items()}


def on_postgresql(home: Path, moves: int, found: Figures) -> None:
    import sqlalchemy

    with cluster(("max_connections=60",)) as postgres, postgres.database() as name:
        engine = sqlalchemy.create_engine(postgres.url(name), poolclass=sqlalchemy.NullPool)
        with team_server(home, EngineDatabases(engine), postgres.url(name)) as world:
            told("governed alias move, PostgreSQL", moved(world, moves), found)


if __name__ == "__main__":
    main()

"""How long a person waits for a command line to answer: towpath beside dvc, mlflow, gto and kedro.

    python benchmarks/startup.py [--quick]

`list` reads an embedded registry with 20 models of 5 versions each.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from _common import BIN, QUIET, Row, interleaved, publish
from towpath_registry.places import database, ensure_home

HELP = {name: (str(BIN / name), "--help") for name in ("towpath", "dvc", "gto", "kedro", "mlflow")}
LIMIT = 0.5


def main() -> None:
    runs = 3 if "--quick" in sys.argv[1:] else 15
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, **QUIET, "TOWPATH_HOME": folder}
        environ.pop("MLFLOW_TRACKING_URI", None)
        filled(environ)
        towpath = str(BIN / "towpath")
        complete = ("env", "COMP_WORDS=towpath ", "COMP_CWORD=1", "_TOWPATH_COMPLETE=bash_complete", towpath)
        commands = {**HELP, "completion": complete, "list": (towpath, "list"), "doctor": (towpath, "doctor")}
        times = interleaved(commands, runs, environ)
    ours = {name: times[name].median for name in times}
    rows = [
        Row("towpath --help", ours["towpath"], "s", *goal(ours["towpath"], ours[peer]), ours[peer], f"{peer} --help")
        for peer in ("dvc", "gto", "kedro", "mlflow")
    ]
    met = goal(ours["completion"], ours["dvc"])
    rows.append(Row("completion of a verb", ours["completion"], "s", *met, ours["dvc"], "dvc --help"))
    rows += [within_limit(verb, ours[verb]) for verb in ("list", "doctor")]
    packages = ("towpath", "dvc", "gto", "kedro", "mlflow", "click")
    publish("startup", rows, packages, {"times": {name: asdict(found) for name, found in times.items()}})


def goal(ours: float, peers: float) -> tuple[str, bool]:
    return "at most the peer's", ours <= peers


def within_limit(verb: str, seconds: float) -> Row:
    return Row(f"towpath {verb}", seconds, "s", f"at most {LIMIT} s", seconds <= LIMIT)


def filled(environ: dict[str, str], models: int = 20, versions: int = 5) -> None:
    """An embedded registry with rows to list, written without MLflow."""
    ensure_home(environ)
    path = database(environ)
    assert path is not None
    names = [f"model-{number}" for number in range(models)]
    with contextlib.closing(sqlite3.connect(Path(path))) as connection, connection:
        connection.executemany(
            "INSERT INTO registered_models (name, creation_time, last_updated_time, workspace)"
            " VALUES (?, 0, 0, 'default')",
            [(name,) for name in names],
        )
        connection.executemany(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source,"
            " run_id, status, workspace) VALUES (?, ?, 0, 0, 'None', 'models:/m-0', '', 'READY', 'default')",
            [(name, version) for name in names for version in range(1, versions + 1)],
        )
        connection.executemany(
            "INSERT INTO registered_model_aliases (name, alias, version, workspace)"
            " VALUES (?, 'staging', 1, 'default')",
            [(name,) for name in names],
        )


if __name__ == "__main__":
    main()

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import plain_mlflow
from plain_mlflow import CODER, MANY, ODD
from registry_world import EmbeddedWorld, material, server_over
from server_world import PASSWORD, team_server
from towpath_core.digests import dir_hash
from towpath_core.refs import ModelRef
from towpath_registry import import_plan
from towpath_registry.nouns import IMPORTED
from towpath_registry.store import open_store

if TYPE_CHECKING:
    from tests.conftest import Towpath

slow = pytest.mark.slow
AS = ("--as", f"{ODD}=odd-name")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a plain registry."""
    folder = tmp_path_factory.mktemp("plain")
    plain_mlflow.fill(f"sqlite:///{folder}/mlflow.db", folder / "files")
    return folder / "mlflow.db"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a plain server with such a registry."""
    folder = tmp_path_factory.mktemp("server")
    with server_over(f"sqlite:///{folder}/mlflow.db", folder) as address:
        plain_mlflow.fill(address)
        yield address


def entries(environ: dict[str, str], name: str = CODER) -> list[tuple[str, str, int]]:
    return [(e.event, e.level, e.version) for e in open_store(environ).ledger(name)]


# Into the embedded registry ------------------------------------------------------------------------------------------


@slow
def test_a_dry_run_counts_and_writes_nothing_not_even_a_registry(towpath: Towpath, database: Path, home: Path) -> None:
    answer = towpath("import", f"sqlite:///{database}", *AS, "--dry-run")
    assert f"From sqlite:///{database}" in answer.out
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["experiment", "occupations", "–", "2", "runs", "0"] in lines
    assert ["model", ODD, "odd-name", "0", "versions", "0"] in lines
    assert [f"{CODER}/3", "staging", "stage", "Staging"] in lines
    assert "Deleted runs: 1." in answer.out
    assert "Nothing was written (--dry-run)." in answer.out
    assert not home.exists()


@slow
def test_a_database_is_imported_and_what_stood_at_a_level_is_recorded_as_that(
    towpath: Towpath, database: Path, environment: dict[str, str]
) -> None:
    before = database.read_bytes()
    done = towpath("import", f"sqlite:///{database}", *AS, "-y", "--json").json
    assert done["counted"] == {
        "runs": [2, 2], "logged models": [2, 2], "models": [2, 2], "versions": [3, 3], "other aliases": [1, 1]
    }  # fmt: skip
    assert done["copied"]["metric values"] == MANY + 3
    assert [(s["version"], s["level"], s["was"]) for s in done["stood"]] == [
        (1, "production", "production"), (3, "staging", "stage Staging")]  # fmt: skip
    assert [(s["version"], s["was"]) for s in done["to_promote"]] == [(4, "Staging")]
    assert entries(environment) == [(IMPORTED, "production", 1), (IMPORTED, "staging", 3)]
    first = open_store(environment).ledger(CODER)[0]
    assert (first.verdicts, first.evidence) == ((), ())
    assert (first.reason, first.details) == (
        "it stood there before, as production", {"imported_from": f"sqlite:///{database}"})  # fmt: skip
    assert first.digest == open_store(environment).version(ModelRef(CODER, version=1)).digest
    assert database.read_bytes() == before

    again = towpath("import", f"sqlite:///{database}", *AS, "-y")
    assert "nothing new" in again.out
    assert len(entries(environment)) == 2
    assert f"imported    from sqlite:///{database} {CODER}/1" in towpath("show", f"{CODER}/1").out


@slow
def test_no_gate_lets_an_imported_version_pass(towpath: Towpath, database: Path) -> None:
    done = towpath("import", f"sqlite:///{database}", *AS, "-y").out
    assert "No imported version has passed a gate" in done
    assert f"Next: towpath promote {CODER}/4 --to staging --dry-run" in done
    refused = towpath("promote", f"{CODER}/4", "--to", "staging", "--dry-run", code=1).out
    assert "the evidence of quality is not there" in refused


@slow
def test_into_a_registry_with_a_ledger_nothing_is_moved(
    towpath: Towpath, database: Path, home: Path, environment: dict[str, str]
) -> None:
    world = EmbeddedWorld(home)
    version = world.add(material(), "employment")
    towpath("promote", f"{version.ref}", "--to", "staging", "-y", env={"TOWPATH_ACTOR": "ann"})
    done = towpath("import", f"sqlite:///{database}", *AS, "-y")
    assert "to be promoted" in done.out
    assert entries(environment) == []
    assert open_store(environment).version(ModelRef(CODER, alias="champion")).version == 3
    planned = towpath("import", f"sqlite:///{database}", *AS, "--dry-run")
    assert "stands at a level there, and is to be promoted here" in planned.out


def test_what_is_asked_wrongly_says_what_to_do_instead(towpath: Towpath, tmp_path: Path) -> None:
    (tmp_path / "mlruns").mkdir()
    for source, hint in (
        (str(tmp_path / "mlruns"), "mlflow migrate-filestore --source FOLDER --target sqlite:///mlflow.db"),
        ("mlflow.db", "write it as sqlite:///mlflow.db"),
        ("postgresql://me:secret@db/mlflow", "over another database, start mlflow server"),
    ):
        told = towpath("import", source, "-y", code=2).err
        assert hint in told
        assert "secret" not in told
    assert "either a registry is named" in towpath("import", code=2).err
    assert "either a registry is named" in towpath("import", "http://a", "--adopt", code=2).err
    assert "is given as OLD=NEW" in towpath("import", "http://a", "--as", "new", code=2).err
    address = {"MLFLOW_TRACKING_URI": "http://me:secret@127.0.0.1:9"}
    assert (
        "http://127.0.0.1:9 is the registry in force"
        in towpath("import", "http://127.0.0.1:9/", env=address, code=2).err
    )


def test_a_database_that_is_not_there_is_not_made(towpath: Towpath, tmp_path: Path) -> None:
    told = towpath("import", f"sqlite:///{tmp_path}/none.db", "-y", code=3).err
    assert f"there is no database {tmp_path}/none.db" in told
    assert not (tmp_path / "none.db").exists()


def test_a_database_of_another_mlflow_says_how_it_is_upgraded(towpath: Towpath, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as rows, rows:
        rows.execute("CREATE TABLE alembic_version(version_num TEXT)")
        rows.execute("INSERT INTO alembic_version VALUES('0123456789ab')")
    told = towpath("import", f"sqlite:///{tmp_path}/old.db", "-y", code=3).err
    assert "its schema is 0123456789ab" in told
    assert f"mlflow db upgrade sqlite:///{tmp_path}/old.db" in told
    adopted = towpath("import", "--adopt", env={"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/old.db"}, code=3).err
    assert f"mlflow db upgrade sqlite:///{tmp_path}/old.db" in adopted


def test_a_registry_that_has_a_ledger_is_not_copied_without_it(towpath: Towpath, tmp_path: Path) -> None:
    EmbeddedWorld(tmp_path / "other")
    told = towpath("import", f"sqlite:///{tmp_path}/other/towpath.db", "-y", code=1).err
    assert "has a ledger, which a copy of its models would lose" in told


@slow
def test_without_a_terminal_it_wants_a_yes(towpath: Towpath, database: Path) -> None:
    told = towpath("import", f"sqlite:///{database}", *AS, code=2).err
    assert "there is no terminal to ask on" in told


# Interrupted ---------------------------------------------------------------------------------------------------------


def imported(environment: dict[str, str], database: Path, kill_at: int = 0) -> bool:
    """Whether it came to its end; it is killed when it says its line of that number."""
    command = [sys.executable, "-m", "towpath", "import", f"sqlite:///{database}", *AS, "-y"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for number, _ in enumerate(process.stderr, 1):
            if number == kill_at:
                process.kill()
        return process.wait() == 0


def content(home: Path) -> list[Any]:
    """Everything that was imported, whatever its ids and times here."""
    with closing(sqlite3.connect(home / "towpath.db")) as rows:
        asked = (
            "SELECT name, status, start_time, end_time FROM runs ORDER BY name",
            "SELECT t.key, t.value FROM tags t WHERE t.key LIKE 'towpath.%' ORDER BY 1, 2",
            """SELECT r.name, m.key, m.value, m.timestamp, m.step, m.is_nan FROM metrics m JOIN runs r USING(run_uuid)
 ORDER BY 1, 2, 4""",
            "SELECT key, value FROM params ORDER BY key",
            "SELECT name, status FROM logged_models ORDER BY name",
            "SELECT name, version, current_stage FROM model_versions ORDER BY name, version",
            "SELECT name, version, key, value FROM model_version_tags ORDER BY name, version, key",
            "SELECT name, alias, version FROM registered_model_aliases ORDER BY name, alias",
            "SELECT event, level, version FROM towpath_ledger ORDER BY seq",
        )
        return [rows.execute(sql).fetchall() for sql in asked]


@slow
def test_an_import_that_is_killed_again_and_again_ends_as_one_that_is_not(
    environment: dict[str, str], database: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert imported({**environment, "TOWPATH_HOME": str(whole)}, database)
    often = {**environment, "TOWPATH_HOME": str(killed)}
    deaths = 0
    while not imported(often, database, kill_at=2):
        deaths += 1
        assert deaths < 12
    assert deaths >= 3
    before = content(whole)
    tags = [row for row in content(killed)[1] if not row[0].endswith(("digest", "state"))]
    assert tags == [row for row in before[1] if not row[0].endswith(("digest", "state"))]
    assert [part for place, part in enumerate(content(killed)) if place != 1] == [
        part for place, part in enumerate(before) if place != 1
    ]


# From a server, and to one -------------------------------------------------------------------------------------------


@slow
def test_a_servers_registry_is_imported(towpath: Towpath, server: str, environment: dict[str, str]) -> None:
    done = towpath("import", server, *AS, "-y", "--json").json
    assert done["counted"]["versions"] == [3, 3]
    assert done["copied"]["metric values"] == MANY + 3
    store = open_store(environment)
    for version in store.versions(CODER):
        with store.model_folder(version) as folder:
            assert version.digest == dir_hash(folder)
    assert [(e, v) for e, _, v in entries(environment)] == [(IMPORTED, 1), (IMPORTED, 3)]


@slow
def test_a_password_in_the_address_is_written_nowhere(towpath: Towpath, server: str, home: Path) -> None:
    towpath("import", server.replace("//", "//reader:s3cret-word@"), *AS, "-y")
    for path in home.rglob("*"):
        assert not path.is_file() or b"s3cret-word" not in path.read_bytes()


@slow
def test_into_a_plain_server_levels_are_entries_of_its_ledger(towpath: Towpath, database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    with server_over(f"sqlite:///{folder}/mlflow.db", folder) as address:
        environ = {"MLFLOW_TRACKING_URI": address}
        done = towpath("import", f"sqlite:///{database}", *AS, "-y", "--json", env=environ).json
        assert done["counted"]["versions"] == [3, 3]
        told = [(e, level, v) for e, level, v in entries(environ) if e == IMPORTED]
        assert told == [(IMPORTED, "production", 1), (IMPORTED, "staging", 3)]
        assert towpath("import", f"sqlite:///{database}", *AS, "-y", "--json", env=environ).json["copied"] == {}


@slow
def test_into_a_governed_server_everything_arrives_and_no_level_moves(
    towpath: Towpath, database: Path, tmp_path: Path
) -> None:
    with team_server(tmp_path / "governed") as world:
        environ = {
            "MLFLOW_TRACKING_URI": world.address,
            "MLFLOW_TRACKING_USERNAME": "ann",
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        }
        done = towpath("import", f"sqlite:///{database}", *AS, "-y", "--json", env=environ).json
        assert done["counted"]["versions"] == [3, 3]
        assert done["counted"]["other aliases"] == [1, 1]
        assert done["stood"] == []
        assert [(s["version"], s["level"]) for s in done["to_promote"]] == [
            (1, "production"), (3, "staging"), (4, "staging")]  # fmt: skip
        store = world.desk.store
        assert {v.version: v.aliases for v in store.versions(CODER)} == {1: (), 3: ("champion",), 4: ()}
        for version in store.versions(CODER):
            with store.model_folder(version) as folder:
                assert version.digest == dir_hash(folder)
            assert "ann" in store.authors(version)
        assert towpath("import", f"sqlite:///{database}", *AS, "-y", "--json", env=environ).json["copied"] == {}
        refused = towpath("promote", f"{CODER}/1", "--to", "staging", "--dry-run", env=environ, code=1).out
        assert "the evidence of quality is not there" in refused
        reader = {"TOWPATH_SOURCE_USERNAME": "ann", "TOWPATH_SOURCE_PASSWORD": PASSWORD}
        told = towpath("import", world.address, "-y", env=reader, code=1).err
        assert f"{world.address} has a ledger, which a copy of its models would lose" in told


# As it is ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(database: Path, tmp_path: Path) -> dict[str, str]:
    """A plain database as the registry in force."""
    shutil.copyfile(database, tmp_path / "own.db")
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/own.db"}


@slow
def test_a_database_is_adopted_as_it_is(towpath: Towpath, own: dict[str, str], tmp_path: Path) -> None:
    def mlflows() -> list[Any]:
        with closing(sqlite3.connect(tmp_path / "own.db")) as rows:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'towpath_%' ORDER BY name"
            names = [row[0] for row in rows.execute(tables) if row[0] != "model_version_tags"]
            return [(name, rows.execute(f"SELECT * FROM {name}").fetchall()) for name in names]

    before = mlflows()
    planned = towpath("import", "--adopt", "--dry-run", env=own)
    assert "would be under towpath: 2 models, 3 versions, 3 digests computed" in planned.out
    assert "Nothing was written (--dry-run)." in planned.out
    found = towpath("import", "--adopt", "--json", env=own).json
    assert (found["models"], found["versions"], found["digests"]) == (2, 3, 3)
    assert [(s["version"], s["level"]) for s in found["stood"]] == [(1, "production")]
    assert (found["odd_names"], found["look_alikes"]) == ([ODD], [f"{CODER}@Staging"])
    assert mlflows() == before
    store = open_store(own)
    for version in store.versions(CODER):
        with store.model_folder(version) as folder:
            assert version.digest == dir_hash(folder)
    assert "is under towpath already: 2 models, 3 versions" in towpath("import", "--adopt", env=own).out
    with closing(sqlite3.connect(tmp_path / "own.db")) as rows, pytest.raises(sqlite3.IntegrityError):
        rows.execute("UPDATE registered_model_aliases SET version = 3 WHERE alias = 'production'")


@slow
def test_versions_whose_files_are_not_here_are_adopted_without_a_digest(
    towpath: Towpath, own: dict[str, str], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as rows, rows:
        rows.execute("UPDATE model_versions SET storage_location = 's3://bucket/x' WHERE version = 3")
    found = towpath("import", "--adopt", "--json", env=own).json
    assert (found["digests"], found["without_files"]) == (2, [f"{CODER}/3"])
    assert open_store(own).version(ModelRef(CODER, version=3)).digest == ""


def test_a_registry_of_towpaths_own_is_not_adopted_again(towpath: Towpath, home: Path) -> None:
    EmbeddedWorld(home).add(material())
    assert "is under towpath already: 1 models, 1 versions" in towpath("import", "--adopt").out


def test_a_servers_database_is_adopted_by_its_server(towpath: Towpath) -> None:
    told = towpath("import", "--adopt", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, code=2).err
    assert "is adopted by towpath server" in told


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "proposed"),
    [("Churn Model", "churn-model"), ("2024 x", "model-2024-x"), ("ÄÖ", "model"), ("a", "a-imported")],
)
def test_a_proposed_name_can_be_had(name: str, proposed: str) -> None:
    assert import_plan._proposed(name, {"a"}) == proposed
    assert import_plan.unusable(proposed) == ""

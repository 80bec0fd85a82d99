from __future__ import annotations

import ast
import hashlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guarded_world import postgres_world
from ledger_world import KEY
from office_world import OfficeWorld
from postgres import Postgres
from registry_world import NAME, EmbeddedWorld, material
from towpath_registry import checkpoints, verify_towpath_ledger
from towpath_registry.nouns import IMPORTED

if TYPE_CHECKING:
    from tests.conftest import Towpath

VERIFIER = Path(verify_towpath_ledger.__file__)


@pytest.fixture
def world(home: Path) -> OfficeWorld:
    """A registry under the policy `team`, in which one version went to staging and to production."""
    world = OfficeWorld(home)
    world.govern()
    world.add()
    world.put(1, "staging")
    world.put(1, "production")
    return world


def tamper(home: Path, *statements: str) -> None:
    """Without the triggers, which are put back."""
    with closing(sqlite3.connect(home / "towpath.db")) as rows, rows:
        triggers = rows.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            rows.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            rows.execute(statement)
        for _, sql in triggers:
            rows.execute(sql)


def test_a_whole_registry_holds_and_says_that_its_anchor_lies_beside_it(towpath: Towpath, world: OfficeWorld) -> None:
    told = towpath("audit").out
    assert told.startswith("All of it holds.\n")
    assert "story        pass     what they tell is what can have happened" in told
    assert "anchors      none but beside the database, which who owns it can rewrite too; set TOWPATH_ANCHORS" in told
    found = towpath("audit", "--json").json
    assert found["passed"] is True
    assert [finding["gate"] for finding in found["findings"] if not finding["passed"]] == []
    assert (found["unsigned"], found["uncovered"]) == (0, found["entries"])
    assert found["key"].startswith("towpath-ledger-")
    assert [place["outside"] for place in found["anchors"]] == [False]


def test_an_anchor_outside_covers_what_it_was_made_of(
    towpath: Towpath, world: OfficeWorld, home: Path, tmp_path: Path
) -> None:
    note = tmp_path / "letter.note"
    note.write_bytes((home / "anchors" / "ledger.notes").read_bytes())
    world.add(material(2))
    found = towpath("audit", "--anchor", str(note), "--full", "--json").json
    assert (found["unsigned"], found["uncovered"]) == (1, 1)
    assert "letter.note; 1 entries are covered by none" in towpath("audit", "--anchor", str(note)).out


def test_checkpoints_go_where_the_setting_says(towpath: Towpath, home: Path, tmp_path: Path) -> None:
    notes, repository = tmp_path / "share" / "notes", tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    chosen = {"TOWPATH_ANCHORS": f"file:{notes}:git:{repository}", "TOWPATH_ACTOR": "ann"}
    EmbeddedWorld(home).add(material(1))
    towpath("promote", f"{NAME}/1", "--to", "staging", "-y", env=chosen)
    found = towpath("audit", "--json", env=chosen).json
    assert [(place["notes"], place["outside"]) for place in found["anchors"]] == [(1, True), (1, True)]
    assert (found["passed"], found["uncovered"]) == (True, 0)
    log = subprocess.run(["git", "log", "--format=%s"], cwd=repository, check=True, capture_output=True, text=True)
    assert log.stdout.startswith("Ledger checkpoint at entry ")


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "UPDATE towpath_ledger SET body = CAST(replace(body, 'please', 'at once') AS BLOB)",
            "chain: entry 3 is another than was written, expected what follows from the entry before",
        ),
        (
            "UPDATE registered_model_aliases SET version = 7 WHERE alias = 'production'",
            f"levels: {NAME}@production is version 7, expected version 1, as the ledger tells",
        ),
        (
            "DELETE FROM towpath_checkpoints",
            "in no checkpoint, expected in the one that it led to",
        ),
    ],
)
def test_what_was_changed_is_named_with_exit_code_5(
    towpath: Towpath, world: OfficeWorld, home: Path, statement: str, why: str
) -> None:
    tamper(home, statement)
    told = towpath("audit", code=5).out
    assert told.startswith("Something does not hold.\n")
    assert why in told
    assert towpath("audit", "--json", code=5).json["passed"] is False


def test_a_truncation_is_found_by_what_was_carried_out(
    towpath: Towpath, world: OfficeWorld, home: Path, tmp_path: Path
) -> None:
    tamper(
        home,
        "DELETE FROM towpath_ledger WHERE seq > (SELECT size FROM towpath_checkpoints ORDER BY size LIMIT 1 OFFSET 1)",
        "DELETE FROM towpath_checkpoints WHERE size > (SELECT max(seq) FROM towpath_ledger)",
        "DELETE FROM registered_model_aliases WHERE alias = 'production'",
    )
    assert "anchors: the ledger is " in towpath("audit", code=5).out
    (home / "anchors" / "ledger.notes").rename(tmp_path / "kept.notes")
    assert towpath("audit").out.startswith("All of it holds.")
    told = towpath("audit", "--anchor", str(tmp_path / "kept.notes"), code=5).out
    assert "as a note outside tells" in told


def test_a_registry_from_an_old_backup_records_nothing_more(towpath: Towpath, home: Path) -> None:
    world = EmbeddedWorld(home)
    for number in (1, 2):
        world.add(material(number))
    towpath("promote", f"{NAME}/1", "--to", "staging", "-y")
    backup = (home / "towpath.db").read_bytes()
    towpath("promote", f"{NAME}/2", "--to", "staging", "-y")
    (home / "towpath.db").write_bytes(backup)
    said = towpath("promote", f"{NAME}/2", "--to", "staging", "-y", code=5).err
    assert "but an anchor tells of" in said
    assert "was an old backup restored, or the ledger rewritten?" in said


def test_an_auditor_s_key_is_trusted_instead_of_the_home_s(towpath: Towpath, world: OfficeWorld) -> None:
    key = towpath("audit", "--json").json["key"]
    assert towpath("audit", "--key", key).out.startswith("All of it holds.")
    other = checkpoints.vkey(key.partition("+")[0], KEY.public)
    assert "no trusted key signed it" in towpath("audit", "--key", other, code=5).out
    assert "is no key of a ledger" in towpath("audit", "--key", "nonsense", code=2).err


def test_anchors_that_are_none_are_refused(towpath: Towpath, world: OfficeWorld, tmp_path: Path) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.touch()
    other.write_text("my letters\n")
    assert "there is no file" in towpath("audit", "--anchor", str(tmp_path / "none"), code=3).err
    assert "holds no checkpoint" in towpath("audit", "--anchor", str(empty), code=2).err
    assert "is no list of checkpoints" in towpath("audit", "--anchor", str(other), code=5).err


def test_an_own_anchor_that_cannot_be_read_is_a_fault(towpath: Towpath, world: OfficeWorld, home: Path) -> None:
    (home / "anchors" / "ledger.notes").write_text("scribbled over\n")
    assert "is no list of checkpoints, or was changed" in towpath("audit", code=5).out


@pytest.mark.parametrize("arguments", [("audit",), ("audit", "export", "ledger.tar.gz")])
def test_without_a_registry_or_its_tables_there_is_nothing_to_verify(
    towpath: Towpath, home: Path, arguments: tuple[str, ...]
) -> None:
    assert "there is no registry yet" in towpath(*arguments, code=3).err
    EmbeddedWorld(home)
    with closing(sqlite3.connect(home / "towpath.db")) as rows, rows:  # as MLflow alone makes it
        for kind in ("trigger", "table"):
            asked = f"SELECT name FROM sqlite_master WHERE type = '{kind}' AND name LIKE 'towpath%'"
            for (name,) in rows.execute(asked).fetchall():
                rows.execute(f"DROP {kind} {name}")
    assert "nothing was ever recorded in this registry" in towpath(*arguments, code=3).err


def test_an_empty_ledger_holds_and_is_nothing_to_export(towpath: Towpath, home: Path) -> None:
    EmbeddedWorld(home)
    assert towpath("audit").out.startswith("Nothing has been recorded yet.\n")
    assert "the ledger is empty" in towpath("audit", "export", "ledger.tar.gz", code=2).err


def test_what_a_server_holds_is_audited_on_its_machine(towpath: Towpath, world: OfficeWorld, home: Path) -> None:
    said = towpath("audit", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}, code=3).err
    assert "an audit reads the database itself" in said
    assert "towpath audit --database postgresql://user@host/name" in said
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    assert towpath("audit", "--database", f"sqlite:///{home}/towpath.db", env=away).out.startswith("All of it holds.")
    assert "a password in a command" in towpath("audit", "--database", "postgresql://a:b@c/d", code=2).err


# The export


def test_an_export_is_verified_by_the_program_that_audit_verifier_prints(
    towpath: Towpath, world: OfficeWorld, home: Path, tmp_path: Path
) -> None:
    export, program = tmp_path / "ledger.tar.gz", tmp_path / "verify.py"
    made = towpath("audit", "export", str(export), "--json").json
    assert made["digest"] == f"sha256:{hashlib.sha256(export.read_bytes()).hexdigest()}"
    assert (made["evidence"], made["missing"]) == (3, [])
    program.write_text(towpath("audit", "verifier").out)
    words = ["--key", made["key"], "--anchor", str(home / "anchors" / "ledger.notes")]
    done = subprocess.run([sys.executable, "-I", "-S", program, export, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "OK"), done.stdout
    assert "evidence     3 of 3 statements are here" in done.stdout


def test_an_export_says_its_digest_the_key_and_what_to_do_next(
    towpath: Towpath, world: OfficeWorld, tmp_path: Path
) -> None:
    told = towpath("audit", "export", str(tmp_path / "ledger.tar.gz")).out.splitlines()
    assert "checkpoints, 1 policies and 3 statements of evidence." in told[0]
    assert told[1].startswith("sha256:")
    assert told[2].startswith("Key: towpath-ledger-")
    assert told[3].startswith("Next: python3 -I verify_towpath_ledger.py ")


def test_an_export_is_never_written_over_another_file(towpath: Towpath, world: OfficeWorld, tmp_path: Path) -> None:
    towpath("audit", "export", str(tmp_path / "ledger.tar.gz"))
    assert "exists" in towpath("audit", "export", str(tmp_path / "ledger.tar.gz"), code=2).err


def test_the_verifier_is_printed_byte_by_byte_and_needs_nothing_newer_than_python_3_9(towpath: Towpath) -> None:
    program = towpath("audit", "verifier").out
    assert program == VERIFIER.read_text()
    tree = ast.parse(program, feature_version=(3, 9))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    roots = {(module or "").partition(".")[0] for module in modules}
    assert roots - {"cryptography"} <= set(sys.stdlib_module_names)


def test_a_registry_of_one_person_holds_too(towpath: Towpath, home: Path) -> None:
    """Without a policy of its own, each move is judged by the built-in one, which is kept with the ledger."""
    world = EmbeddedWorld(home)
    for number in (1, 2):
        world.add(material(number))
        towpath("promote", f"{NAME}/{number}", "--to", "staging", "-y")
    towpath("rollback", NAME, "--to-previous", "--level", "staging", "-y")
    towpath("retire", NAME, "--level", "staging", "-y", "--reason", "not pursued")
    assert towpath("audit").out.startswith("All of it holds.")


@pytest.mark.slow
def test_the_database_of_a_server_is_audited_and_exported(towpath: Towpath, postgres: Postgres, tmp_path: Path) -> None:
    with postgres.database() as name:
        world = postgres_world(postgres, name)
        world.add(1)
        world.append(IMPORTED, "production", 1)
        address = postgres.url(name)
        assert towpath("audit", "--database", address).out.startswith("All of it holds.")
        made = towpath("audit", "export", str(tmp_path / "ledger.tar.gz"), "--database", address, "--json").json
        assert (made["entries"], made["evidence"], made["missing"]) == (1, 0, [])
    done = subprocess.run([sys.executable, "-I", "-S", VERIFIER, made["file"]], capture_output=True, text=True)
    assert done.returncode == 3, done.stdout

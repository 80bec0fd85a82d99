from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry_world import NAME, START, TAGS, TESTER, EmbeddedWorld, Material, Ticking, material, promotions, unguarded
from towpath import scoring
from towpath.lineage import Branch, _lines
from towpath_core.refs import ModelRef
from towpath_registry.nouns import PROVENANCE, REGISTERED, Decision, ModelVersion
from towpath_serve.predictor import Predictor

if TYPE_CHECKING:
    from tests.conftest import Towpath

SEVEN = {name: TAGS[f"towpath.{name}"] for name in PROVENANCE}
Scored = Callable[[str], Path]


@pytest.fixture
def world(home: Path) -> EmbeddedWorld:
    return EmbeddedWorld(home)


@pytest.fixture
def scored(world: EmbeddedWorld, packaged: Path, tmp_path: Path) -> Scored:
    """A file of answers by the packaged model, which is version 1 of the registry."""
    made = Material(
        {path.name: path.read_bytes() for path in packaged.iterdir()}, {**TAGS, "towpath.threshold": "p1 >= 0.7"}
    )
    version = world.add(made)
    source = tmp_path / "in.csv"
    source.write_text("record_id,text\n007,kitchen cook\n008,\n")

    def make(name: str) -> Path:
        with world.store.model_folder(version) as folder:
            predictor = Predictor.open(folder, digest=version.digest, version=version.ref)
            scoring.score(predictor, scoring.Order(source, tmp_path / name), say=lambda _: None)
        return tmp_path / name

    return make


def changed(path: Path, column: str, value: str) -> Path:
    """The same answers with another value in a column."""
    lines = list(csv.DictReader(path.read_text().splitlines()))
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, lines[0])
        writer.writeheader()
        writer.writerows({**line, column: value} for line in lines)
    return path


def lineage(towpath: Towpath, path: Path, record: str = "007", *more: str, code: int = 0) -> Any:
    return towpath("show", *more, "--lineage", "--prediction", str(path), "--record", record, "--json", code=code).json


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_an_answer_names_all_seven_versions_of_the_model_that_made_it(
    towpath: Towpath, scored: Scored, world: EmbeddedWorld, name: str
) -> None:
    found = lineage(towpath, scored(name))
    assert found["made_from"] == {**SEVEN, "threshold": "p1 >= 0.7"}
    assert (found["model"], found["version"]) == (NAME, 1)
    assert found["digest"] == world.store.version(ModelRef(NAME, version=1)).digest
    assert found["prediction"]["record"] == "007"
    assert found["prediction"]["where"] == "row 1"
    assert found["prediction"]["scored_at"].startswith(f"{datetime.now(UTC):%Y-%m}")


def test_an_answer_without_a_record_id_is_named_by_its_row(towpath: Towpath, scored: Scored, tmp_path: Path) -> None:
    table = pq.read_table(scored("out.parquet")).drop_columns(["record_id"])
    pq.write_table(table, tmp_path / "rows.parquet")
    assert lineage(towpath, tmp_path / "rows.parquet", "2")["prediction"]["where"] == "row 2"


def test_an_answer_of_another_digest_than_the_registrys_is_no_ones(towpath: Towpath, scored: Scored) -> None:
    path = changed(scored("out.csv"), "model_digest", "sha256:" + "0" * 64)
    told = lineage(towpath, path, code=5)["error"]["message"]
    assert f"was made by {NAME}/1 with the digest sha256:{'0' * 64}; the registry's {NAME}/1 has sha256:" in told


def test_an_answer_of_another_threshold_than_the_versions_is_no_ones(towpath: Towpath, scored: Scored) -> None:
    path = changed(scored("out.csv"), "threshold", "0.6")
    told = lineage(towpath, path, code=5)["error"]["message"]
    assert f"was decided with the threshold 0.6, and {NAME}/1 has p1 >= 0.7" in told


def test_an_answer_of_a_version_that_was_registered_without_a_digest_is_no_ones(
    towpath: Towpath, scored: Scored, world: EmbeddedWorld
) -> None:
    path = scored("out.csv")
    with unguarded(world.database) as rows:
        rows.execute("DELETE FROM model_version_tags WHERE \"key\" = 'towpath.digest'")
    assert f"the registry's {NAME}/1 has none" in lineage(towpath, path, code=5)["error"]["message"]


def test_an_answer_of_a_version_that_is_not_there_says_so(towpath: Towpath, scored: Scored) -> None:
    told = lineage(towpath, changed(scored("out.csv"), "model", f"{NAME}/7"), code=3)["error"]["message"]
    assert told == f"there is no version {NAME}/7: the newest is {NAME}/1"


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("model", "", "row 1 of out.csv does not say which version made it"),
        ("model_digest", "", "row 1 of out.csv does not say which version made it"),
        ("model", "../x", "row 1 of out.csv names no version: '../x'"),
        ("threshold", "high", "row 1 of out.csv has a threshold that is no number"),
    ],
)
def test_a_row_that_does_not_name_its_version_is_refused(
    towpath: Towpath, scored: Scored, column: str, value: str, told: str
) -> None:
    path = changed(scored("out.csv"), column, value)
    assert lineage(towpath, path, code=1)["error"]["message"] == told


def test_a_record_that_two_models_answered_is_refused(towpath: Towpath, scored: Scored) -> None:
    path = scored("out.csv")
    head, first, second = path.read_text().splitlines()
    path.write_text("\n".join([head, first, first.replace("sha256:", "sha256:0"), second, ""]))
    told = lineage(towpath, path, code=1)["error"]["message"]
    assert told.endswith("out.csv has 2 answers with the record_id 007, by more than one model")


def test_a_record_that_nobody_answered_is_not_found(towpath: Towpath, scored: Scored) -> None:
    assert "has no answer with the record_id 9" in lineage(towpath, scored("out.csv"), "9", code=3)["error"]["message"]


def test_a_file_without_answers_is_asked_wrongly(towpath: Towpath, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "in.parquet")
    told = lineage(towpath, tmp_path / "in.parquet", code=2)["error"]["message"]
    assert "is no file of answers: it has no column model, model_digest, threshold, row" in told


def test_an_answer_by_another_version_than_the_named_one_is_a_mismatch(
    towpath: Towpath, scored: Scored, world: EmbeddedWorld
) -> None:
    path = scored("out.csv")
    world.add(material(2))
    assert lineage(towpath, path, "007", f"{NAME}/1")["version"] == 1
    told = lineage(towpath, path, "007", f"{NAME}/2", code=5)["error"]["message"]
    assert told == f"row 1 of out.csv was made by {NAME}/1, not by {NAME}/2"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lineage",),
        ("--lineage", "--prediction", "x.csv"),
        ("--lineage", "--record", "1", f"{NAME}/1"),
        ("--prediction", "x.csv", "--record", "1"),
        (),
    ],
)
def test_what_is_half_asked_is_asked_wrongly(towpath: Towpath, arguments: tuple[str, ...]) -> None:
    assert "Next:  towpath " in towpath("show", *arguments, code=2).err


def test_the_tree_leads_from_the_seven_versions_to_the_level_and_the_deployment(
    towpath: Towpath, world: EmbeddedWorld
) -> None:
    version = promoted(world)
    deployed = {"name": NAME, "model": version.ref, "digest": version.digest, "target": "process", "instance": "1",
                "port": 8080, "since": "2026-03-31T08:05:00.000000Z"}  # fmt: skip
    folder = world.database.parent / "deployments"
    folder.mkdir()
    (folder / f"{NAME}.json").write_text(json.dumps(deployed))
    (folder / "other.json").write_text(json.dumps({**deployed, "digest": "sha256:" + "0" * 64}))

    lines = towpath("show", f"{NAME}/1", "--lineage", env={"TOWPATH_ACTOR": TESTER}).out.splitlines()

    assert lines[:2] == [f"{NAME}/1", "├─ made from"]
    assert [line.split()[2:] for line in lines[2:9]] == [[name, *value.split()] for name, value in SEVEN.items()]
    assert lines[8].startswith("│  └─ threshold ")
    assert lines[9] == f"├─ by the run {version.run_id}"
    assert lines[10] == f"├─ as the model {version.digest}"
    assert [line.partition(":")[0] for line in lines[11:14]] == [
        "│  ├─ data-checks", "│  ├─ documentation", "│  └─ quality"]  # fmt: skip
    assert all(f": passed, signed by {TESTER}, recorded {START:%Y-%m-%d}" in line for line in lines[11:14])
    assert lines[14].startswith(f"├─ level staging: promoted by {TESTER} on ")
    assert lines[15].startswith(f"│  └─ approved by {TESTER} (self-acknowledged) on ")
    assert lines[16:] == [f"└─ deployed as {NAME}: process, port 8080 of this machine since 2026-03-31"]


def test_a_ledger_that_tells_of_other_bytes_under_the_same_name_is_a_mismatch(
    towpath: Towpath, world: EmbeddedWorld
) -> None:
    version = promoted(world)
    other = "sha256:" + "0" * 64
    world.store.record(Decision(NAME, REGISTERED, "", 1, None, TESTER, "", other, "", ()))
    told = towpath("show", f"{NAME}/1", "--lineage", code=5).err
    assert f"{NAME}/1 has the digest {version.digest}, and entry 3 of the ledger tells of it with {other}" in told


def test_a_branch_is_one_line_whatever_it_says() -> None:
    drawn = _lines([Branch("a\nb\x1b[2J", (Branch("c"), Branch("d"))), Branch("e")])
    assert drawn == ["├─ a b[2J", "│  ├─ c", "│  └─ d", "└─ e"]


def promoted(world: EmbeddedWorld) -> ModelVersion:
    version, desk = world.add(material()), promotions(world, clock=Ticking())
    desk.registered(version, TESTER)
    desk.settle(desk.plan(ModelRef(NAME, version=1), "staging"), TESTER, "")
    return version

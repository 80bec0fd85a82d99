"""`towpath check` on any table, in no project: by a suite, remembered, for a build server; a first suite proposed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]
import pandas as pd
import pytest

import towpath_checks
from towpath.commands import check
from towpath_checks.engines import ENGINES
from towpath_checks.findings import STAGES

SCHEMA = json.loads(Path(towpath_checks.__file__).with_name("report.schema.json").read_text())
CANARY = "jane canary doe"
SUITE = {
    "name": "delivery",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "code", "regex": "^[0-9]{4}$"}},
    ],
}


def records(n: int = 40) -> pd.DataFrame:
    ids = [f"r{i:02d}" for i in range(n)]
    return pd.DataFrame({"record_id": ids, "text": [f"{CANARY} {i}" for i in ids], "code": ["0111", "0222"] * (n // 2)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table and a suite that it meets, and no project around them."""
    records().to_parquet(tmp_path / "delivery.parquet")
    (tmp_path / "suite.json").write_text(json.dumps(SUITE))
    return tmp_path


def spoil(folder: Path, **columns: Any) -> None:
    frame = records()
    for column, value in columns.items():
        frame.loc[[3, 5], column] = value
    frame.to_parquet(folder / "delivery.parquet")


def test_the_command_offers_the_engines_and_stages_that_there_are() -> None:
    assert set(check._ENGINES) == set(ENGINES)
    assert set(check._STAGES) == set(STAGES)


BY_SUITE = ("check", "delivery.parquet", "--suite", "suite.json")


@pytest.mark.slow
def test_a_verdict_on_unchanged_data_is_remembered_and_says_from_when(towpath: Any, folder: Path) -> None:
    first = towpath(*BY_SUITE, "--json")
    assert first.json["verdict"] == "passed"
    assert first.json["remembered"] is None
    assert first.json["engines"] == {"compiled": 2}
    second = towpath(*BY_SUITE, "--json")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT.*Z", second.json["remembered"])
    assert {**second.json, "remembered": None} == first.json
    assert "This verdict is remembered, from 20" in towpath(*BY_SUITE).out
    assert "remembered, from" not in towpath(*BY_SUITE, "--again").out
    for content in (first.json, second.json):
        jsonschema.validate(content, SCHEMA)
    spoil(folder, code="x")
    assert towpath(*BY_SUITE, "--json", code=1).json["remembered"] is None
    (folder / "suite.json").write_text(json.dumps({**SUITE, "expectations": SUITE["expectations"][:1]}))
    assert towpath(*BY_SUITE, "--json").json["remembered"] is None


@pytest.mark.slow
def test_a_remembered_file_that_somebody_changed_is_no_pass(towpath: Any, folder: Path, home: Path) -> None:
    spoil(folder, code="x")
    towpath(*BY_SUITE, code=1)
    for path in (home / "checks").glob("*.json"):
        path.write_text(path.read_text().replace('"passed": false', '"passed": true'))
    said = towpath(*BY_SUITE, "--json", code=1)
    assert said.json["remembered"] is None


@pytest.mark.slow
def test_what_fails_is_told_with_its_records_and_in_junit(towpath: Any, folder: Path) -> None:
    spoil(folder, code="x")
    said = towpath(*BY_SUITE, "--junit", "out/checks.xml", "--output", "out", code=1)
    assert said.out.startswith("delivery.parquet is NOT fit: 1 of 2 checks failed, 1 passed.")
    assert "such as   r03, r05" in said.out
    assert "JUnit: out/checks.xml" in said.out
    suite = ET.fromstring((folder / "out" / "checks.xml").read_bytes())[0]
    assert [case.attrib["name"] for case in suite.iter("testcase") if case.find("failure") is not None] == [
        "the data are fit",
        "expect_column_values_to_match_regex: code",
    ]
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "checks.html",
        "checks.json",
        "checks.xml",
        "gx.json",
    ]
    for path in (folder / "out").iterdir():
        assert "canary" not in path.read_text()
        assert str(folder) not in path.read_text()


@pytest.mark.slow
def test_a_record_that_is_called_by_what_names_a_person_is_not_named(towpath: Any, folder: Path) -> None:
    frame = records().assign(record_id=[f"jane{i}@office.example" for i in range(40)])
    frame.loc[3, "code"] = "x"
    frame.to_parquet(folder / "delivery.parquet")
    said = towpath(*BY_SUITE, "--json", code=1)
    assert said.json["findings"][1]["count"] == 1
    assert "jane" not in said.out


@pytest.mark.slow
def test_a_record_without_a_name_is_no_example(towpath: Any, folder: Path) -> None:
    spoil(folder, code="x", record_id=None)
    assert towpath(*BY_SUITE, "--json", code=1).json["findings"][1]["examples"] == []


@pytest.mark.parametrize(
    "address", ["postgresql://me:secret@host/db::t", "postgresql://host/db?password=secret::t", "x://secret"]
)
def test_an_address_is_not_repeated(towpath: Any, folder: Path, address: str) -> None:
    said = towpath("check", address, "--suite", "suite.json", code=2)
    assert "secret" not in said.out + said.err


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["fast", "gx"])
def test_engines_say_the_same_and_who_said_it(towpath: Any, folder: Path, engine: str) -> None:
    spoil(folder, code="x")
    found = towpath(*BY_SUITE, "--json", "--engine", engine, code=1).json["findings"]
    assert [finding["passed"] for finding in found] == [True, False]
    assert {finding["engine"] for finding in found} == {"compiled" if engine == "fast" else "great-expectations"}
    assert towpath(*BY_SUITE, "--json", "--cross-check", code=1).json["counts"]["failed"] == 1


@pytest.mark.slow
def test_a_check_that_blocks_later_advises_before(towpath: Any, folder: Path) -> None:
    later = {**SUITE["expectations"][1], "meta": {"towpath": {"blocks_from": "valid_solution"}}}  # type: ignore[dict-item]
    (folder / "suite.json").write_text(json.dumps({**SUITE, "expectations": [SUITE["expectations"][0], later]}))
    spoil(folder, code="x")
    assert "blocks    from valid_solution on" in towpath(*BY_SUITE).out
    said = towpath(*BY_SUITE, "--stage", "production", "--json", code=1).json
    assert (said["stage"], said["counts"]["failed"]) == ("production", 1)


def test_a_file_that_is_no_table_is_not_fit(towpath: Any, folder: Path) -> None:
    (folder / "delivery.parquet").write_bytes(b"PAR1 and no more")
    assert "readable: delivery.parquet" in towpath(*BY_SUITE, code=1).out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--suite", "suite.json"), 2, "--suite asks for DATA"),
        (("delivery.parquet", "--force"), 2, "--force goes with --init"),
        (("nowhere.parquet", "--suite", "suite.json"), 3, "there is no file nowhere.parquet"),
        (("delivery.parquet", "--suite", "none.json"), 3, "there is no suite none.json"),
        (("suite.json", "--suite", "suite.json"), 2, "suite.json is no table"),
        (("--init",), 2, "--init asks for DATA"),
        (("delivery.parquet", "--init", "--output", "suite.json"), 2, "there is suite.json already"),
        (("delivery.parquet", "--init", "--output", "s.json", "--name-column", "code"), 1, "code does not name each"),
    ],
)
def test_what_is_asked_wrongly_says_the_next_step(
    towpath: Any, folder: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    assert told in towpath("check", *arguments, cwd=folder, code=code).err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reference.parquet", "reference.csv", "reference.csv.gz"])
def test_a_proposed_suite_is_met_by_its_own_data(towpath: Any, folder: Path, name: str) -> None:
    frame = records()
    frame.to_parquet(folder / name) if name.endswith("parquet") else frame.to_csv(folder / name, index=False)
    said = towpath("check", "--init", name, "--output", "suite.json", "--force", "--name-column", "record_id")
    assert "These 2 values stood in all 40, each in 10 records or more." in said.out
    suite = json.loads((folder / "suite.json").read_text())
    assert "canary" not in json.dumps(suite)
    assert {"name", "expectations", "meta", "notes"} == set(suite)
    assert "nothing failed" in towpath("check", name, "--suite", "suite.json", "--engine", "gx").out
    frame.loc[0, "code"] = "0333"
    frame.to_parquet(folder / "next.parquet")
    assert "column values to be in set" in towpath("check", "next.parquet", "--suite", "suite.json", code=1).out

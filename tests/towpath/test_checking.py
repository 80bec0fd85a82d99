"""A project's data: each fault is caught and named, what cannot be read is not fit, and no text comes out."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import plain_project
from candidates import good, said
from towpath import checking, running
from towpath import project as projects
from towpath.project import Project
from towpath_checks.findings import Finding
from towpath_checks.remembered import Memory
from towpath_core.errors import CouldNot, Misused, NotFound
from towpath_core.verdicts import all_passed
from towpath_registry.gates.data_checks import DataChecks

CANARY = "jane canary doe"
SETTINGS: dict[str, Any] = {
    **plain_project.SETTINGS,
    "data": {**plain_project.DATA, "raw": "data/raw.csv.gz"},
    "nomenclature": {"name": "SOC", "version": "2010", "file": "nomenclature/soc.csv", "levels": [1, 4]},
    "limits": {"accuracy_4": {"at_least": 0.5}},
}
SUITE = {
    "name": "prepared",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "text"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "code", "regex": "^[0-9]{4}$"}},
    ],
}
CODES = ["0111", "0222", "9330"]


def records(n: int = 30) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "record_id": [f"{i:05d}" for i in range(n)],
            "text": [f"worker number {i}" for i in range(n)],
            "code": [CODES[i % 3] for i in range(n)],
            "wave": ["base"] * (n - 3) + ["2016"] * 3,
        }
    )


def make(folder: Path, **changes: Any) -> Project:
    """The smallest project whose data are fit."""
    for name in ("data", "checks", "nomenclature"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "towpath.yaml").write_text(yaml.safe_dump({**SETTINGS, **changes}, sort_keys=False))
    (folder / "checks" / "suite.json").write_text(json.dumps(SUITE))
    rows = "".join(f"{code},title\n" for code in ["0", "9", "111", *CODES])
    (folder / "nomenclature" / "soc.csv").write_text(f"code,title\n{rows}")
    records().to_parquet(folder / "data" / "prepared.parquet")
    return projects.load(folder)


def check(project: Project, frame: pd.DataFrame) -> checking.Checked:
    frame.to_parquet(project.prepared)
    return checking.check(project, project.prepared)


def blocking(checked: checking.Checked) -> dict[str, Finding]:
    return {finding.gate: finding for finding in checked.report.findings if finding.blocks}


slow = pytest.mark.slow  # importing Great Expectations takes seconds


@slow
def test_data_that_change_while_they_are_read_have_no_verdict(tmp_path: Path) -> None:
    """Else what was found of the new ones would be remembered of the old."""
    project = make(tmp_path)
    bad = records().assign(code="x")
    bad.to_parquet(project.prepared)

    def mended(line: str) -> None:
        if "expectations" in line:
            records().to_parquet(project.prepared)

    memory = Memory(tmp_path / "memory", b"k" * 32)
    with pytest.raises(CouldNot, match=r"data/prepared\.parquet changed while it was read"):
        checking.check(project, project.prepared, checking.How(memory=memory, say=mended))
    bad.to_parquet(project.prepared)
    assert not checking.check(project, project.prepared, checking.How(memory=memory)).report.passed


@slow
def test_records_without_a_fault_are_fit(tmp_path: Path) -> None:
    checked = check(make(tmp_path), records())
    assert checked.report.passed, checked.report
    assert {f.gate for f in checked.report.findings} >= {"class_size", "codes_in_nomenclature", "empty_text"}
    assert checked.evidence["success"] is True


def seeded(column: str, value: Any, *places: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[list(places) or slice(None), column] = value
        return frame

    return change


@slow
@pytest.mark.parametrize(
    ("change", "gate", "told"),
    [
        (seeded("code", "0333", 4), "codes_in_nomenclature", "0333"),
        (seeded("code", "111", 3), "codes_in_nomenclature", "leading zeros are eaten"),
        (seeded("code", CANARY, 3), "codes_in_nomenclature", "00003"),
        (seeded("code", None, 3), "codes_in_nomenclature", "1 of them missing"),
        (seeded("text", "Worker number 1!", 5), "conflicting_labels", "00001"),
        (lambda frame: frame[(frame["code"] != "9330") | (frame.index == 2)], "class_size", "9330"),
        (seeded("text", " -- ", 7), "empty_text", "00007"),
        (seeded("text", None), "empty_text", "30 of 30 records"),
        (seeded("text", None), "constant_columns", "text empty"),
        (seeded("text", None), "expect_column_values_to_not_be_null", "30 of 30 records"),
        (seeded("text", "the same"), "constant_columns", "text constant"),
        (seeded("code", "0111"), "class_size", "1 classes in all"),
        (seeded("wave", "2016"), "class_size", "0 classes in all"),
    ],
)
def test_a_seeded_fault_is_caught_and_named(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], gate: str, told: str
) -> None:
    checked = check(make(tmp_path), change(records()))
    assert not checked.report.passed
    assert told in str(blocking(checked)[gate])
    assert "canary" not in str(checked.report)


@slow
def test_no_report_holds_a_text(tmp_path: Path) -> None:
    """The canary stands in clean and in faulty records, in the text and where it does not belong."""
    project = make(tmp_path)
    frame = records()
    frame.loc[[0, 1, 2], "text"] = CANARY
    frame.loc[3, "code"] = CANARY
    frame.loc[4, "wave"] = CANARY
    checked = check(project, frame)
    assert {"conflicting_labels", "codes_in_nomenclature"} <= set(blocking(checked))
    checking.write(checked, project.reports)
    written = list(project.reports.iterdir())
    assert sorted(path.name for path in written) == ["checks.html", "checks.json", "gx.json"]
    for path in written:
        assert "canary" not in path.read_text(encoding="utf-8").casefold()
        assert str(tmp_path) not in path.read_text(encoding="utf-8")


@slow
def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    project = make(tmp_path)
    for folder in ("one", "two"):
        checking.write(check(project, records()), tmp_path / folder)
    for name in ("checks.html", "checks.json", "gx.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@slow
def test_settings_of_a_rule_are_used(tmp_path: Path) -> None:
    frame = records()
    frame = frame[(frame["code"] != "9330") | (frame.index == 2)]
    checks = {"min_per_class": 2, "rules": {"class_size": {"accepted": ["9330"]}}}
    assert "class_size" not in blocking(check(make(tmp_path, checks=checks), frame))
    assert "class_size" in blocking(check(make(tmp_path, checks={"min_per_class": 2}), frame))
    assert "class_size" not in blocking(check(make(tmp_path, checks={"min_per_class": 1}), frame))
    advise = {"rules": {"class_size": {"severity": "warning"}}}
    assert check(make(tmp_path, checks=advise), frame).report.counts["warn"] == 1


@slow
def test_a_file_that_is_not_to_train_on_has_no_class_sizes(tmp_path: Path) -> None:
    project = make(tmp_path)
    path = tmp_path / "wave.csv"
    records().assign(wave="2017").to_csv(path, index=False)
    report = checking.check(project, path, training=False).report
    assert report.passed, report
    assert "class_size" in [f.gate for f in report.findings if f.passed is None]
    assert report.data == "wave.csv"


@slow
def test_leading_zeros_of_a_csv_file_are_kept(tmp_path: Path) -> None:
    project = make(tmp_path)
    path = tmp_path / "again.csv.gz"
    records().to_csv(path, index=False)
    assert checking.check(project, path).report.passed


def numbers(folder: Path, ages: list[Any]) -> Finding:
    """What is found in a number input of a tabular project."""
    inputs = [{"name": "age", "type": "number"}, {"name": "sex", "type": "category", "required": False}]
    data = {**SETTINGS["data"], "inputs": inputs}
    project = make(folder, task="tabular", data=data, examples=[{"age": 3}])
    frame = records(len(ages)).assign(age=ages, sex="1")
    frame.to_csv(folder / "people.csv", index=False)
    with checking._open(project, folder / "people.csv") as table:
        return checking._numbers(project, table)[0]


def test_a_number_input_with_something_else_is_named(tmp_path: Path) -> None:
    assert numbers(tmp_path, [1, 2.5, "", -4, 5, 6]).passed
    finding = numbers(tmp_path, [1, "many", "inf", 4, 5, 6])
    assert (finding.blocks, finding.subject, finding.count) == (True, "age", 2)


# What cannot be read


def unreadable(project: Project, path: Path) -> str:
    checked = checking.check(project, path)
    (finding,) = checked.report.findings
    assert (finding.gate, finding.blocks, checked.report.records) == ("readable", True, 0)
    assert not checked.report.passed
    assert checked.evidence["success"] is False
    return finding.got


def csv(text: str) -> bytes:
    return text.encode()


GOOD = "record_id,text,code,wave\n1,baker,0111,base\n2,chef,0222,base\n"


@pytest.mark.parametrize(
    ("name", "content", "got"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.parquet", b"", "the file is empty"),
        ("a.csv", csv("record_id,text,code,wave\n"), "no records"),
        ("a.csv", csv(GOOD.replace(",", ";")), "its cells are separated by semicolons, expected commas"),
        ("a.csv", csv(GOOD.replace(",", ";") + "3;a, b, c;0111;base\n"), "its cells are separated by semicolons"),
        ("a.csv", csv(GOOD.replace(",", "\t")), "its cells are separated by tabs, expected commas"),
        ("a.csv", csv(GOOD.replace("code", "coda")), "no column code"),
        ("a.csv", csv(GOOD + "3,a,b,c,d,e\n"), "the lines have different numbers of cells"),
        ("a.csv", csv(GOOD.replace("base", "base,more")), "the lines have different numbers of cells"),
        ("a.csv", csv(GOOD) + b"3,caf\xe9,0111,base\n", "not UTF-8 text"),
        ("a.csv.gz", gzip.compress(csv(GOOD))[:-12], "no whole gzip file"),
        ("a.csv.gz", csv(GOOD), "no whole gzip file"),
        ("a.parquet", b"PAR1 and no more", "no whole Parquet file"),
    ],
)
def test_a_file_that_is_no_whole_table_of_the_projects_columns_is_not_fit(
    tmp_path: Path, name: str, content: bytes, got: str
) -> None:
    (tmp_path / name).write_bytes(content)
    assert got in unreadable(make(tmp_path), tmp_path / name)


def test_a_truncated_parquet_file_is_not_fit(tmp_path: Path) -> None:
    project = make(tmp_path)
    whole = project.prepared.read_bytes()
    project.prepared.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in unreadable(project, project.prepared)


def test_a_header_that_is_data_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"1,{CANARY},0111,base\n2,chef,0222,base\n")
    assert "canary" not in unreadable(make(tmp_path), path)


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    project = make(tmp_path)
    with pytest.raises(NotFound) as missing:
        checking.check(project, tmp_path / "data" / "new.csv")
    assert missing.value.message == "there is no file data/new.csv"
    (tmp_path / "data" / "new.csv.dvc").touch()
    with pytest.raises(NotFound) as missing:
        checking.check(project, tmp_path / "data" / "new.csv")
    assert missing.value.hint == "dvc pull"


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(Misused, match=r"a\.xlsx is no table"):
        checking.check(make(tmp_path), tmp_path / "a.xlsx")


# What the checks need


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("code,title\n", "no codes of the finest level"),
        ("code,title\n0,a\n1,b\n", "no codes of the finest level"),
        ("kode,title\n0111,a\n", "expected a code in each line"),
        ("code,title\n0111,a\n0111,b\n", "each code once"),
        ("code,title\n0111,a\n,b\n", "expected a code in each line"),
    ],
)
def test_a_nomenclature_that_is_none_is_told(tmp_path: Path, content: str, told: str) -> None:
    project = make(tmp_path)
    (tmp_path / "nomenclature" / "soc.csv").write_text(content)
    with pytest.raises(Misused, match=told):
        checking.check(project, project.prepared)


def test_a_missing_nomenclature_and_an_unknown_rule_are_told(tmp_path: Path) -> None:
    project = make(tmp_path, checks={"rules": {"class_sizes": {}}})
    with pytest.raises(Misused, match="there is no rule 'class_sizes'"):
        checking.check(project, project.prepared)
    project = make(tmp_path)
    (tmp_path / "nomenclature" / "soc.csv").unlink()
    with pytest.raises(NotFound, match=r"the nomenclature nomenclature/soc\.csv is missing"):
        checking.check(project, project.prepared)


# Leakage


def split(project: Project, parts: list[str], ids: list[str] | None = None) -> None:
    frame = pd.DataFrame({"record_id": ids or records()["record_id"][: len(parts)], "part": parts})
    frame.to_parquet(project.splits)


PARTS = ["train"] * 20 + ["validation"] * 3 + ["test"] * 4


def of_the_split(project: Project, frame: pd.DataFrame) -> Finding:
    return next(found for found in checking.leakage(project, frame) if found.gate == "leakage")


def test_leakage_is_assessed_when_there_is_a_split_of_these_records(tmp_path: Path) -> None:
    project, frame = make(tmp_path), records()
    before = of_the_split(project, frame)
    assert (before.passed, before.got) == (None, "not assessed until the split exists")
    split(project, PARTS)
    assert of_the_split(project, frame).passed
    leaking = frame.assign(text=frame["text"].replace("worker number 25", "Worker, number 0"))
    found = of_the_split(project, leaking)
    assert (found.blocks, found.examples) == (True, ("00025",))


def test_a_split_of_other_records_is_not_assessed(tmp_path: Path) -> None:
    project = make(tmp_path)
    split(project, PARTS[1:])
    found = of_the_split(project, records())
    assert found.passed is None
    assert found.got.startswith("not assessed: the split was made from other records")


def test_a_damaged_split_is_told(tmp_path: Path) -> None:
    project = make(tmp_path)
    project.splits.write_bytes(b"PAR1")
    with pytest.raises(CouldNot, match=r"data/splits\.parquet is damaged"):
        checking.leakage(project, records())


def test_only_codes_of_the_finest_level_are_labels(tmp_path: Path) -> None:
    assert checking.dataset(make(tmp_path), records()).codes == frozenset(CODES)


# Severity by stage, and the gate


@slow
def test_what_the_project_lets_advise_still_fails_at_the_gate(tmp_path: Path) -> None:
    """The pipeline goes on with a proof of concept; its evidence says that the check failed, and bars the level."""
    frame = records()
    frame = frame[(frame["code"] != "9330") | (frame.index == 2)]
    for stage in ("valid_solution", "production"):
        checks = {"rules": {"class_size": {"blocks_from": stage}}}
        project = make(tmp_path, checks=checks)
        checked = check(project, frame)
        assert checked.report.passed, checked.report
        assert [f.gate for f in checked.report.findings if checked.report.later(f) == stage] == ["class_size"]
        checking.write(checked, project.reports)
        (project.reports / "leakage.json").write_text(json.dumps(Finding("leakage", "x", True, "0", "0").as_dict()))
        findings = running.checked(project)
        assert [finding.gate for finding in findings if not finding.passed] == ["class_size"]
        verdicts = DataChecks().judge(good(evidence=(said("data-checks", findings),)))
        assert not all_passed(verdicts)
        assert "1 of 3 classes with fewer" in str([v for v in verdicts if not v.passed])
        assert all_passed(DataChecks(advisory=("class_size",)).judge(good(evidence=(said("data-checks", findings),))))


@slow
def test_an_expectation_advises_before_the_stage_that_its_meta_names(tmp_path: Path) -> None:
    project = make(tmp_path)
    meta = {"towpath": {"blocks_from": "valid_solution"}}
    odd = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 31}, "meta": meta}
    (tmp_path / "checks" / "suite.json").write_text(
        json.dumps({**SUITE, "expectations": [*SUITE["expectations"], odd]})
    )
    assert check(project, records()).report.passed
    report = checking.check(project, project.prepared, checking.How(stage="valid_solution")).report
    assert [f.gate for f in report.findings if f.blocks_at("valid_solution")] == ["expect_table_row_count_to_equal"]
    assert not report.passed


@pytest.mark.parametrize(
    ("rule", "setting"),
    [
        ("leakage", {"severity": "warning"}),
        ("leakage", {"blocks_from": "production"}),
        ("leakage_by_group", {"blocks_from": "production"}),
    ],
)
def test_no_project_lets_a_split_leak(tmp_path: Path, rule: str, setting: dict[str, str]) -> None:
    project = make(tmp_path, checks={"rules": {rule: setting}})
    told = f"checks.rules.{rule}.{next(iter(setting))}: a split that leaks is no split at any stage"
    with pytest.raises(Misused, match=re.escape(told)):
        checking.check(project, project.prepared)


def test_a_stage_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    project = make(tmp_path, checks={"rules": {"class_size": {"blocks_from": "someday"}}})
    with pytest.raises(Misused, match=r"checks\.rules\.class_size\.blocks_from: there is no stage 'someday'"):
        checking.check(project, project.prepared)
    project = make(tmp_path)
    odd = {**SUITE["expectations"][0], "meta": {"towpath": {"blocks_from": 3}}}  # type: ignore[dict-item]
    (tmp_path / "checks" / "suite.json").write_text(json.dumps({**SUITE, "expectations": [odd]}))
    with pytest.raises(Misused, match=r"suite\.json, expectation 1 .*: there is no stage '3'"):
        checking.check(project, project.prepared)

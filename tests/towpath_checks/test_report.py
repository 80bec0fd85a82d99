"""One report in three forms."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import towpath_checks
from towpath_checks.findings import STAGES, Finding
from towpath_checks.report import SCHEMA, Report, as_html, as_json, as_text, kept, restored

FAILED = Finding("codes", "the label", False, "1 of 6 records", "one of 3 codes", "error", 1, 6, ("0333",))
REPORT = Report(
    "data/prepared.parquet",
    6,
    {"data/prepared.parquet": "sha256:aa", "checks/suite.json": "sha256:bb"},
    (
        Finding("sizes", "classes", True, "0 of 3", "at least 2"),
        Finding("advice", "texts", False, "3", "none", "warning"),
        Finding("leakage", "records", None, "not assessed until the split exists", "none"),
        FAILED,
    ),
    ("Leakage stands elsewhere.",),
)
LATER = Finding(
    "few", "classes", False, "1 of 3", "none", "error", 1, 3, engine="towpath", blocks_from="valid_solution"
)
WHEN = "2026-11-23T06:35:00Z"


def test_the_verdict_comes_first_and_counts() -> None:
    said = "data/prepared.parquet is NOT fit: 1 of 4 checks failed, 1 passed, 1 advise, 1 not assessed."
    assert as_text(REPORT).splitlines()[0] == as_json(REPORT)["sentence"] == said
    assert said in as_html(REPORT)
    fit = replace(REPORT, findings=REPORT.findings[:3])
    assert fit.sentence.startswith("data/prepared.parquet is fit: nothing failed, 1 passed")


def test_data_that_nothing_blocks_and_nothing_clears_are_told_to_be_unfit_for_that() -> None:
    advice = replace(REPORT, findings=REPORT.findings[1:2])
    said = "data/prepared.parquet is NOT fit: nothing failed, but of the checks that could block none passed, 0 passed"
    assert advice.sentence.startswith(said)


def test_what_failed_stands_before_what_passed() -> None:
    words = re.findall(r"^(FAIL|warn|n/a|pass) ", as_text(REPORT), re.MULTILINE)
    assert words == ["FAIL", "warn", "n/a", "pass"]
    assert re.findall(r'<td class="word ([^"]+)">', as_html(REPORT)) == ["FAIL", "warn", "n/a", "pass"]


def test_a_report_without_findings_is_no_pass() -> None:
    empty = replace(REPORT, findings=())
    assert not empty.passed
    assert as_json(empty)["verdict"] == "failed"


def test_the_json_keeps_the_order_of_the_findings_and_sorts_the_inputs() -> None:
    content = as_json(REPORT)
    assert [finding["gate"] for finding in content["findings"]] == ["sizes", "advice", "leakage", "codes"]
    assert list(content["inputs"]) == ["checks/suite.json", "data/prepared.parquet"]
    assert content["counts"] == {"failed": 1, "warnings": 1, "not_assessed": 1, "passed": 1}
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_equal_reports_give_equal_bytes() -> None:
    same = replace(REPORT, inputs=dict(reversed(list(REPORT.inputs.items()))))
    assert as_html(same) == as_html(REPORT)
    assert json.dumps(as_json(same)) == json.dumps(as_json(REPORT))


def test_the_page_loads_nothing_and_what_is_foreign_is_escaped() -> None:
    foreign = replace(FAILED, subject="<script>alert(1)</script>", examples=("<b>",))
    page = as_html(replace(REPORT, findings=(foreign,)))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page
    assert not re.search(r"https?:|src=|href=|@import|url\(", page)
    assert "default-src 'none'" in page


def test_nothing_foreign_rewrites_a_terminal() -> None:
    foreign = replace(FAILED, got="\x1b[2J\rfit", examples=("\x1b]0;x\x07",))
    assert "\x1b" not in as_text(replace(REPORT, findings=(foreign,)))


def test_lines_of_the_table_fit_a_terminal() -> None:
    long = Finding("expect_column_proportion_of_non_null_values_to_be", "s" * 200, True, "g" * 200, "e" * 200)
    table = as_text(replace(REPORT, findings=(long,))).splitlines()[2:]
    assert max(map(len, table)) <= 130


# Stages


@pytest.mark.parametrize(
    ("stage", "passed", "word"),
    [("proof_of_concept", True, "warn"), ("valid_solution", False, "FAIL"), ("production", False, "FAIL")],
)
def test_a_check_advises_before_its_stage_and_blocks_from_there_on(stage: str, passed: bool, word: str) -> None:
    report = replace(REPORT, findings=(REPORT.findings[0], LATER), stage=stage)
    assert (report.passed, report.word(LATER)) == (passed, word)
    assert as_json(report)["findings"][1]["blocks"] is not passed
    assert ("blocks    from valid_solution on" in as_text(report)) is passed
    assert ("blocks from valid_solution on" in as_html(report)) is passed


def test_an_unknown_stage_is_no_way_round_a_check() -> None:
    odd = replace(LATER, blocks_from="some_day")
    assert not replace(REPORT, findings=(REPORT.findings[0], odd)).passed
    assert not replace(REPORT, findings=(REPORT.findings[0], LATER), stage="elsewhere").passed


# Engines, and what is remembered


def test_every_form_says_which_engine_gave_a_verdict() -> None:
    by = tuple(
        replace(f, engine=engine) for f, engine in zip(REPORT.findings, ("compiled", "", "", "spark"), strict=True)
    )
    report = replace(REPORT, findings=by)
    assert as_json(report)["engines"] == {"compiled": 1, "spark": 1}
    assert "Verdicts by engine: compiled 1, spark 1." in as_text(report)
    assert "engine    spark" in as_text(report)
    assert re.findall(r'class="engine">(.*)</td>', as_html(report)) == ["spark", "", "", "compiled"]


def test_a_remembered_verdict_says_from_when_and_a_new_one_holds_no_time() -> None:
    told = f"This verdict is remembered, from {WHEN}"
    report = replace(REPORT, remembered=WHEN)
    assert as_json(report)["remembered"] == WHEN
    assert told in as_text(report)
    assert told in as_html(report)
    assert as_json(REPORT)["remembered"] is None
    assert replace(report, remembered="") == REPORT


def test_what_is_kept_is_restored_through_json() -> None:
    content = json.loads(json.dumps(kept(REPORT)))
    assert restored(content, remembered=WHEN) == replace(REPORT, remembered=WHEN)
    with pytest.raises((TypeError, KeyError, ValueError)):
        restored({"data": "x"}, remembered=WHEN)


# The schema of the JSON

FILE = Path(towpath_checks.__file__).with_name("report.schema.json")


@pytest.mark.parametrize("report", [REPORT, replace(REPORT, findings=()), replace(REPORT, remembered=WHEN)])
def test_the_json_is_as_its_schema_says(report: Report) -> None:
    import jsonschema  # type: ignore[import-untyped]

    jsonschema.validate(as_json(report), json.loads(FILE.read_text(encoding="utf-8")))


def test_the_schema_names_each_key_the_version_and_the_stages() -> None:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    content = as_json(REPORT)
    assert schema["properties"]["schema"]["const"] == content["schema"] == SCHEMA
    assert set(schema["properties"]) == set(schema["required"]) == set(content)
    finding = schema["$defs"]["finding"]
    assert set(finding["properties"]) == set(finding["required"]) == set(content["findings"][0])
    assert schema["properties"]["stage"]["enum"] == list(STAGES)
    assert finding["properties"]["blocks_from"]["enum"] == ["", *STAGES]

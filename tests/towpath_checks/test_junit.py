"""A report for a build server."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

from towpath_checks.findings import Finding
from towpath_checks.junit import as_junit
from towpath_checks.report import Report

FAILED = Finding("codes", "the label", False, "1 of 6 records", "one of 3 codes", "error", 1, 6, ("0333",))
REPORT = Report(
    "data/prepared.parquet",
    6,
    {},
    (
        Finding("sizes", "classes", True, "0 of 3", "at least 2"),
        Finding("advice", "texts", False, "3", "none", "warning"),
        Finding("leakage", "records", None, "not assessed until the split exists", "none"),
        FAILED,
    ),
)


def read(report: Report) -> ET.Element:
    return ET.fromstring(as_junit(report).encode())


def test_what_blocks_is_a_failure_and_what_advises_or_is_open_is_skipped() -> None:
    suite = read(REPORT)[0]
    said = {case.attrib["name"]: [child.tag for child in case] for case in suite.iter("testcase")}
    assert said == {
        "the data are fit": ["failure"],
        "codes: the label": ["failure"],
        "advice: texts": ["skipped"],
        "leakage: records": ["skipped"],
        "sizes: classes": [],
    }
    assert {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "2",
        "errors": "0",
        "skipped": "2",
    }
    (failure,) = suite.iterfind("testcase[@name='codes: the label']/failure")
    assert failure.attrib["message"] == "got 1 of 6 records; expected one of 3 codes"
    assert failure.text == "for example 0333"


def test_a_report_in_which_nothing_was_assessed_fails() -> None:
    assert [case.attrib["name"] for case in read(replace(REPORT, findings=())).iter("testcase")] == ["the data are fit"]
    assert read(replace(REPORT, findings=())).attrib["failures"] == "1"
    assert read(replace(REPORT, findings=REPORT.findings[:3])).attrib["failures"] == "0"


def test_a_check_that_blocks_later_is_skipped_before_its_stage() -> None:
    later = replace(FAILED, blocks_from="production")
    assert read(replace(REPORT, findings=(REPORT.findings[0], later))).attrib["failures"] == "0"
    assert read(replace(REPORT, findings=(REPORT.findings[0], later), stage="production")).attrib["failures"] == "2"


def test_what_xml_cannot_hold_or_would_read_is_no_part_of_it() -> None:
    foreign = replace(FAILED, subject="<b>&\x1b[2J", got="\ufffe\x00", examples=("\x07]]>",))
    (case,) = [c for c in read(replace(REPORT, findings=(foreign,))).iter("testcase") if "codes" in c.attrib["name"]]
    assert case.attrib["name"] == "codes: <b>&\ufffd[2J"


def test_equal_reports_give_equal_bytes_and_hold_no_time() -> None:
    assert as_junit(REPORT) == as_junit(replace(REPORT))
    assert "time" not in as_junit(REPORT)

"""One report in three forms."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from towpath_checks.findings import Finding
from towpath_checks.report import Report, as_html, as_json, as_text

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


def test_the_verdict_comes_first_and_counts() -> None:
    said = "data/prepared.parquet is NOT fit: 1 of 4 checks failed, 1 passed, 1 advise, 1 not assessed."
    assert as_text(REPORT).splitlines()[0] == as_json(REPORT)["sentence"] == said
    assert said in as_html(REPORT)
    fit = replace(REPORT, findings=REPORT.findings[:3])
    assert fit.sentence.startswith("data/prepared.parquet is fit: nothing failed, 1 passed")


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

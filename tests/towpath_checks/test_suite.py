"""The door to Great Expectations: what it cannot assess has not passed, and no value comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from towpath_checks import suite
from towpath_checks.findings import Finding
from towpath_core.errors import Misused, NotFound, Refused

CANARY = "jane canary doe"
RECORDS = pd.DataFrame(
    {
        "text": [CANARY, "baker", "chef", "guard", "teacher", None],
        "code": ["0111", "111", "0222", "0222", "0333", CANARY],
        "age": [987654.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        "void": [None] * 6,
    }
)

HIDDEN = "not so (values are not shown)"
VOID = "not assessed: every value of void is missing"
Case = tuple[dict[str, Any], bool, str]


def expects(what: str, severity: str = "critical", /, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{what}", "kwargs": kwargs, "severity": severity}


HOLDS = expects("column_values_to_be_between", column="age", min_value=0)
FAILS = expects("column_values_to_match_regex", column="code", regex="^[0-9]{4}$")
NOBODY = {"row_condition": 'text=="nobody"', "condition_parser": "pandas"}
CASES: dict[str, Case] = {  # an expectation, whether it passes, and what was got
    "holds": (HOLDS, True, "0 of 6 records not so"),
    "fails": (FAILS, False, "2 of 6 records (33.3 %) not so"),
    "mostly": (
        expects("column_values_to_not_be_null", column="text", mostly=0.8),
        True,
        "1 of 6 records (16.7 %) not so",
    ),
    "rows": (expects("table_row_count_to_be_between", min_value=7), False, "6"),
    "mean": (expects("column_mean_to_be_between", column="age", max_value=100), False, "164,642"),
    "largest": (expects("column_max_to_be_between", column="age", max_value=100), False, HIDDEN),
    "set": (expects("column_distinct_values_to_be_in_set", column="text", value_set=["baker"]), False, HIDDEN),
    "columns": (expects("table_columns_to_match_set", column_set=["text"]), False, HIDDEN),
    "exists": (expects("column_to_exist", column="title"), False, HIDDEN),
    "no column": (expects("column_values_to_be_unique", column="title"), False, "there is no column title"),
    "no second column": (
        expects("column_pair_values_to_be_equal", column_A="text", column_B="title"),
        False,
        "there is no column title",
    ),
    "all missing": (expects("column_values_to_be_in_set", column="void", value_set=["a"]), False, VOID),
    "share of nothing": (
        expects("column_proportion_of_unique_values_to_be_between", column="void", min_value=0),
        False,
        VOID,
    ),
    "condition that none meets": (
        expects("column_values_to_be_in_set", column="code", value_set=["x"], **NOBODY),
        False,
        "not assessed: no record meets the row condition",
    ),
    "breaks": (expects("column_max_to_be_between", column="text", max_value=3), False, "not assessed: TypeError"),
    "not for frames": (
        expects("column_values_to_match_like_pattern", column="text", like_pattern="a%"),
        False,
        "not assessed: MetricProviderError",
    ),
    "advises": (
        expects("column_values_to_not_be_null", "warning", column="text"),
        False,
        "1 of 6 records (16.7 %) not so",
    ),
    "twice": (HOLDS, True, "0 of 6 records not so"),
}


def written(folder: Path, *expectations: Any, **more: Any) -> Path:
    path = folder / "suite.json"
    path.write_text(json.dumps({"name": "records", "expectations": list(expectations), **more}))
    return path


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Finding], dict[str, Any]]:
    path = written(tmp_path_factory.mktemp("suite"), *(asked for asked, _, _ in CASES.values()))
    findings, evidence = suite.run(suite.read(path), RECORDS)
    return dict(zip(CASES, findings, strict=True)), evidence


Answered = tuple[dict[str, Finding], dict[str, Any]]
slow = pytest.mark.slow  # importing Great Expectations takes seconds


@slow
@pytest.mark.parametrize("name", CASES)
def test_each_expectation_has_its_finding_in_the_suites_order(answered: Answered, name: str) -> None:
    asked, passed, got = CASES[name]
    finding = answered[0][name]
    assert (finding.gate, finding.passed, finding.got) == (asked["type"], passed, got)
    assert finding.severity == ("warning" if name == "advises" else "error")


@slow
def test_counts_are_kept_and_settings_are_told(answered: Answered) -> None:
    fails = answered[0]["fails"]
    assert (fails.subject, fails.count, fails.total) == ("code", 2, 6)
    assert fails.expected == "column values to match regex, regex ^[0-9]{4}$"


@slow
def test_no_value_of_a_record_comes_out(answered: Answered) -> None:
    findings, evidence = answered
    for told in (str(findings), json.dumps(evidence)):
        assert "canary" not in told
        assert "987654" not in told


@slow
def test_the_evidence_has_great_expectations_own_shape(answered: Answered) -> None:
    evidence = answered[1]
    assert evidence["success"] is False
    assert evidence["statistics"]["evaluated_expectations"] == len(CASES)
    kinds = [result["expectation_config"]["type"] for result in evidence["results"]]
    assert kinds == [asked["type"] for asked, _, _ in CASES.values()]
    assert evidence["meta"]["suite_digest"].startswith("sha256:")


@slow
def test_the_same_records_give_the_same_evidence(tmp_path: Path) -> None:
    asked = suite.read(written(tmp_path, *(asked for asked, _, _ in CASES.values())))
    assert suite.run(asked, RECORDS) == suite.run(asked, RECORDS)


@slow
def test_no_progress_bar_is_drawn(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    suite.run(suite.read(written(tmp_path, FAILS)), RECORDS)
    assert capfd.readouterr() == ("", "")


@slow
@pytest.mark.parametrize(
    ("expectation", "told"),
    [
        (expects("column_values_to_be_nul", column="text"), "_nul on text): there is no such expectation"),
        (expects("column_values_to_be_in_set", column="text", values=["a"]), "values: extra fields not permitted"),
        (expects("column_values_to_be_in_set", value_set=["a"]), "_in_set on the table): column: field required"),
        (expects("column_values_to_be_unique", "mild", column="text"), "severity"),
        ({**HOLDS, "colour": "red"}, "colour"),
    ],
)
def test_an_expectation_that_is_none_is_told_by_position_and_never_left_out(
    tmp_path: Path, expectation: dict[str, Any], told: str
) -> None:
    asked = suite.read(written(tmp_path, HOLDS, expectation), "checks/suite.json")
    with pytest.raises(Misused) as refused:
        suite.run(asked, RECORDS)
    assert refused.value.message.startswith("checks/suite.json, expectation 2 (")
    assert told in refused.value.message


@slow
def test_a_misspelt_expectation_gets_a_suggestion(tmp_path: Path) -> None:
    asked = suite.read(written(tmp_path, expects("column_values_to_be_nul", column="text")))
    with pytest.raises(Misused) as refused:
        suite.run(asked, RECORDS)
    assert refused.value.hint == "did you mean expect_column_values_to_be_null?"


def test_no_records_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="every expectation would hold"):
        suite.run(suite.read(written(tmp_path, HOLDS)), RECORDS.head(0))


def test_a_suite_that_expects_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"suite\.json expects nothing"):
        suite.read(written(tmp_path))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not JSON"),
        ("[]", "is no suite"),
        ('{"name": "s"}', "is no suite"),
        ('{"expectations": [{}]}', "has no name"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {}}, {}]}', "expectation 2: expected an object"),
        ('{"name": "s", "expectations": [{"type": "x", "kwargs": {"a": {"$PARAMETER": "b"}}}]}', "has no value here"),
    ],
)
def test_a_file_that_is_no_suite_is_told_by_name(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "suite.json"
    path.write_text(content)
    with pytest.raises(Misused, match=told) as refused:
        suite.read(path)
    assert "suite.json" in refused.value.message


def test_a_missing_suite_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refused:
        suite.read(tmp_path / "suite.json", "checks/suite.json")
    assert refused.value.hint.startswith("git checkout checks/suite.json")

"""A suite over a table: engines agree, what cannot be assessed has not passed, no value comes out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from towpath_checks import engines, suite
from towpath_checks.engines import Engine, Suited
from towpath_checks.remembered import Memory
from towpath_checks.tables import open_table
from towpath_core.errors import Misused, Refused

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
UNTITLED = {"row_condition": "age==60", "condition_parser": "pandas"}
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
    "mean of one": (expects("column_mean_to_be_between", column="age", max_value=9, **UNTITLED), False, HIDDEN),
    "quartiles": (
        expects(
            "column_quantile_values_to_be_between",
            column="age",
            quantile_ranges={"quantiles": [0.25, 0.75], "value_ranges": [[20, 30], [50, 60]]},
        ),
        True,
        "as expected",
    ),
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
    "sum of nothing": (
        expects("column_sum_to_be_between", column="age", min_value=0, **NOBODY),
        False,
        "not assessed: no record meets the row condition",
    ),
    "count of missing values": (
        expects("column_unique_value_count_to_be_between", column="text", max_value=9, **UNTITLED),
        False,
        "not assessed: every value of text is missing under the row condition",
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


Answered = dict[Engine, Suited]
slow = pytest.mark.slow  # importing Great Expectations takes seconds


def run(folder: Path, *expectations: dict[str, Any], records: pd.DataFrame = RECORDS, **how: Any) -> Suited:
    records.to_parquet(folder / "records.parquet")
    asked = suite.read(written(folder, *expectations), "checks/suite.json")
    with open_table(folder / "records.parquet") as table:
        return engines.run(asked, table, **{"name": "", **how})


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Answered:
    folder, asked = tmp_path_factory.mktemp("suite"), [asked for asked, _, _ in CASES.values()]
    return {engine: run(folder, *asked, engine=engine) for engine in ("auto", "fast", "gx")}


@slow
@pytest.mark.parametrize("engine", ["auto", "gx"])
@pytest.mark.parametrize("name", CASES)
def test_each_expectation_has_its_finding_in_the_suites_order(answered: Answered, name: str, engine: Engine) -> None:
    asked, passed, got = CASES[name]
    finding = answered[engine].findings[list(CASES).index(name)]
    assert (finding.gate, finding.passed, finding.got) == (asked["type"], passed, got)
    assert finding.severity == ("warning" if name == "advises" else "error")


@slow
def test_the_quick_engine_alone_says_the_same_or_does_not_assess(answered: Answered) -> None:
    for quick, asked in zip(answered["fast"].findings, answered["gx"].findings, strict=True):
        if quick.passed or not quick.got.startswith("not assessed"):
            assert (quick.passed, quick.got) == (asked.passed, asked.got)
        assert quick.engine in ("compiled", "towpath")


@slow
def test_each_finding_names_the_engine_that_gave_it(answered: Answered) -> None:
    by_name = dict(zip(CASES, answered["auto"].findings, strict=True))
    assert by_name["fails"].engine == "compiled"
    assert by_name["breaks"].engine == "great-expectations"
    assert by_name["no column"].engine == "towpath"
    assert answered["gx"].engines == {"great-expectations": len(CASES) - 2, "towpath": 2}
    said = answered["auto"].evidence["meta"]["engines"][list(CASES).index("breaks")]
    assert said["engine"] == "great-expectations"
    assert said["not_compiled"]


@slow
@pytest.mark.parametrize("engine", ["auto", "gx"])
def test_counts_are_kept_and_settings_are_told(answered: Answered, engine: Engine) -> None:
    fails = answered[engine].findings[list(CASES).index("fails")]
    assert (fails.subject, fails.count, fails.total) == ("code", 2, 6)
    assert fails.expected == "column values to match regex, regex ^[0-9]{4}$"


@slow
@pytest.mark.parametrize("engine", ["auto", "fast", "gx"])
def test_no_value_of_a_record_comes_out(answered: Answered, engine: Engine) -> None:
    for told in (str(answered[engine].findings), json.dumps(answered[engine].evidence)):
        assert "canary" not in told
        assert "987654" not in told


@slow
@pytest.mark.parametrize("engine", ["auto", "gx"])
def test_the_evidence_is_loaded_by_great_expectations_itself(answered: Answered, engine: Engine) -> None:
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

    evidence = answered[engine].evidence
    assert evidence["success"] is False
    assert evidence["statistics"]["evaluated_expectations"] == len(CASES)
    assert evidence["meta"]["suite_digest"].startswith("sha256:")
    loaded = expectationSuiteValidationResultSchema.load(json.loads(json.dumps(evidence)))
    kinds = [result["expectation_config"]["type"] for result in loaded["results"]]
    assert kinds == [asked["type"] for asked, _, _ in CASES.values()]


@slow
def test_what_was_not_assessed_is_no_success_of_the_evidence(tmp_path: Path) -> None:
    void = expects("column_values_to_be_in_set", column="void", value_set=["a"])
    evidence = run(tmp_path, HOLDS, void).evidence
    assert evidence["statistics"]["successful_expectations"] == 2  # as Great Expectations has it
    assert evidence["success"] is False


@slow
@pytest.mark.parametrize("engine", ["auto", "gx"])
def test_the_first_records_that_are_not_so_are_named_by_their_ids(tmp_path: Path, engine: Engine) -> None:
    records = RECORDS.assign(record_id=[f"{i:03d}" for i in range(6)])
    found = run(tmp_path, FAILS, records=records, engine=engine, name="record_id").findings
    assert found[0].examples == ("001", "005")


@pytest.mark.slow
def test_an_expectation_that_breaks_great_expectations_as_a_whole_is_not_assessed_and_the_others_are(
    tmp_path: Path,
) -> None:
    """A condition that cannot be compared, in an expectation about types, raises before anything is asked."""
    days = RECORDS.assign(day=[date(2026, 1, number) for number in range(1, 7)])
    later = {"type": "comparison", "column": {"name": "day"}, "operator": ">", "parameter": "2026-01-02"}
    breaks = expects("column_values_to_be_of_type", column="day", type_="str", row_condition=later)
    found = run(tmp_path, HOLDS, breaks, FAILS, records=days, engine="gx").findings
    assert [finding.passed for finding in found] == [True, False, False]
    assert found[1].got == "not assessed: Great Expectations gave no answer"
    assert found[2].got == "2 of 6 records (33.3 %) not so"


def test_no_progress_bar_is_drawn(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, FAILS, engine="gx")
    assert capfd.readouterr() == ("", "")


@slow
def test_the_same_records_give_the_same_evidence(tmp_path: Path) -> None:
    asked = [asked for asked, _, _ in CASES.values()]
    assert run(tmp_path, *asked) == run(tmp_path, *asked)


@slow
def test_asking_both_engines_finds_no_difference(tmp_path: Path) -> None:
    found = run(tmp_path, HOLDS, FAILS, cross_check=True).findings[2:]
    assert [(f.gate, f.passed, f.got) for f in found] == [
        ("cross_check", True, "2 of 2 compiled verdicts are the same")
    ]


@slow
def test_a_difference_between_the_engines_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from towpath_checks import compiled

    def wrong(asked: Any, table: Any, name: str) -> list[compiled.Answer]:
        answers = honest(asked, table, name)
        result = {**(answers[0].result or {}), "success": False}
        return [compiled.Answer(result), *answers[1:]]

    honest = compiled.validate
    monkeypatch.setattr(compiled, "validate", wrong)
    found = run(tmp_path, HOLDS, FAILS, cross_check=True).findings[2:]
    assert [(f.gate, f.subject, f.blocks) for f in found] == [("cross_check", "age", True)]
    assert found[0].got == "success of expect_column_values_to_be_between differ between the engines"


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
    with pytest.raises(Misused) as refused:
        run(tmp_path, HOLDS, expectation)
    assert refused.value.message.startswith("checks/suite.json, expectation 2 (")
    assert told in refused.value.message


@slow
def test_a_misspelt_expectation_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(Misused) as refused:
        run(tmp_path, expects("column_values_to_be_nul", column="text"))
    assert refused.value.hint == "did you mean expect_column_values_to_be_null?"


@slow
def test_a_suite_is_shown_to_great_expectations_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from towpath_checks import gx_door

    memory = Memory(tmp_path / "memory", b"k" * 32)
    run(tmp_path, HOLDS, memory=memory)
    monkeypatch.delattr(gx_door, "understand")
    assert run(tmp_path, HOLDS, memory=memory).findings[0].passed
    with pytest.raises(AttributeError):
        run(tmp_path, HOLDS, FAILS, memory=memory)


def test_no_records_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="every expectation would hold"):
        run(tmp_path, HOLDS, records=RECORDS.head(0))


def test_an_engine_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(Misused, match="there is no engine 'sas'"):
        run(tmp_path, HOLDS, engine="sas")


def test_another_delimiter_is_named_before_the_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "records.csv"
    path.write_text("text;age\na,b,c;3\n")
    with open_table(path) as table, pytest.raises(Refused, match="cells are separated by semicolons, expected commas"):
        engines.run(suite.read(written(tmp_path, HOLDS)), table)

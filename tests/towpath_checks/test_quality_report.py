"""The page that a business owner reads first."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import pytest

from towpath_checks.measures import Measure
from towpath_checks.quality import ACCURACY, COST, EXPLAINABILITY, REPRODUCIBILITY, TIMELINESS, Bound, Figure
from towpath_checks.quality_report import (
    Annex,
    QualityReport,
    Version,
    as_html,
    as_markdown,
    as_text,
    number,
    read,
)
from towpath_core.errors import Misused

PIXEL = bytes.fromhex("89504e470d0a1a0a")
VERSION = Version("occupation-coder/3", "production", ("production",), "Its figures are as signed by anna.")


def figure(dimension: str, name: str, value: float | None, bound: Bound | None = None, unit: str = "") -> Figure:
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    note = "no audit sample was drawn" if value is None else ""
    return Figure(dimension, Measure(name, value, low, high, 2822, note), bound, None, ("reports/metrics.json",), unit)


REPORT = QualityReport(
    model="occupation-coder",
    title="Job titles <to> SOC 2010 | test",
    made="2026-11-23T07:00:00.000000Z",
    digest="sha256:" + "ab" * 32,
    records={"train": 20000, "test": 2822},
    figures=(
        replace(
            figure(ACCURACY, "accuracy_4", 0.57, Bound(at_least=0.53)),
            baseline=Measure("baseline_accuracy_4", 0.354, 0.33, 0.37, 2822),
        ),
        figure(ACCURACY, "ece", 0.055, Bound(at_most=0.06)),
        figure(EXPLAINABILITY, "top_word_importance", 0.2),
        figure(REPRODUCIBILITY, "largest_move_of_a_share", 0.03, Bound(at_most=0.01)),
        figure(TIMELINESS, "seconds_per_1000_records", 0.2, Bound(at_most=10), "s"),
        figure(COST, "cost_per_accurate_record", None, Bound(at_most=1), "EUR"),
    ),
    annexes=(
        Annex("Accuracy by mode", ("mode", "n", "accuracy"), (("<b>paper</b> | scan", 120, 0.5), ("web", 12, None))),
    ),
    changes=("limits.accuracy_4.at_least: 0.57, now 0.53 (2026-03-31, 1234567, where 0.55 had been measured)",),
    pinned={"commit": "1" * 40},
    scope={"driver": "Coding takes people's time."},
    owners={"business_owner": ""},
    inputs={"reports/metrics.json": "sha256:" + "cd" * 32},
)


def test_the_verdict_says_the_worst_first_and_leaves_nothing_out() -> None:
    assert replace(REPORT, changes=()).sentence == (
        "occupation-coder fails in reproducibility; it is to be watched in accuracy; "
        "it is not assessed in explainability and cost effectiveness; it meets timeliness, as asked before the run."
    )


def test_the_verdict_does_not_say_before_the_run_of_what_was_changed_after_a_result_or_may_have_been() -> None:
    assert REPORT.sentence.endswith("timeliness, as asked now: something was changed after a result was known.")
    said = replace(REPORT, changes=None).sentence
    assert said.endswith("timeliness. Whether that was asked before a result was known is not known.")


@pytest.mark.parametrize("render", [as_markdown, lambda r, v: as_html(r, v, {"reliability": PIXEL}), as_text])
def test_every_form_says_the_verdict_each_figure_and_what_was_changed(render) -> None:  # type: ignore[no-untyped-def]
    said = render(REPORT, VERSION).replace("&#39;", "'")
    for words in (REPORT.sentence, "occupation-coder/3", "as signed by anna", "at least 0.53", "0.354", "not assessed"):
        assert words in said
    assert "limits.accuracy_4.at_least: 0.57, now 0.53" in said


def test_the_annex_has_its_tables_notes_and_sources() -> None:
    for said in (as_markdown(REPORT, VERSION), as_html(REPORT, VERSION, {})):
        assert "Accuracy by mode" in said
        assert "no audit sample was drawn" in said
        assert "from reports/metrics.json" in said
        assert "nobody" in said


def test_the_page_loads_nothing_and_lets_no_text_become_markup() -> None:
    said = as_html(REPORT, VERSION, {"reliability": PIXEL})
    assert "default-src 'none'" in said
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", said)
    assert "<script" not in said
    assert "<b>paper" not in said
    assert "&lt;to&gt;" in said


def test_a_markdown_table_keeps_its_cells() -> None:
    lines = as_markdown(REPORT, VERSION).splitlines()
    [row] = [line for line in lines if "paper" in line]
    assert row == "| &lt;b>paper&lt;/b> \\| scan | 120 | 0.500 |"


def test_names_of_columns_become_no_markup_in_markdown() -> None:
    odd = Annex("Accuracy by a|b<script>", ("a|b<script>",), (("web",),), "a<script>")
    named = replace(
        figure(ACCURACY, "accuracy_gap_a|b<script>", 0.1), measure=Measure("x<script>", 0.1, 0, 1, 9, "<script>")
    )
    assert "<script" not in as_markdown(replace(REPORT, annexes=(odd,), figures=(named,)), VERSION)


def test_a_report_comes_back_from_json() -> None:
    assert read(json.loads(json.dumps(REPORT.as_json()))) == REPORT


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        {},
        {"schema": 2},
        {**REPORT.as_json(), "figures": [{"name": "accuracy"}]},
        {**REPORT.as_json(), "figures": [{**REPORT.figures[0].as_dict(), "value": "0.9"}]},
        {**REPORT.as_json(), "figures": [{**REPORT.figures[0].as_dict(), "value": math.nan}]},
        {**REPORT.as_json(), "figures": [{**REPORT.figures[0].as_dict(), "dimension": "acuracy"}]},
        {**REPORT.as_json(), "annexes": [{"title": "a", "head": ["x"], "rows": [[1, 2]], "note": "", "sources": []}]},
    ],
)
def test_what_is_no_report_is_refused(spoilt: object) -> None:
    with pytest.raises(Misused, match="quality report"):
        read(spoilt)


def test_without_a_history_it_is_not_known_what_was_changed() -> None:
    assert "is not known" in as_markdown(replace(REPORT, changes=None), VERSION)
    assert "No threshold was changed" in as_markdown(replace(REPORT, changes=()), VERSION)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.000"),
        (0.5724, "0.572"),
        (0.00012, "0.00012"),
        (234.567, "234.6"),
        (23456.7, "23,457"),
        (1234567.8, "1,234,568"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text

"""What an evaluation says of a model's quality, and what it says that it does not know."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from small_project import TITLES, evaluated, records, small_project
from towpath.assessing import Evaluated, accuracy, cost, reproducibility
from towpath.assessing.audit import corrected
from towpath.measuring import Answered
from towpath.project import Project, Quality
from towpath.stages import part_of
from towpath.stages.evaluate import evaluate
from towpath_checks.measures import Measure
from towpath_checks.quality_report import parts
from towpath_core.errors import Refused

COST = {
    "currency": "EUR",
    "horizon_years": 4,
    "records_per_year": 100_000,
    "hourly_rate": 30,
    "minutes_per_review": 1,
    "candidate": {"development": 80_000},
    "baseline": {"minutes_per_record": 2, "accuracy": 0.9},
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a project that declares nothing more than it must, but a domain."""
    return evaluated(tmp_path_factory.mktemp("plain"))[1]


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a project that declares what a quality report wants to know."""
    quality = {"reviewer_accuracy": 0.95, "cost": COST, "stress": "data/stress.csv", "audit_sample": "data/audit.csv"}
    project = small_project(tmp_path_factory.mktemp("declared"), quality=quality)
    stress = records(60).assign(text=lambda frame: frame["text"].str.split().str[0])
    stress.to_csv(project.path("data/stress.csv"), index=False)
    audit(project.path("data/audit.csv"))
    evaluate(project)
    content: dict[str, Any] = json.loads((project.reports / "quality.json").read_text())
    return content


def audit(path: Path) -> None:
    """Thirty records of each predicted code, drawn with one in ten; a fifth of 5434 is really 2314."""
    with path.open("w", newline="") as stream:
        out = csv.writer(stream)
        out.writerow(["record_id", "predicted", "true", "inclusion_probability", "period"])
        for code in TITLES:
            for number in range(30):
                true = "2314" if code == "5434" and number % 5 == 0 else code
                out.writerow([f"{code}-{number}", code, true, "0.1", "2026-Q3"])


def figures(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in content["figures"]}


def annex(content: dict[str, Any], title: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = [one for one in content["annexes"] if one["title"] == title]
    assert len(found) == 1
    return found[0]


def test_what_the_project_asks_is_judged_and_the_present_process_stands_beside_it(plain: dict[str, Any]) -> None:
    row = figures(plain)["accuracy_4"]
    assert row["status"] == "meets"
    assert row["threshold"] == {"at_least": 0.5, "at_most": None}
    assert row["baseline"]["name"] == "baseline_accuracy_4"
    assert figures(plain)["gain_over_baseline"]["threshold"] == {"at_least": None, "at_most": None, "above": 0.0}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("process_accuracy", "quality.reviewer_accuracy"),
        ("stress_accuracy", "quality.stress"),
        ("audited_accuracy", "quality.audit_sample"),
        ("largest_bias", "quality.audit_sample"),
        ("cost_per_accurate_record", "quality.cost"),
        ("sensitivity_seed", "params.yaml, alternatives"),
    ],
)
def test_what_is_not_declared_is_not_assessed_and_names_the_key(plain: dict[str, Any], name: str, key: str) -> None:
    row = figures(plain)[name]
    assert row["value"] is None
    assert key in row["note"]


def test_every_figure_that_was_measured_says_what_it_can_be_recomputed_from(declared: dict[str, Any]) -> None:
    measured = [row for row in declared["figures"] if row["value"] is not None]
    assert len(measured) > 15
    assert [row["name"] for row in measured if not row["sources"]] == []


def test_the_accuracy_of_each_domain_and_the_gap_between_them_are_told(plain: dict[str, Any]) -> None:
    assert {row[0] for row in annex(plain, "Accuracy by mode")["rows"]} == {"web", "paper"}
    assert figures(plain)["accuracy_gap_mode"]["value"] >= 0
    assert figures(plain)["worst_accuracy_mode"]["note"].startswith(("web", "paper"))


def test_texts_that_are_spoilt_are_answered_worse(plain: dict[str, Any]) -> None:
    assert figures(plain)["stress_typos_change"]["high"] < 0
    assert "stress_missing_covariates_accuracy" not in figures(plain)


def test_a_stress_set_is_measured_apart_from_the_test_set(declared: dict[str, Any]) -> None:
    row = figures(declared)["stress_accuracy"]
    assert row["n"] == 60
    assert row["sources"] == ["data/stress.csv", "model/model.skops"]


def test_class_totals_are_corrected_by_the_audit_sample(declared: dict[str, Any]) -> None:
    rows = {row[0]: row for row in annex(declared, "Class totals, counted and corrected")["rows"]}
    assert rows["5434"][1:3] == pytest.approx([300, 240])
    assert rows["2314"][1:3] == pytest.approx([300, 360])
    assert rows["5434"][3] > 0
    assert figures(declared)["audited_accuracy"]["value"] == pytest.approx(84 / 90)
    assert figures(declared)["largest_bias"]["value"] == pytest.approx(60 / 900)


def test_a_right_answer_costs_what_the_declared_and_the_measured_come_to(declared: dict[str, Any]) -> None:
    found = figures(declared)
    rate, accuracy = (found[name]["value"] for name in ("automatic_coding_rate", "process_accuracy"))
    by_hand = (80_000 / 4 + 100_000 * (1 - rate) / 60 * 30) / (100_000 * accuracy)
    assert found["cost_per_accurate_record"]["value"] == pytest.approx(by_hand)
    assert found["cost_per_accurate_record"]["baseline"]["value"] == pytest.approx(100_000 / 90_000)
    assert found["cost_per_accurate_record"]["low"] < by_hand < found["cost_per_accurate_record"]["high"]


def test_the_process_lies_between_the_machine_and_the_reviewers(declared: dict[str, Any]) -> None:
    found = figures(declared)
    ends = sorted([found["accuracy_automatic"]["value"], 0.95])
    assert ends[0] <= found["process_accuracy"]["value"] <= ends[1]


def test_the_process_is_told_at_other_thresholds_down_to_all_automatic(declared: dict[str, Any]) -> None:
    rows = annex(declared, "The process at other thresholds")["rows"]
    assert rows[0][1] == 1.0
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    for _, rate, automatic, process in rows:
        assert process == pytest.approx(rate * automatic + (1 - rate) * 0.95)
        assert 0 <= automatic <= 1 + 1e-9


def test_a_threshold_that_moves_the_published_shares_is_told(plain: dict[str, Any]) -> None:
    row = figures(plain)["sensitivity_threshold"]
    assert row["threshold"] == {"at_least": None, "at_most": 0.01}
    assert row["low"] <= row["value"] <= row["high"]


def test_a_share_that_may_lie_beyond_the_tolerance_is_to_be_watched(declared: dict[str, Any]) -> None:
    row = figures(declared)["sensitivity_threshold"]
    rows = annex(declared, "The published figure under other choices")["rows"]
    shares = [cells for cells in rows if cells[1].startswith("share")]
    said = {cells[5] for cells in shares}
    expected = "fails" if "yes" in said else "watch" if "open" in said else "meets"
    assert row["status"] == expected


def test_explanations_hold_words_of_many_records_and_the_made_up_example_only(plain: dict[str, Any]) -> None:
    assert figures(plain)["permutation_importance_text"]["low"] > 0
    words = {row[0] for row in annex(plain, "Words that carry the answer")["rows"]}
    assert words <= {word for title in TITLES.values() for word in title.split()} | {"a", "b"}
    assert len(annex(plain, "Why the examples got their answers")["rows"]) == 1


def test_no_text_of_a_record_stands_in_the_report(declared: dict[str, Any]) -> None:
    told = json.dumps(declared)
    assert not [text for text in records()["text"] if text in told]


def test_what_is_written_is_read_again(declared: dict[str, Any]) -> None:
    found, annexes = parts(json.loads(json.dumps(declared)))
    assert len(found) == len(declared["figures"])
    assert len(annexes) == len(declared["annexes"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no rows"),
        ("record_id,predicted\n1,2\n", "no column true, inclusion_probability"),
        ("record_id,predicted,true,inclusion_probability\n1,5434,,0.1\n", "line 2: true is empty"),
        ("record_id,predicted,true,inclusion_probability\n1,5434,5434,0\n", "above 0 and up to 1"),
        ("record_id,predicted,true,inclusion_probability\n1,5434,5434,nan\n", "above 0 and up to 1"),
        (
            "record_id,predicted,true,inclusion_probability\n1,5434,5434,0.1\n1,5434,5434,0.1\n",
            "a record_id stands twice",
        ),
        (None, "there is no file data/audit.csv"),
    ],
)
def test_an_audit_sample_that_is_none_is_not_assessed_and_says_why(tmp_path: Path, text: str | None, told: str) -> None:
    project = small_project(tmp_path, quality={"audit_sample": "data/audit.csv"})
    if text is not None:
        project.path("data/audit.csv").write_text(text)
    evaluate(project)
    row = figures(json.loads((project.reports / "quality.json").read_text()))["audited_accuracy"]
    assert row["value"] is None
    assert told in row["note"]


LIMITS = {
    "accuracy_4": {"at_least": 0.5},
    "gain_over_baseline": {"at_least": 0.9},
    "sensitivity_threshold": {"at_most": 0.5},
    "baseline_accuracy_4": {"at_most": 0.1},
    "acuracy_4": {"at_least": 0.5},
    "gain_over_present": {"at_least": 0.0},
}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluated(tmp_path_factory.mktemp("limited"), limits=LIMITS)[0].reports


def test_a_limit_is_asked_beside_what_is_asked_in_any_case(limited: Path) -> None:
    found = figures(json.loads((limited / "quality.json").read_text()))
    assert found["gain_over_baseline"]["threshold"] == {"at_least": 0.9, "at_most": None, "above": 0.0}
    assert found["gain_over_baseline"]["status"] == "fails"
    assert found["sensitivity_threshold"]["threshold"] == {"at_least": None, "at_most": 0.01}


def test_a_limit_about_what_has_no_figure_is_shown_and_not_assessed(limited: Path) -> None:
    found = figures(json.loads((limited / "quality.json").read_text()))
    assert found["acuracy_4"]["status"] == "not assessed"
    assert found["baseline_accuracy_4"]["status"] == "fails"


def test_a_limit_about_what_the_run_measures_is_left_to_the_run(limited: Path) -> None:
    judged = {row["gate"] for row in json.loads((limited / "metrics.json").read_text())["findings"]}
    assert judged == {*LIMITS, "better_than_baseline"} - {"gain_over_present"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a stress set, an audit sample and costs declared, whatever they hold."""
    quality = {"reviewer_accuracy": 0.95, "cost": COST, "stress": "data/stress.csv", "audit_sample": "data/audit.csv"}
    return small_project(tmp_path_factory.mktemp("broken"), quality=quality)


def at_hand(project: Project, ask: Any = None) -> Evaluated:
    """Of a model that always says 5434, and that has learnt the training part."""
    parts = {part: part_of(project, part) for part in ("train", "validation", "test")}
    truth = parts["test"]["code"].to_numpy(dtype=object).astype(str)
    classes = np.array(["2314", "5434"])
    always = ask or (lambda frame: Answered(np.tile([0.1, 0.9], (len(frame), 1)), classes))
    said = Answered(np.tile([0.1, 0.9], (len(truth), 1)), classes)
    return Evaluated(project, parts, truth, said, said.labels, 0.5, always, None, ())


def stressed(project: Project, frame: pd.DataFrame, ask: Any = None) -> dict[str, Any]:
    frame.to_csv(project.path("data/stress.csv"), index=False)
    [first, *_] = accuracy._stress_set(at_hand(project, ask))
    return first.as_dict()


def test_a_stress_set_without_all_labels_is_refused_and_not_counted_as_wrong(project: Project) -> None:
    half = records(60).assign(code=lambda frame: frame["code"].where(frame.index % 2 == 0))
    said = stressed(project, half)
    assert (said["value"], said["note"]) == (None, "data/stress.csv: 30 of 60 records have no label")


def test_a_stress_set_with_missing_texts_is_asked_as_the_server_has_them(project: Project) -> None:
    asked: list[pd.DataFrame] = []
    plain = at_hand(project).ask

    def ask(frame: pd.DataFrame) -> Answered:
        asked.append(frame)
        return plain(frame)

    said = stressed(project, records(60).assign(text=lambda frame: frame["text"].where(frame.index > 0)), ask)
    assert said["value"] is not None
    assert asked[0]["text"].tolist()[0] == ""


def test_a_model_that_does_not_answer_the_stress_set_stops_nothing_and_quotes_no_record(project: Project) -> None:
    def fails(frame: pd.DataFrame) -> Answered:
        raise ValueError(frame["text"].iloc[0])

    said = stressed(project, records(60), fails)
    assert (said["value"], said["note"]) == (None, "the model does not answer data/stress.csv: ValueError")


def test_stress_records_that_the_model_has_learnt_are_told(project: Project) -> None:
    said = stressed(project, part_of(project, "train").drop(columns="part", errors="ignore").head(40))
    assert "40 of 40 have the inputs of a record that the model was trained on" in said["note"]


HEAD = "record_id,predicted,true,inclusion_probability"
ROWS = [f"{code}-{n}, {code},{code} ,0.1" for code in TITLES for n in range(30)]


def sampled(project: Project, *lines: str, totals: str = "") -> Any:
    project.path("data/audit.csv").write_text("\n".join(lines) + "\n")
    project.path("data/audit.totals.csv").unlink(missing_ok=True)
    if totals:
        project.path("data/audit.totals.csv").write_text(totals)
    return corrected(project, "data/audit.csv")


def test_blanks_around_a_code_make_no_other_class(project: Project) -> None:
    share, found, _ = sampled(project, HEAD, *ROWS)
    assert share.value == 1
    assert [row.code for row in found.classes] == sorted(TITLES)


@pytest.mark.parametrize(
    ("lines", "totals", "words"),
    [
        ([f"{HEAD},true", *[f"{row},2314" for row in ROWS]], "", "has the column true twice"),
        ([HEAD, *[row.replace("0.1", "1e-300") for row in ROWS]], "", "no number above 0"),
        ([HEAD, *ROWS], "class,records\n5434,300\n5434,3000\n2314,300\n6145,300\n", "a class stands twice"),
        ([HEAD, "1,5434"], "", "line 2: true, inclusion_probability is empty"),
    ],
)
def test_an_audit_sample_that_says_two_things_is_refused(
    project: Project, lines: list[str], totals: str, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        sampled(project, *lines, totals=totals)


def test_classes_that_were_taken_together_are_named(project: Project) -> None:
    sampled(project, HEAD, *ROWS, "a,1111,1111,0.5", "b,1112,1112,0.5")
    _, [table] = accuracy._audit(at_hand(project))
    assert table.note.endswith("Of too few audited records each, and taken together: 1111, 1112.")


def test_a_group_of_one_or_two_records_is_not_named(project: Project) -> None:
    evaluated = at_hand(project)
    evaluated.test["mode"] = ["Anna Mueller", "Berta Meier", *["web"] * (len(evaluated.test) - 2)]
    found, [table] = accuracy._domains(evaluated)
    assert [row[0] for row in table.rows] == ["web", "(groups of under 3 records: 2)"]
    assert "Anna" not in str((found, table))
    assert found[0].measure.note.endswith("lowest of 1 groups; 2 more have too few records to be assessed")


def test_alternatives_that_cannot_be_compared_are_not_assessed_and_no_pass(project: Project, tmp_path: Path) -> None:
    columns = {"kind": ["seed"], "name": ["seed 1"], "record_id": ["x"], "label": ["5434"], "score": [0.9]}
    pd.DataFrame(columns).to_parquet(project.path("data/alternatives.parquet"))
    found, _ = reproducibility.assess(at_hand(project))
    project.path("data/alternatives.parquet").unlink()
    assert {figure.status for figure in found} == {"not assessed"}


def test_costs_beyond_all_numbers_are_not_assessed(project: Project) -> None:
    dear = {**COST, "horizon_years": 5e-324}
    settings = project.settings.model_copy(update={"quality": Quality.model_validate({"cost": dear})})
    said = [Measure("automatic_coding_rate", 0.5, 0.4, 0.6, 100), Measure("process_accuracy", 0.9, 0.8, 0.95, 100)]
    found = cost.assess(Project(project.root, settings), said)
    assert [figure.measure.value for figure in found] == [None, None]

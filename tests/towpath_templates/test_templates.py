"""What every template holds to, and that the project made from it works."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from towpath import project as projects
from towpath import scaffold, timing
from towpath_checks.texts import normalised
from towpath_registry import yamls
from towpath_registry.gates.ownership import ROLES
from towpath_registry.gates.scope import PARTS

CARD = ["Purpose", "Data", "Method", "Quality", "Limits", "Contact"]
MEASURES = {"accuracy", "macro_f1", "top_5", "ece", "automatic_coding_rate", "accuracy_automatic"}
STAGES = ["prepare", "check", "split", "train", "alternatives", "evaluate", "package"]


def raw(made: Path) -> list[dict[str, str]]:
    with gzip.open(made / "data/raw.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run(made: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=made, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- the template


def test_a_template_asks_for_title_organisation_and_owners_and_runs_no_task(template: scaffold.Template) -> None:
    asked = yamls.load(template.shelf / template.name / "copier.yml", "the questions")
    assert template.questions == ("title", "organisation", *ROLES, "next_review")
    assert all(asked[question]["help"] and "default" in asked[question] for question in template.questions)
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(asked)


def test_starter_data_have_their_licence_beside_them(template: scaffold.Template, made: Path) -> None:
    note = (template.shelf / "data" / f"{template.dataset}.licence.md").read_text(encoding="utf-8")
    assert "Source: " in note
    assert (made / "data/LICENCE.md").read_text(encoding="utf-8") == note


def test_no_file_names_an_index_or_leaves_something_to_do(made: Path) -> None:
    own = [path for path in made.rglob("*") if path.is_file() and not {".git", "cache"} & {*path.parts}]
    texts = {path.name: path.read_text(encoding="utf-8") for path in own if path.suffix != ".gz"}
    words = re.compile(r"pypi|pythonhosted|index-url|\bTODO\b|\bFIXME\b|\{\{|\}\}|lorem", re.IGNORECASE)
    assert {name: found[0] for name, text in texts.items() if (found := words.search(text))} == {}


# --- the project


def test_the_settings_load_and_every_section_is_explained(made: Path) -> None:
    settings = projects.load(made).settings
    lines = (made / "towpath.yaml").read_text(encoding="utf-8").splitlines()
    sections = [number for number, line in enumerate(lines) if re.match(r"[a-z_]+:", line)]
    assert len(sections) == len(type(settings).model_fields)
    assert [lines[number] for number in sections if not lines[number - 1].startswith("#")] == []


def test_owners_and_scope_are_what_the_gates_over_them_ask_for(made: Path) -> None:
    settings = projects.load(made).settings
    assert list(settings.owners.model_dump()) == [*ROLES, "next_review"]
    assert list(settings.scope.model_dump()) == list(PARTS)
    assert all(settings.owners.model_dump().values())
    assert all(settings.scope.model_dump().values())


def test_limits_are_measures_of_the_evaluation(made: Path) -> None:
    settings = projects.load(made).settings
    levels = {f"accuracy_{level}" for level in settings.nomenclature.levels}
    assert set(settings.limits) <= MEASURES | levels | set(timing.NAMES)
    assert {"ece", "automatic_coding_rate", "accuracy_automatic", "macro_f1"} <= set(settings.limits)
    assert settings.threshold.target == 0.9


def test_the_model_card_has_its_sections_and_says_something_in_each(made: Path) -> None:
    card = (made / "docs/model_card.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (.+)$", card, flags=re.MULTILINE)
    assert sections[1::2] == CARD
    assert all(len(text.split()) > 30 for text in sections[2::2])


def test_the_stages_stand_in_their_order_and_know_their_code(made: Path) -> None:
    stages = yamls.load(made / "dvc.yaml", "the pipeline")["stages"]
    assert list(stages) == STAGES
    for name in ("prepare", "train"):
        script = next(dep for dep in stages[name]["deps"] if dep.endswith(f"{name}.py"))
        assert (made / script).is_file()
    kept_by_git = [out for stage in stages.values() for out in [*stage["outs"], *stage.get("metrics", [])]]
    assert all(next(iter(out)).startswith("reports/") for out in kept_by_git if isinstance(out, dict))


def test_every_label_of_the_data_is_in_the_nomenclature(made: Path) -> None:
    settings = projects.load(made).settings
    with (made / settings.nomenclature.file).open(encoding="utf-8", newline="") as stream:
        codes = {row["code"] for row in csv.DictReader(stream)}
    label = {"coding": "soc2010", "tabular": "employed"}[settings.task]
    assert {record[label] for record in raw(made)} <= codes


def test_the_examples_are_nobodys_answers(made: Path) -> None:
    settings = projects.load(made).settings
    names = [field.name for field in settings.data.inputs]

    def answers(records: Sequence[Mapping[str, object]]) -> set[tuple[str, ...]]:
        """As the model's task compares them: without capital letters and punctuation."""
        frame = pd.DataFrame(records)[names].astype(str)
        return set(zip(*(normalised(frame[name]) for name in names), strict=True))

    assert len(answers(settings.examples)) == 3
    assert not answers(raw(made)) & answers(settings.examples)


def test_prepare_writes_what_the_settings_promise_and_git_stays_clean(made: Path, tmp_path: Path) -> None:
    project = shutil.copytree(made, tmp_path / "project")
    run(project, "dvc", "repro", "prepare")
    status = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, text=True, check=True)
    assert status.stdout == "?? dvc.lock\n"
    frame = pd.read_parquet(project / "data/prepared.parquet")
    settings = projects.load(project).settings
    assert list(frame) == [
        "record_id",
        *(f.name for f in settings.data.inputs),
        settings.data.target,
        settings.data.wave,
    ]
    assert frame["record_id"].str.fullmatch(r"\d{5}").all()
    assert set(settings.data.train_waves) < set(frame[settings.data.wave])


@pytest.mark.slow
def test_the_projects_own_tests_pass(made: Path, tmp_path: Path) -> None:
    project = shutil.copytree(made, tmp_path / "project")
    assert " passed" in run(project, "pytest", "-p", "no:cacheprovider")


@pytest.mark.slow
def test_great_expectations_takes_the_suite(made: Path) -> None:
    import great_expectations as gx

    content = json.loads((made / "checks/suite.json").read_text(encoding="utf-8"))
    suite = gx.ExpectationSuite(**content)
    assert [expectation.expectation_type for expectation in suite.expectations] == [
        expectation["type"] for expectation in content["expectations"]
    ]
    assert all(expectation["notes"] for expectation in content["expectations"])

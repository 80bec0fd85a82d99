"""The project's files fit together."""

import csv
import json
from pathlib import Path

from towpath import project

ROOT = Path(__file__).resolve().parents[1]


def test_the_settings_can_be_read() -> None:
    settings = project.load(ROOT).settings
    assert settings.limits
    assert settings.threshold.target > 0.5


def test_every_code_of_the_nomenclature_stands_once_and_has_its_parents() -> None:
    settings = project.load(ROOT).settings
    with (ROOT / settings.nomenclature.file).open(encoding="utf-8", newline="") as stream:
        codes = [row["code"] for row in csv.DictReader(stream)]
    assert len(codes) == len(set(codes))
    assert all(code[:digits] in codes for code in codes for digits in settings.nomenclature.levels)


def test_the_expectations_are_about_columns_of_the_prepared_data() -> None:
    settings = project.load(ROOT).settings
    data = settings.data
    known = {data.record_id, data.target, data.wave, *(field.name for field in data.inputs)}
    suite = json.loads((ROOT / settings.checks.suite).read_text(encoding="utf-8"))
    named = {e["kwargs"]["column"] for e in suite["expectations"] if "column" in e["kwargs"]}
    assert suite["expectations"]
    assert named <= known

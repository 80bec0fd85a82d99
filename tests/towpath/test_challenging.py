"""The version in production is asked as it was made; where it cannot answer, that is said, and the run goes on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from small_project import evaluated
from towpath.challenging import answers
from towpath.stages import part_of
from towpath_core.errors import CouldNot
from towpath_serve.predictor import Predictor


def test_a_model_takes_its_own_columns_of_all_that_there_are(tmp_path: Path) -> None:
    project, _ = evaluated(tmp_path)
    test = part_of(project, "test")
    assert set(answers(Predictor.open(project.package), test)) <= {"2314", "5434", "6145"}


def test_a_model_that_was_made_for_other_columns_does_not_answer(tmp_path: Path) -> None:
    project, _ = evaluated(tmp_path)
    without = part_of(project, "test").drop(columns="text")
    with pytest.raises(CouldNot, match="does not answer the test records: KeyError") as said:
        answers(Predictor.open(project.package, version="occupation-coder/1"), pd.DataFrame(without))
    assert said.value.message.startswith("occupation-coder/1")

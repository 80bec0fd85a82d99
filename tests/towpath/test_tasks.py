"""The two built-in tasks: what makes records the same, the baseline, and the features of a profile."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from towpath import tasks
from towpath.project import Data, Input, Project
from towpath_core.errors import Misused


def project(*inputs: Input) -> Project:
    data = Data(raw="raw.csv", inputs=inputs, target="code", wave="wave", train_waves=("base",))
    settings: Any = SimpleNamespace(data=data)
    return Project(Path(), settings)


CODING = project(Input(name="text", type="string"))
INDEX = pd.DataFrame({"text": ["Nurse, night", "farm hand", "Farm worker"], "code": ["2231", "9111", "5119"]})


def test_coding_knows_a_title_by_its_words_however_they_are_written() -> None:
    keys = tasks.find("coding").keys(CODING, pd.DataFrame({"text": ["NURSE,  night", "nurse night"]}))
    assert keys.nunique() == 1


def test_the_coding_baseline_looks_up_words_in_any_order_and_then_the_most_similar_entry() -> None:
    asked = pd.DataFrame({"text": ["night nurse", "farm workers"]})
    assert tasks.find("coding").baseline(CODING, INDEX, asked).tolist() == ["2231", "5119"]


def test_the_first_entry_counts_where_the_index_has_two_codes_for_the_same_words() -> None:
    index = pd.DataFrame({"text": ["a b", "b a"], "code": ["1", "2"]})
    assert tasks.find("coding").baseline(CODING, index, index).tolist() == ["1", "1"]


def test_coding_features_hold_no_text_and_notice_unknown_words() -> None:
    train = pd.DataFrame({"text": ["night nurse"] * 6 + ["rare word"]})
    task = tasks.find("coding")
    seen, reference = task.features(CODING, train)
    assert "nurse" not in str(reference)
    assert seen["unknown_words"].tolist() == [0.0] * 6 + [1.0]
    new, same = task.features(CODING, pd.DataFrame({"text": ["night owl", ""]}), reference)
    assert new["unknown_words"].tolist() == [0.5, 1.0]
    assert same == reference


def test_coding_without_a_text_to_code_is_refused() -> None:
    with pytest.raises(Misused, match="needs an input of type string"):
        tasks.find("coding").keys(project(Input(name="age", type="number")), pd.DataFrame({"age": [1.0]}))


def test_texts_of_several_columns_are_read_one_after_the_other() -> None:
    two = project(Input(name="title", type="string"), Input(name="industry", type="string"))
    records = pd.DataFrame({"title": ["nurse", "nurse"], "industry": ["hospital", None]})
    assert tasks.find("coding").keys(two, records).tolist() == ["nurse hospital", "nurse"]


TABULAR = project(Input(name="age", type="number"), Input(name="school", type="category"))
PEOPLE = pd.DataFrame(
    {
        "record_id": ["1", "2", "3", "4"],
        "age": [20.0, 20.0, 70.0, 70.0],
        "school": ["a", "a", "a", "b"],
        "code": ["1", "1", "0", "1"],
    }
)


def test_two_people_with_the_same_answers_are_two_people() -> None:
    assert tasks.find("tabular").keys(TABULAR, PEOPLE).nunique() == 4


def test_the_tabular_baseline_is_the_most_frequent_label_of_the_cell_or_of_all() -> None:
    asked = pd.DataFrame({"age": [20.0, 70.0, 20.0], "school": ["a", "a", "never seen"]})
    assert tasks.find("tabular").baseline(TABULAR, PEOPLE, asked).tolist() == ["1", "0", "1"]


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(Misused, match="no task 'imagery'") as caught:
        tasks.find("imagery")
    assert "coding, tabular" in caught.value.hint


@pytest.mark.parametrize("name", tasks.names())
def test_every_task_goes_by_its_own_name(name: str) -> None:
    assert tasks.find(name).name == name

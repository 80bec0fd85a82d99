"""Each rule: clean records pass, a seeded fault is caught and named by record id or code, never by text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding
from towpath_checks.rules.class_size import ClassSize
from towpath_checks.rules.codes_in_nomenclature import CodesInNomenclature
from towpath_checks.rules.conflicting_labels import ConflictingLabels
from towpath_checks.rules.constant_columns import ConstantColumns
from towpath_checks.rules.empty_text import EmptyText
from towpath_checks.rules.leakage import Leakage
from towpath_checks.texts import normalised
from towpath_core.errors import Refused

CODES = frozenset({"0111", "0222", "9330"})
TEXTS = ["baker", "pastry chef", "teacher", "head teacher", "guard", "museum guard"]
LABELS = ["0111", "0111", "0222", "0222", "9330", "9330"]


def data(texts: list[Any] = TEXTS, labels: list[Any] = LABELS, **more: Any) -> Dataset:
    frame = pd.DataFrame({"text": pd.Series(texts, dtype=object), "code": pd.Series(labels, dtype=object)})
    frame.insert(0, "record_id", [f"r{i}" for i in range(len(frame))])
    keys = normalised(frame["text"])
    training = pd.Series([True] * len(frame))
    made = Dataset(frame, "record_id", ("text",), "code", keys, CODES, ("text",), ("text",), training)
    return replace(made, **more)


def changed(values: list[Any], place: int, value: Any) -> list[Any]:
    return [*values[:place], value, *values[place + 1 :]]


def test_clean_records_pass_every_rule() -> None:
    splits = pd.DataFrame({"record_id": ["r0", "r1", "r2"], "part": ["train", "validation", "test"]})
    for rule in (CodesInNomenclature(), EmptyText(), ConflictingLabels(), ClassSize(), ConstantColumns(), Leakage()):
        finding = rule.judge(data(splits=splits))
        assert finding.passed, finding
        assert (finding.examples, finding.blocks) == ((), False)


# codes


def codes(labels: list[Any]) -> Finding:
    return CodesInNomenclature().judge(data(labels=labels))


def test_a_code_that_the_nomenclature_does_not_have_is_named() -> None:
    finding = codes(changed(LABELS, 3, "0333"))
    assert finding.blocks
    assert (finding.count, finding.examples) == (1, ("0333",))
    assert finding.got == "1 of 6 records (16.7 %) with 1 other labels"


def test_eaten_leading_zeros_are_seen_for_what_they_are() -> None:
    for eaten in ("111", 111):
        finding = codes(changed(LABELS, 0, eaten))
        assert finding.blocks
        assert finding.got.endswith("leading zeros are eaten")
        assert finding.examples == ("111",)


def test_a_missing_label_is_no_code() -> None:
    for missing in (None, float("nan"), ""):
        finding = codes(changed(LABELS, 1, missing))
        assert finding.blocks
        assert (finding.got, finding.examples) == ("1 of 6 records (16.7 %), 1 of them missing", ("r1",))


def test_a_text_that_strayed_into_the_label_is_told_by_its_record() -> None:
    finding = codes(changed(LABELS, 2, "jane canary doe"))
    assert finding.blocks
    assert finding.examples == ("r2",)
    assert "canary" not in str(finding)


# texts


@pytest.mark.parametrize("empty", ["", "  ", "---", "\u200b", None, float("nan")])
def test_a_text_with_nothing_in_it_is_told_by_its_record(empty: Any) -> None:
    finding = EmptyText().judge(data(changed(TEXTS, 4, empty)))
    assert finding.blocks
    assert (finding.subject, finding.count, finding.examples) == ("text", 1, ("r4",))


def test_an_all_missing_column_is_empty_in_each_record() -> None:
    finding = EmptyText().judge(data([None] * 6))
    assert (finding.count, finding.blocks) == (6, True)


def test_required_columns_that_are_no_texts_are_looked_at_too() -> None:
    frame = data().frame.assign(age=[1.0, 2.0, np.nan, 4.0, 5.0, 6.0], sex=["1", " ", "2", "1", "2", "-"])
    made = replace(data(frame=frame, inputs=("age", "sex"), required=("age", "sex")), texts=())
    finding = EmptyText().judge(made)
    assert (finding.subject, finding.examples) == ("age, sex", ("r1", "r2"))


def test_where_nothing_is_required_nothing_is_assessed() -> None:
    finding = EmptyText().judge(data(required=()))
    assert (finding.passed, finding.severity) == (None, "warning")


# conflicts


def test_the_same_text_with_two_codes_is_told_by_both_records() -> None:
    finding = ConflictingLabels().judge(data(changed(TEXTS, 3, " Baker!")))
    assert finding.blocks
    assert (finding.got, finding.examples) == ("2 of 6 records (33.3 %)", ("r0", "r3"))


def test_the_same_text_with_the_same_code_is_no_conflict() -> None:
    assert ConflictingLabels().judge(data(changed(TEXTS, 1, "BAKER"))).passed


def test_conflicts_up_to_the_tolerated_share_pass_and_are_counted() -> None:
    made = data(changed(TEXTS, 3, "baker"))
    assert ConflictingLabels(tolerated_share=0.34).judge(made).passed
    assert not ConflictingLabels(tolerated_share=0.33).judge(made).passed
    assert ConflictingLabels(tolerated_share=0.34).judge(made).count == 2


def test_empty_texts_are_no_conflict_but_a_missing_label_is() -> None:
    assert ConflictingLabels().judge(data(["", "", "-", " ", "a", "b"])).passed
    assert ConflictingLabels().judge(data(changed(TEXTS, 1, "baker"), changed(LABELS, 1, None))).blocks


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(CODES))), min_size=1))
def test_conflicts_are_those_that_a_plain_count_finds(rows: list[tuple[str, str]]) -> None:
    conflicting = {text for text in "abc" if len({code for t, code in rows if t == text}) > 1}
    finding = ConflictingLabels().judge(data([t for t, _ in rows], [c for _, c in rows]))
    assert finding.count == sum(text in conflicting for text, _ in rows)
    assert finding.passed is (not conflicting)


# sizes


def test_a_class_with_one_example_is_named() -> None:
    finding = ClassSize().judge(data(labels=changed(LABELS, 5, "0111")))
    assert finding.blocks
    assert (finding.got, finding.examples) == ("1 of 3 classes with fewer", ("9330",))


def test_a_small_class_that_somebody_accepted_passes_and_is_told() -> None:
    finding = ClassSize(accepted=("9330",)).judge(data(labels=changed(LABELS, 5, "0111")))
    assert finding.passed
    assert finding.expected.endswith("accepted as they are: 9330")


def test_examples_of_a_class_outside_the_training_records_do_not_count() -> None:
    training = pd.Series([True] * 5 + [False])
    assert ClassSize().judge(data(training=training)).examples == ("9330",)


def test_one_class_is_nothing_to_learn_and_no_training_record_neither() -> None:
    assert ClassSize().judge(data(labels=["0111"] * 6)).blocks
    assert ClassSize().judge(data(training=pd.Series([False] * 6))).blocks


def test_where_nothing_is_meant_for_training_sizes_are_not_assessed() -> None:
    finding = ClassSize().judge(data(training=None))
    assert (finding.passed, finding.severity) == (None, "warning")


# constants


@pytest.mark.parametrize(
    ("texts", "labels", "got"),
    [
        (["same"] * 6, LABELS, "text constant"),
        ([None] * 6, LABELS, "text empty"),
        (["", " ", "\t", "", " ", ""], LABELS, "text empty"),
        ([None, "x", None, "x", " ", ""], LABELS, "text constant"),
        (TEXTS, ["0111"] * 6, "code constant"),
        ([None] * 6, ["0111"] * 6, "text empty; code constant"),
    ],
)
def test_columns_that_tell_nothing_are_named(texts: list[Any], labels: list[Any], got: str) -> None:
    finding = ConstantColumns().judge(data(texts, labels))
    assert finding.blocks
    assert finding.got == got


# leakage


def leak(texts: list[str], parts: list[str]) -> Finding:
    made = data(texts, ["0111"] * len(texts))
    splits = pd.DataFrame({"record_id": made.frame["record_id"], "part": parts})
    return Leakage().judge(replace(made, splits=splits))


def test_a_text_of_test_that_training_has_seen_is_told_by_its_record() -> None:
    finding = leak(["baker", "chef", "BAKER."], ["train", "validation", "test"])
    assert finding.blocks
    assert (finding.got, finding.examples) == ("1 of 2 records (50 %) of validation and test", ("r2",))


def test_a_text_in_validation_and_test_leaks_too() -> None:
    finding = leak(["guard", "baker", "baker"], ["train", "validation", "test"])
    assert (finding.count, finding.examples) == (2, ("r1", "r2"))


def test_equal_texts_within_one_part_leak_nothing() -> None:
    assert leak(["baker", "baker", "chef", "guard"], ["train", "train", "validation", "test"]).passed


def test_records_outside_the_split_are_not_looked_at() -> None:
    splits = pd.DataFrame({"record_id": ["r0", "r1", "r2"], "part": ["train", "validation", "test"]})
    assert Leakage().judge(data(changed(TEXTS, 5, "baker"), splits=splits)).passed


def test_before_the_split_nothing_is_assessed() -> None:
    finding = Leakage().judge(data())
    assert (finding.passed, finding.got) == (None, "not assessed until the split exists")


@pytest.mark.parametrize(
    ("ids", "parts", "told"),
    [
        (["r0", "r1", "r9"], ["train", "validation", "test"], "names records that are not here"),
        (["r0", "r0", "r1"], ["train", "validation", "test"], "a record id stands twice"),
        (["r0", "r1", "r2"], ["train", "train", "test"], "the split has 2 parts"),
        (["r0", "r1", "r2"], ["train", "holdout", "test"], "expected train, validation, test"),
        ([], [], "the split has 0 parts"),
    ],
)
def test_a_split_of_something_else_is_refused(ids: list[str], parts: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        Leakage().judge(data(splits=pd.DataFrame({"record_id": ids, "part": parts})))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["train", "validation", "test"])), max_size=30))
def test_leaks_are_those_that_a_plain_count_finds(rows: list[tuple[str, str]]) -> None:
    rows = [*rows, ("x", "train"), ("y", "validation"), ("z", "test")]
    shared = {text for text, _ in rows if len({part for t, part in rows if t == text}) > 1}
    finding = leak([t for t, _ in rows], [p for _, p in rows])
    assert finding.count == sum(text in shared and part != "train" for text, part in rows)
    assert finding.passed is (not shared)

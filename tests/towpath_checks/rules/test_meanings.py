"""Rules that need to know what columns mean: not assessed until somebody says it, then a seeded fault is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks import previous, rules
from towpath_checks.correspondence import Correspondence
from towpath_checks.dataset import Columns, Dataset, Previous
from towpath_checks.findings import Finding

CODES = ("0111", "0222", "9330")
N = 120
COLUMNS: dict[str, Any] = {
    "group": "household",
    "period": "month",
    "domains": ("region", "mode"),
    "label_source": "coded_by",
    "label_version": "coded_with",
}


def frame(n: int = N) -> pd.DataFrame:
    """Records of `n` households, in order of time; the text says the code."""
    numbers = range(n)
    return pd.DataFrame(
        {
            "record_id": [f"r{i}" for i in numbers],
            "text": [f"worker {CODES[i % 3]} number {i}" for i in numbers],
            "code": [CODES[i % 3] for i in numbers],
            "household": [f"h{i // 2}" for i in numbers],
            "month": [f"2026-{1 + 12 * i // n:02d}" for i in numbers],
            "region": [("north", "south")[i % 2] for i in numbers],
            "mode": [("web", "paper")[i // 2 % 2] for i in numbers],
            "coded_by": [("human", "arbiter")[i % 2] for i in numbers],
            "coded_with": ["2020"] * n,
        }
    )


def data(change: dict[str, Any] | None = None, **more: Any) -> Dataset:
    """`change` maps a column to {row: value} or to all its values."""
    table = frame()
    for name, values in (change or {}).items():
        table[name] = table[name].astype(object) if name in table else None
        for row, value in values.items() if isinstance(values, dict) else enumerate(values):
            table.loc[row, name] = value
    splits = pd.DataFrame({"record_id": table["record_id"], "part": parts()})
    made = Dataset(
        table, "record_id", ("text",), "code", table["text"], frozenset(CODES), ("text",), ("text",),
        pd.Series([True] * len(table)), splits, columns=Columns(**COLUMNS), version="2020", today=date(2027, 1, 15),
    )  # fmt: skip
    return replace(made, **more)


def parts() -> list[str]:
    return ["train"] * 80 + ["validation"] * 20 + ["test"] * 20


def judged(name: str, records: Dataset, **settings: Any) -> Finding:
    return rules.judge({name: rules.make(name, settings)}, records)[0]


NEEDS = {
    "leakage_by_group": "group",
    "leakage_by_time": "period",
    "freshness": "period",
    "domain_size": "domains",
    "label_provenance": "label_source",
}


@pytest.mark.parametrize("name", rules.names())
def test_clean_records_raise_nothing(name: str) -> None:
    finding = judged(name, data())
    assert finding.passed is not False, finding
    assert finding.passed or name in ("nomenclature_revision", "previous_version", "shifted_labels")


@pytest.mark.parametrize("name", NEEDS)
def test_without_its_column_a_rule_says_which_key_it_misses(name: str) -> None:
    finding = judged(name, data(columns=Columns()))
    assert (finding.passed, finding.severity) == (None, "warning")
    assert finding.got.startswith(f"not assessed: towpath.yaml, data.{NEEDS[name]} names no column")


@pytest.mark.parametrize("name", NEEDS)
def test_a_key_that_names_a_column_that_is_not_there_fails(name: str) -> None:
    absent = ("nowhere",) if NEEDS[name] == "domains" else "nowhere"
    finding = judged(name, data(columns=Columns(**{**COLUMNS, NEEDS[name]: absent})), severity="error")
    assert finding.blocks
    assert f"no column nowhere, which towpath.yaml, data.{NEEDS[name]} names" in finding.got


# duplicates


def test_an_id_that_stands_twice_is_told() -> None:
    finding = judged("duplicates", data({"record_id": {7: "r3"}}))
    assert finding.blocks
    assert (finding.count, finding.examples) == (2, ("r3", "r3"))
    assert "2 of 120 records (1.67 %) share an id" in finding.got


def test_a_part_that_was_delivered_twice_is_found_though_its_ids_are_new() -> None:
    table = frame()
    again = table.iloc[50:75].assign(record_id=[f"again{i}" for i in range(25)])
    whole = pd.concat([table, again], ignore_index=True)
    finding = judged("duplicates", Dataset(whole, "record_id", ("text",), "code", whole["text"], frozenset(CODES)))
    assert finding.blocks
    assert (finding.count, finding.examples[0]) == (25, "again0")
    assert "25 of 145 records (17.2 %) are a part that was given twice" in finding.got


def test_people_with_the_same_answers_are_no_fault_up_to_the_tolerated_share() -> None:
    table = pd.DataFrame({"record_id": range(100), "sex": ["1", "2"] * 50, "code": ["0111", "0222"] * 50})
    made = Dataset(table.astype({"record_id": str}), "record_id", ("sex",), "code", table["sex"], frozenset(CODES))
    assert not judged("duplicates", made).passed
    assert judged("duplicates", made, tolerated_share=1.0).passed
    assert judged("duplicates", made, tolerated_share=1.0).got == "98 of 100 records (98 %) repeat another"


# leakage


def test_a_group_across_the_split_is_told() -> None:
    finding = judged("leakage_by_group", data({"household": {119: "h0", 118: "h1"}}))
    assert finding.blocks
    assert (finding.got, finding.examples) == (
        "2 groups, 2 of 40 records (5 %) of validation and test",
        ("r118", "r119"),
    )


def test_records_without_a_group_belong_to_none() -> None:
    assert judged("leakage_by_group", data({"household": {0: None, 119: None, 1: "", 118: " "}})).passed


def test_before_the_split_leakage_is_not_assessed() -> None:
    for name in ("leakage", "leakage_by_group", "leakage_by_time"):
        assert judged(name, data(splits=None)).got == "not assessed until the split exists"


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["train", "validation", "test"])), max_size=20))
def test_groups_that_leak_are_those_that_a_plain_count_finds(rows: list[tuple[str, str]]) -> None:
    rows = [*rows, ("x", "train"), ("y", "validation"), ("z", "test")]
    table = frame(len(rows)).assign(household=[group for group, _ in rows])
    splits = pd.DataFrame({"record_id": table["record_id"], "part": [part for _, part in rows]})
    made = data(frame=table, keys=table["text"], splits=splits)
    shared = {group for group, _ in rows if len({part for g, part in rows if g == group}) > 1}
    finding = judged("leakage_by_group", made)
    assert finding.passed is (not shared)
    assert finding.count == sum(group in shared and part != "train" for group, part in rows)


@pytest.mark.parametrize("month", ["2026-03", "2026-08", "", "soon"])
def test_a_test_record_from_the_time_of_training_is_told(month: str) -> None:
    finding = judged("leakage_by_time", data({"month": {119: month}}))
    assert (finding.passed, finding.severity, finding.examples) == (False, "warning", ("r119",))
    assert judged("leakage_by_time", data({"month": {119: month}}), severity="error").blocks


# sizes


def test_a_domain_with_few_examples_is_named() -> None:
    finding = judged("domain_size", data({"region": {3: "east", 5: "east", 7: None}}))
    assert finding.blocks
    assert finding.examples == ("region east", "region missing")
    assert finding.got.startswith("2 of 6 domains with fewer")
    assert judged("domain_size", data({"region": {3: "east"}}), accepted=("east",)).passed


def test_a_text_that_strayed_into_a_domain_is_not_told() -> None:
    finding = judged("domain_size", data({"region": {3: "Jane Canary Doe"}}))
    assert finding.blocks
    assert "Canary" not in str(finding)


def test_classes_by_domain_are_told_and_judged_where_a_minimum_is_set() -> None:
    thin = data({"code": {i: "0111" if i > 6 else "9330" for i in range(0, N, 2)}})
    assert judged("domain_size", thin).passed
    told = "0 of 4 domains with fewer, 1 of 12 classes by domain with fewer than 2"
    assert judged("domain_size", thin).got == told
    finding = judged("domain_size", thin, minimum_per_class=5)
    assert finding.blocks
    assert finding.got.endswith("2 of 12 classes by domain with fewer than 5")


# provenance


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"coded_by": {3: None}}, "1 of 120 records (0.833 %) without a source"),
        ({"coded_by": {3: "a temp"}}, "with a source that is none of these"),
        ({"coded_by": {3: "llm"}}, "to train on were labelled automatically"),
        ({"coded_by": {3: "ml_auto"}}, "to train on were labelled automatically"),
        ({"coded_with": {3: ""}}, "without a version of the nomenclature"),
    ],
)
def test_a_label_without_provenance_is_told_by_its_record(change: dict[str, Any], told: str) -> None:
    finding = judged("label_provenance", data(change))
    assert finding.blocks
    assert told in finding.got
    assert finding.examples == ("r3",)
    assert "a temp" not in str(finding)


def test_automatic_labels_may_be_there_but_not_to_train_on_unless_accepted() -> None:
    change = {"coded_by": {3: "rule"}}
    assert judged("label_provenance", data(change, training=None)).passed
    assert judged("label_provenance", data(change), accepted=("rule",)).passed
    assert judged("label_provenance", data(change)).blocks


# time


@pytest.mark.parametrize(
    ("today", "within", "passed"),
    [
        (date(2027, 1, 30), 30, True),
        (date(2027, 1, 31), 30, False),
        (date(2099, 1, 1), 0, True),
        (date(2026, 12, 1), 30, True),
        (date(2025, 1, 1), 30, False),
    ],
)
def test_the_newest_record_is_as_new_as_asked(today: date, within: int, passed: bool) -> None:
    finding = judged("freshness", data(today=today), **({"within_days": within} if within else {}))
    assert finding.passed is passed
    assert finding.got.endswith(f"seen from {today}")


@pytest.mark.parametrize(("month", "passed"), [("2026-12", False), ("2026-11", True), ("2026", True), ("2027", False)])
def test_a_period_that_has_not_begun_is_one_to_come(month: str, passed: bool) -> None:
    assert judged("freshness", data({"month": [month] * N}, today=date(2026, 11, 23))).passed is passed


def test_periods_to_come_or_that_cannot_be_read_are_told() -> None:
    finding = judged("freshness", data({"month": {0: "2099-01", 1: "soon"}}))
    assert finding.blocks
    assert finding.examples == ("r0", "r1")
    assert "1 of 120 records (0.833 %) from the future" in finding.got
    assert judged("freshness", data({"month": ["soon"] * N})).blocks


def test_without_a_day_to_compare_with_freshness_is_not_assessed() -> None:
    assert judged("freshness", data(today=None)).passed is None


# identifiers

CANARY = "jane.canary@doe.example"


def test_an_identifier_in_a_text_is_told_by_column_kind_and_count_and_never_shown() -> None:
    finding = judged("direct_identifiers", data({"text": {3: f"baker {CANARY}"}}))
    assert finding.blocks
    assert finding.got == "text: an e-mail address in 1 of 120 records (0.833 %)"
    assert "canary" not in str(finding)


def test_a_declared_identifier_may_be_there_but_not_be_seen_by_the_model() -> None:
    made = data({"phone": ["+47 22 12 34 56"] * N})
    assert judged("direct_identifiers", made).blocks
    said = replace(made, columns=Columns(identifiers=("phone",)))
    assert judged("direct_identifiers", said).passed
    assert judged("direct_identifiers", replace(said, inputs=("text", "phone"))).got == (
        "phone: an identifier that the model would see"
    )
    assert judged("direct_identifiers", made, accepted=("phone",)).passed
    assert "no column gone" in judged("direct_identifiers", data(columns=Columns(identifiers=("gone",)))).got


@pytest.mark.parametrize("declared", [False, True])
def test_where_the_record_id_names_a_person_examples_are_rows(declared: bool) -> None:
    ids = [f"jane{i}" for i in range(N)] if declared else [f"jane{i}@canary.example" for i in range(N)]
    columns = Columns(**{**COLUMNS, "identifiers": ("record_id",) if declared else ()})
    made = data({"record_id": ids, "coded_by": {3: None}, "text": {6: " "}}, columns=columns)
    findings = rules.judge({name: rules.make(name, {}) for name in rules.names()}, replace(made, splits=None))
    by_gate = {finding.gate: finding for finding in findings}
    assert by_gate["label_provenance"].examples == ("row 4",)
    assert by_gate["empty_text"].examples == ("row 7",)
    assert "jane" not in str(findings)


# the previous version


def features(seed: int, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame({"characters": np.random.default_rng(seed).normal(20 + shift, 3, N)})


def test_a_version_of_the_data_is_compared_with_the_one_before() -> None:
    kept = previous.profile(features(1), data().labels)
    before = Previous("commit 1a2b3c4", kept)
    same = judged("previous_version", data(features=features(2), previous=before))
    assert (same.passed, same.got) == (True, "as in commit 1a2b3c4")
    other = judged("previous_version", data(features=features(2, 9.0), previous=before))
    assert (other.passed, other.severity) == (False, "warning")
    assert other.got.startswith("other than in commit 1a2b3c4: characters (PSI ")
    labels = judged("previous_version", data({"code": ["0111"] * N}, features=features(2), previous=before))
    assert "the label (PSI" in labels.got


def test_without_a_version_before_or_with_a_broken_profile_nothing_passes() -> None:
    assert judged("previous_version", data(features=features(1))).passed is None
    broken = Previous("commit 1a2b3c4", {"schema": 1})
    assert judged("previous_version", data(features=features(1), previous=broken)).passed is False


# revisions

TABLE = Correspondence(
    {"0110": ("0111",), "0220": ("0222",), "0221": ("0222",), "9330": ("9330", "9331")}, frozenset({"0222"})
)


def test_labels_of_an_earlier_version_are_counted_by_what_can_be_done() -> None:
    change: dict[str, Any] = {"code": dict(enumerate(["0110", "0110", "0220", "0221", "9330", "0999"]))}
    change["coded_with"] = dict.fromkeys(range(6), "2010")
    finding = judged("nomenclature_revision", data(change, correspondence=TABLE))
    assert finding.blocks
    assert finding.got == ("6 of 120 records (5 %): 2 1:1, 2 n:1, 1 1:n, 1 unknown; towpath recode does 4 of them")
    assert finding.examples == ("0999",)


def test_labels_of_the_present_version_pass() -> None:
    assert judged("nomenclature_revision", data(correspondence=TABLE)).passed


def test_a_code_of_both_versions_passes_only_where_its_version_is_known() -> None:
    unversioned = data(correspondence=TABLE, columns=Columns())
    finding = judged("nomenclature_revision", unversioned)
    assert (finding.passed, finding.severity) == (None, "warning")
    assert "have a code of both versions, and data.label_version names no column" in finding.got
    assert judged("nomenclature_revision", data({"code": {0: "0110"}}, correspondence=TABLE, columns=Columns())).blocks


# leading zeros


@pytest.mark.parametrize("labels", [[111, 222, 9330], ["111", "222", "9330"], [111.0, 222.0, None]])
def test_zeros_that_a_reader_ate_are_seen(labels: list[Any]) -> None:
    table = frame(3).assign(code=labels)
    made = Dataset(table, "record_id", ("text",), "code", table["text"], frozenset(CODES))
    finding = judged("leading_zeros", made)
    assert finding.blocks
    assert "2 of 3 records (66.7 %) have a label whose leading zeros are eaten" in finding.got
    assert finding.examples == ("111", "222")
    assert ("code stored as numbers" in finding.got) is isinstance(labels[0], (int, float))


def test_any_number_of_zeros_may_be_eaten() -> None:
    table = frame(2).assign(code=["1", "0000002"])
    made = Dataset(table, "record_id", ("text",), "code", table["text"], frozenset({"0000001", "0000002"}))
    for rule in ("leading_zeros", "codes_in_nomenclature"):
        assert "leading zeros are eaten" in judged(rule, made).got
        assert judged(rule, made).examples == ("1",)


def test_a_column_of_codes_that_are_numbers_is_named() -> None:
    table = frame().assign(region=range(N), mode=1.0)
    finding = judged("leading_zeros", data(frame=table, inputs=("text", "mode"), categories=("mode",)))
    assert finding.got == "mode, region stored as numbers"


# shifted labels


def big(seed: int, n: int = 2000) -> Dataset:
    random = np.random.default_rng(seed)
    labels = random.choice(CODES, n)
    kept = random.random(n) < 0.7
    colours = np.where(kept, labels, random.choice(CODES, n))
    numbers = np.where(labels == "0111", 5.0, 0.0) + random.normal(size=n)
    table = pd.DataFrame({"record_id": [f"r{i}" for i in range(n)], "a": colours, "b": numbers, "code": labels})
    return Dataset(table, "record_id", ("a", "b"), "code", table["record_id"], frozenset(CODES))


@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("first", [0, 1000])
def test_labels_that_moved_by_one_row_are_found_with_their_rows(shift: int, first: int) -> None:
    made = big(1)
    labels = made.frame["code"].to_numpy(dtype=object).copy()
    labels[first:] = np.roll(labels[first:], shift)
    finding = judged("shifted_labels", replace(made, frame=made.frame.assign(code=labels)))
    assert finding.blocks
    where = "after" if shift == 1 else "before"
    assert finding.got == (
        f"shifted by one row: rows {first + 1:,} to 2,000 agree better with the label of the row {where}"
    )


def test_labels_beside_their_records_are_not_suspected() -> None:
    for seed in range(20):
        assert judged("shifted_labels", big(seed)).passed


def test_labels_that_have_nothing_to_do_with_the_inputs_are_not_suspected() -> None:
    for seed in range(20):
        made = big(seed)
        labels = np.random.default_rng(seed).permutation(made.frame["code"])
        assert judged("shifted_labels", replace(made, frame=made.frame.assign(code=labels))).passed


def test_sorted_records_are_not_suspected_and_of_those_sorted_by_label_nothing_is_said() -> None:
    made = big(3)
    by_inputs = made.frame.sort_values(["a", "b"], ignore_index=True)
    assert judged("shifted_labels", replace(made, frame=by_inputs)).passed
    by_label = made.frame.sort_values(["code", "a", "b"], ignore_index=True)
    assert judged("shifted_labels", replace(made, frame=by_label)).passed is None


def test_too_few_records_are_not_assessed() -> None:
    assert judged("shifted_labels", big(1, 100)).passed is None

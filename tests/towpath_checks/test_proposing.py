"""A proposed suite: its own data meet it, great-expectations takes it, and no record's own value stands in it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gx_reference
from towpath_checks.compiled import Relation
from towpath_checks.proposing import ENOUGH, propose
from towpath_core.errors import Refused

CANARY = "jane canary doe"
N = 600


def relation(frame: pd.DataFrame, folder: Path) -> Relation:
    path = folder / "reference.parquet"
    frame.to_parquet(path)
    return gx_reference.relation(f"read_parquet('{path}')", path)


def proposed(frame: pd.DataFrame, folder: Path, name: str = "") -> dict[str, Any]:
    return propose(relation(frame, folder), "reference.parquet", digest="sha256:aa", name=name)


def people() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "record_id": [f"r{i:04d}" for i in range(N)],
            "age": rng.integers(16, 90, N),
            "income": rng.lognormal(10, 1, N),
            "sex": rng.choice(["f", "m"], N),
            "code": rng.choice(["0111", "0222", "9330"], N),
            "text": [f"Some text {i % 300}" for i in range(N)],
            "day": [dt.date(2020 + i % 3, 1 + i % 12, 1 + i % 28) for i in range(N)],
            "moment": pd.to_datetime([f"2021-05-{1 + i % 28:02d}T10:00:00" for i in range(N)]),
            "yes": rng.random(N) > 0.5,
            "nothing": [None] * N,
            "half": ["x" if i % 2 else None for i in range(N)],
            "status": rng.integers(1, 5, N),
        }
    )


def said(suite: dict[str, Any], column: str) -> dict[str, dict[str, Any]]:
    own = [e for e in suite["expectations"] if e["kwargs"].get("column") == column]
    return {e["type"].removeprefix("expect_column_"): e["kwargs"] for e in own}


def test_each_kind_of_column_gets_what_can_be_said_of_it(tmp_path: Path) -> None:
    suite = proposed(people(), tmp_path, "record_id")
    assert said(suite, "record_id")["values_to_be_unique"]
    assert said(suite, "sex")["values_to_be_in_set"]["value_set"] == ["f", "m"]
    assert said(suite, "status")["values_to_be_in_set"]["value_set"] == [1, 2, 3, 4]
    assert said(suite, "code")["values_to_match_regex"]["regex"] == "^[0-9]+$"
    assert said(suite, "code")["value_lengths_to_be_between"] == {"column": "code", "min_value": 4, "max_value": 4}
    assert said(suite, "half")["proportion_of_non_null_values_to_be_between"]["min_value"] == 0.49
    assert said(suite, "day")["values_to_be_between"]["max_value"] == "2022-12-31"
    assert {"values_to_be_between", "quantile_values_to_be_between", "mean_to_be_between"} <= set(said(suite, "income"))
    assert "float64" in said(suite, "age")["values_to_be_in_type_list"]["type_list"]
    assert said(suite, "nothing") == {}
    assert "Nothing is expected of nothing" in suite["notes"]
    assert all(e["notes"] for e in suite["expectations"])
    assert suite["meta"]["towpath"] == {"proposed_from": "reference.parquet", "digest": "sha256:aa", "records": N}


def test_equal_data_give_equal_suites(tmp_path: Path) -> None:
    assert json.dumps(proposed(people(), tmp_path)) == json.dumps(proposed(people(), tmp_path))


def test_what_one_record_alone_has_stands_nowhere(tmp_path: Path) -> None:
    frame = people()
    frame["income"] = frame["income"].round(2)
    odd: dict[str, Any] = {"sex": CANARY, "code": "7777", "text": "y" * 137, "age": 117, "income": 98765432.25}
    for row, (column, value) in enumerate(odd.items()):
        frame.loc[row, column] = value
    text = json.dumps(proposed(frame, tmp_path, "record_id"))
    for value in (CANARY, "7777", "137", "117", "98765432", "r0001"):
        assert value not in text
    lowest = float(frame["income"].min())
    assert f"{lowest:.2f}" not in text


def test_values_that_could_name_somebody_make_no_set_however_many_records_share_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"mail": ["ann@office.example", "ben@office.example"] * 50, "phone": ["0049 30 1234567"] * 100}
    )
    text = json.dumps(proposed(frame, tmp_path))
    assert "office.example" not in text
    assert "1234567" not in text


def test_a_rare_value_leaves_the_set_to_the_others(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sex": ["f", "m"] * 500 + [CANARY] * (ENOUGH - 1)})
    assert said(proposed(frame, tmp_path), "sex")["values_to_be_in_set"] == {
        "column": "sex",
        "value_set": ["f", "m"],
        "mostly": 0.991,
    }


def test_a_birth_year_is_rounded_to_decades(tmp_path: Path) -> None:
    days = [dt.date(1940 + i % 70, 3, 3) for i in range(200)] + [dt.date(1913, 7, 7)]
    found = said(proposed(pd.DataFrame({"born": days}), tmp_path), "born")["values_to_be_between"]
    assert (found["min_value"], found["max_value"]) == ("1910-01-01", "2009-12-31")


def test_infinite_and_missing_numbers_are_no_bounds(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.5, float("inf"), float("nan")] + [float(i) for i in range(200)]})
    assert "values_to_be_between" not in said(proposed(frame, tmp_path), "x")


def test_what_proposes_nothing_says_why(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="has 9 records, expected 10 or more"):
        proposed(people().head(ENOUGH - 1), tmp_path)
    with pytest.raises(Refused, match="sex does not name each record: 600 values, 2 different, in 600 records"):
        proposed(people(), tmp_path, "sex")
    with pytest.raises(Refused, match="has no column id"):
        proposed(people(), tmp_path, "id")


def validated(suite: dict[str, Any], folder: Path) -> list[str]:
    """The expectations that great-expectations itself finds not to hold of the same data."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
    frame = pd.read_parquet(folder / "reference.parquet")
    batch = asset.add_batch_definition_whole_dataframe("w").get_batch({"dataframe": frame})
    loaded = gx.ExpectationSuite(**json.loads(json.dumps(suite)))
    assert len(loaded.expectations) == len(suite["expectations"])
    result = batch.validate(loaded)
    return [str(one.expectation_config) for one in result.results if not one.success]


@pytest.mark.slow
def test_great_expectations_takes_the_suite_and_finds_that_its_own_data_meet_it(tmp_path: Path) -> None:
    assert validated(proposed(people(), tmp_path, "record_id"), tmp_path) == []


VALUES = {
    "whole": st.integers(-(10**6), 10**6),
    "few": st.integers(0, 3),
    "real": st.floats(-1e6, 1e6) | st.just(float("nan")),
    "text": st.text(max_size=8).filter(lambda t: "\x00" not in t),
    "code": st.sampled_from(["01", "02", "a\n", ""]),
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(ENOUGH, 150))
    columns = {}
    for name, values in VALUES.items():
        pool = draw(st.lists(st.none() | values if draw(st.booleans()) else values, min_size=1, max_size=n))
        columns[name] = [pool[i % len(pool)] for i in range(n)]
    return pd.DataFrame(columns)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=tables())
def test_whatever_the_data_they_meet_what_is_proposed_from_them(tmp_path: Path, frame: pd.DataFrame) -> None:
    assert validated(proposed(frame, tmp_path), tmp_path) == []


def test_a_first_record_in_the_place_of_the_names_is_not_written_down(tmp_path: Path) -> None:
    frame = people().rename(columns={"text": "jane@office.example"})
    with pytest.raises(Refused, match="the name of column 6 of reference.parquet holds an e-mail address") as refused:
        proposed(frame, tmp_path)
    assert "jane" not in refused.value.message

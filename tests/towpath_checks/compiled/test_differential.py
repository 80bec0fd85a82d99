"""The compiler beside Great Expectations on pandas, at random: the same verdict, or refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gx_reference import great_expectations_says, raised, written
from suite_worlds import TYPE_NAMES, expectations, filled, tables
from towpath_checks.compiled import Answer, validate

Json = dict[str, Any]
DETERMINED = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@settings(DETERMINED, max_examples=6)
@given(tables(), st.lists(expectations(), min_size=20, max_size=20))
def test_a_verdict_is_great_expectations_own(table: pa.Table, asked: list[Json]) -> None:
    _hold_against_great_expectations(table, asked)


@pytest.mark.slow
@settings(DETERMINED, max_examples=20)
@given(tables(), st.lists(expectations(), min_size=40, max_size=40))
def test_a_verdict_is_great_expectations_own_on_many_tables(table: pa.Table, asked: list[Json]) -> None:
    _hold_against_great_expectations(table, asked)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [False, True])
def test_each_type_by_each_name_is_what_great_expectations_says(missing: bool) -> None:
    table = filled(missing)
    columns = table.column_names[1:]
    asked = [
        {"type": f"expect_column_{what}", "kwargs": {"column": column, key: [name] if key == "type_list" else name}}
        for what, key in (
            ("type_to_be", "type_"),
            ("values_to_be_of_type", "type_"),
            ("values_to_be_in_type_list", "type_list"),
        )
        for column in columns
        for name in TYPE_NAMES
    ]
    _hold_against_great_expectations(table, asked)


def _hold_against_great_expectations(table: pa.Table, asked: list[Json]) -> None:
    asked = [one for position, one in enumerate(asked) if one not in asked[:position]]
    with tempfile.TemporaryDirectory() as folder:
        answers = validate(asked, written(table, Path(folder)), "id")
        frame = pd.read_parquet(Path(folder) / "records.parquet")
    for one, said, answer in zip(asked, great_expectations_says(asked, frame), answers, strict=True):
        if said is not None:
            _compare(one, said, answer)


def _compare(asked: Json, said: Json, answer: Answer) -> None:
    if answer.result is None:
        assert answer.refused
        return
    assert not raised(said), f"answered what Great Expectations cannot: {asked}"
    assert answer.result["success"] == said["success"], asked
    ours, theirs = answer.result["result"], said["result"]
    counts = {key for key in theirs if "count" in key or "percent" in key}
    assert {key: ours.get(key) for key in counts} == {key: theirs[key] for key in counts}, asked
    if isinstance(theirs.get("observed_value"), float):
        assert ours["observed_value"] == pytest.approx(theirs["observed_value"], rel=1e-6, abs=1e-9), asked

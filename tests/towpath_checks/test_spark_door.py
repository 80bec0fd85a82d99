"""Great Expectations on Spark gives the verdicts that it gives on pandas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from towpath_checks import engines, suite
from towpath_checks.engines import Engine, Suited
from towpath_checks.tables import open_table
from towpath_core.errors import Misused

pytestmark = [pytest.mark.slow, pytest.mark.spark]
RECORDS = pd.DataFrame(
    {"record_id": ["001", "002", "003", "004"], "age": ["1", "2", None, "400"], "code": ["0111", "22", "0333", None]}
)
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_match_regex", {"column": "code", "regex": "^[0-9]{4}$"}),
    ("column_values_to_not_be_null", {"column": "age"}),
    ("column_values_to_be_in_set", {"column": "age", "value_set": ["1", "2"]}),
    ("column_values_to_be_unique", {"column": "record_id"}),
    ("table_row_count_to_equal", {"value": 4}),
    ("column_value_lengths_to_equal", {"column": "code", "value": 4, "mostly": 0.6}),
    ("column_values_to_not_be_null", {"column": "title"}),
]


def run(folder: Path, address: Path, engine: Engine) -> Suited:
    path = folder / "suite.json"
    listed = [{"type": f"expect_{kind}", "kwargs": kwargs} for kind, kwargs in ASKED]
    path.write_text(json.dumps({"name": "records", "expectations": listed}))
    with open_table(address) as table:
        return engines.run(suite.read(path), table, engine=engine)


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz"])
def test_the_verdicts_counts_and_examples_are_those_of_the_other_engines(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pyspark", reason="no pyspark (the extra `spark`)")
    address = tmp_path / f"records.{kind}"
    RECORDS.to_parquet(address) if kind == "parquet" else RECORDS.to_csv(address, index=False)
    said, expected = run(tmp_path, address, "spark"), run(tmp_path, address, "auto")
    assert set(said.engines) == {"spark", "towpath"}
    for one, other in zip(said.findings, expected.findings, strict=True):
        assert (one.passed, one.got, one.examples) == (other.passed, other.got, other.examples)


def test_another_kind_of_table_is_told(tmp_path: Path) -> None:
    pytest.importorskip("pyspark", reason="no pyspark (the extra `spark`)")
    RECORDS.to_feather(tmp_path / "records.feather")
    with pytest.raises(Misused, match=r"Spark cannot read records\.feather here"):
        run(tmp_path, tmp_path / "records.feather", "spark")

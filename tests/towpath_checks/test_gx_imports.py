"""Great Expectations imported without what no suite needs: its verdicts and its pictures are the same."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow  # each starts a process that imports Great Expectations

_START = """
import json, sys, warnings
warnings.simplefilter("ignore")
from towpath_checks.gx_imports import trimmed
with trimmed():
    import great_expectations as gx
def loaded(name):
    return name in sys.modules and type(sys.modules[name]).__name__ != "_LazyModule"
"""
_VALIDATE = """
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
asset = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
def validate(*expectations):
    batch = asset.get_batch({"dataframe": pd.DataFrame({"age": [1, 2, 3, 40], "code": list("aabb")})})
    return batch.validate(gx.ExpectationSuite(name="s", expectations=list(expectations)), result_format="SUMMARY")
"""


def said(code: str) -> object:
    """What a fresh process prints, as JSON."""
    command = (sys.executable, "-c", _START + _VALIDATE + code)
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def test_a_validation_loads_neither_scipys_statistics_nor_altair_nor_pyspark() -> None:
    code = """
found = validate(gx.expectations.ExpectColumnMeanToBeBetween(column="age", min_value=1),
                 gx.expectations.ExpectColumnValuesToBeInSet(column="code", value_set=["a"]))
print(json.dumps([sorted(r.success for r in found.results), loaded("scipy.stats"), loaded("altair"),
                  "pyspark" in sys.modules]))"""
    assert said(code) == [[False, True], False, False, False]


def test_the_expectation_that_needs_them_has_them() -> None:
    code = """
partition = {"values": ["a", "b"], "weights": [0.5, 0.5]}
found = validate(gx.expectations.ExpectColumnKLDivergenceToBeLessThan(
    column="code", partition_object=partition, threshold=0.1))
print(json.dumps([found.success, found.results[0].result["observed_value"]]))"""
    assert said(code) == [True, 0.0]


def test_a_page_is_rendered_from_results_with_a_chart() -> None:
    code = """
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
partition = {"values": ["a", "b"], "weights": [0.9, 0.1]}
found = validate(gx.expectations.ExpectColumnKLDivergenceToBeLessThan(
    column="code", partition_object=partition, threshold=0.01),
    gx.expectations.ExpectColumnValuesToBeBetween(column="age", max_value=3))
page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(found))
print(json.dumps([found.success, "vega" in page, "age" in page]))"""
    assert said(code) == [False, True, True]


def test_who_imports_them_later_gets_them_whole() -> None:
    code = """
import scipy.stats
from scipy.stats import beta
print(json.dumps([round(float(beta.ppf(0.5, 2, 2)), 6), loaded("scipy.stats"),
                  any(type(finder).__module__.startswith("towpath") for finder in sys.meta_path)]))"""
    assert said(code) == [0.5, True, False]


def test_a_pyspark_that_is_there_is_hidden_while_great_expectations_is_imported() -> None:
    from towpath_checks.gx_imports import trimmed

    with trimmed(), pytest.raises(ModuleNotFoundError, match="pyspark is hidden"):
        __import__("pyspark")

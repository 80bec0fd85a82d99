"""The saved view is what MLflow's front end unpacks."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime

from towpath_registry.mlflow_views import saved_view, view_link


def test_a_saved_view_unpacks_to_one_chart_over_time_for_each_metric() -> None:
    key, value = saved_view(
        "k", "Watch", {"Drift": ["drift/words", "drift/answer"]}, "x", datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert key == "mlflow.sharedViewState.k"
    packed = json.loads(value)["state"].removeprefix("deflate;")
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    assert [chart["metricKey"] for chart in state["compareRunCharts"]] == ["drift/words", "drift/answer"]
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} == {"k-0"}
    assert state["globalLineChartConfig"]["xAxisKey"] == "time"


def test_the_link_opens_the_charts_and_not_the_genai_pages() -> None:
    assert view_link("7", "k").startswith("#/experiments/7/runs?viewStateShareKey=k&")
    assert "workflowType=machine_learning" in view_link("7", "k")

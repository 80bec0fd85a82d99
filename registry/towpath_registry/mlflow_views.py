"""Pages of the MLflow UI that we arrange: deep links, and saved views of an experiment's charts.

The saved view's format is MLflow 3.17's own and undocumented: a tag on the experiment whose `state` is JSON, deflated,
in base64. A browser test opens one, so that an upgrade which changes it is noticed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

TAG = "mlflow.sharedViewState"
_ML = "workflowType=machine_learning"  # the UI opens in its GenAI mode otherwise


def run_link(experiment_id: str, run_id: str, page: str = "artifacts") -> str:
    return f"#/experiments/{experiment_id}/runs/{run_id}/{page}?{_ML}"


def version_link(name: str, version: int) -> str:
    return f"#/models/{name}/versions/{version}?{_ML}"


def view_link(experiment_id: str, key: str) -> str:
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={key}&compareRunsMode=CHART&{_ML}"


def saved_view(
    key: str, name: str, sections: Mapping[str, Sequence[str]], runs: str, made: datetime
) -> tuple[str, str]:
    """The experiment tag, key and value, of a view with one line chart over time for each metric.

    `sections` maps a heading to metric keys; `runs` is a search filter such as "tags.`towpath.series` = 'true'".
    """
    at = int(made.timestamp() * 1000)
    state = {**_STATE, "searchFilter": runs, "compareRunSections": [], "compareRunCharts": []}
    for number, (heading, metrics) in enumerate(sections.items()):
        section = f"{key}-{number}"
        state["compareRunSections"].append(
            {
                "uuid": section,
                "name": heading,
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
            }
        )
        state["compareRunCharts"] += [_chart(f"{section}-{i}", section, metric) for i, metric in enumerate(metrics)]
    packed = base64.b64encode(zlib.compress(json.dumps(state, sort_keys=True).encode(), 9)).decode()
    value = {"name": name, "createdAt": at, "updatedAt": at, "state": f"deflate;{packed}"}
    return f"{TAG}.{key}", json.dumps(value)


_STATE: dict[str, Any] = {
    "orderByKey": "attributes.start_time",
    "orderByAsc": False,
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "selectedColumns": ["attributes.`Source`"],
    "columnOrder": [],
    "columnWidths": {},
    "runsExpanded": {},
    "runsPinned": [],
    "runsHidden": [],
    "runsVisibilityMap": {},
    "runsHiddenMode": "FIRST_10_RUNS",
    "viewMaximized": False,
    "runListHidden": True,
    "isAccordionReordered": True,
    "useGroupedValuesInCharts": True,
    "hideEmptyCharts": True,
    "groupBy": None,
    "groupsExpanded": {},
    "autoRefreshEnabled": True,
    "globalLineChartConfig": {"xAxisKey": "time", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}


def _chart(uuid: str, section: str, metric: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "type": "LINE",
        "runsCountToCompare": 10,
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": False,
        "displayName": metric.rpartition("/")[2].replace("_", " "),
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
        "xAxisKey": "time",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }

"""What an engine said of each expectation, as findings and as evidence: counts and shares, never a record's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from towpath_checks.findings import Finding, of_records, some, stage_asked
from towpath_checks.suite import Json, columns_of, expected, subject, where

COMPILED, GX, SPARK, TOWPATH = "compiled", "great-expectations", "spark", "towpath"
_COUNTS = (
    "element_count",
    "unexpected_count",
    "unexpected_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
    "missing_count",
    "missing_percent",
)
# Expectations whose observed value is a count, a share, or an average of many records; any other may be a record's own.
_AGGREGATES = (
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
)
AVERAGES = ("expect_column_mean_to_be_between", "expect_column_stdev_to_be_between")
_AVERAGE_OF = 5
ABOUT_MISSING = (
    "expect_column_to_exist",
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
)


@dataclass(frozen=True, slots=True)
class Said:
    """One engine's result for one expectation, in Great Expectations' shape, with values inside.

    `result` None: there is no answer. `refused` says why it was not compiled; `rows` are the first few records that are
    not as expected, by their ids.
    """

    engine: str
    result: Json | None
    refused: str = ""
    rows: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class About:
    """What is known of the table beside the answers: how many records, its columns, and those without any value.

    `probed`, by position: whether values of the column are missing among the records that the expectation is about.
    """

    records: int
    names: tuple[str, ...]
    void: frozenset[str]
    probed: Mapping[int, Json | None]
    hint: str = ""

    def values(self, position: int) -> int:
        """How many an average is of; 0 where nobody has counted them."""
        counted = (self.probed.get(position) or {}).get("result") or {}
        elements, missing = counted.get("element_count"), counted.get("unexpected_count")
        return 0 if elements is None or missing is None else int(elements) - int(missing)


def finding(file: str, position: int, asked: Json, said: Said, about: About) -> Finding:
    """Raise Misused where the expectation names a stage that is none."""
    kind, kwargs = asked["type"], asked["kwargs"]
    passed, got = _answer(position, asked, said, about)
    result = (said.result or {}).get("result") or {}
    count, total = result.get("unexpected_count"), result.get("element_count")
    settings = (asked.get("meta") or {}).get("towpath")
    stage = settings.get("blocks_from") if isinstance(settings, dict) else None
    return Finding(
        gate=kind,
        subject=subject(kwargs),
        passed=passed,
        got=got,
        expected=expected(kind, kwargs),
        severity="error" if asked.get("severity", "critical") == "critical" else "warning",
        count=count if total is not None else None,
        total=total,
        examples=() if passed else some(row for row in said.rows if row is not None),
        engine=said.engine,
        blocks_from=stage_asked(stage, where(file, position + 1, asked)),
    )


def _answer(position: int, asked: Json, said: Said, about: About) -> tuple[bool, str]:
    """Whether it holds, and what was got; what could not be assessed, or holds because nothing is there, does not."""
    kind, kwargs = asked["type"], asked["kwargs"]
    needed = columns_of(kind, kwargs)
    if absent := [name for name in needed if name not in about.names]:
        return False, f"there is no column {', '.join(absent)}{about.hint}"
    if said.result is None:
        return False, f"not assessed: {said.refused or 'Great Expectations gave no answer'}"
    if error := raised(said.result["exception_info"]):
        return False, f"not assessed: {error}"
    result = said.result["result"] or {}
    elements = result.get("element_count")
    if elements == 0:
        return False, "not assessed: no record meets the row condition"
    void = [name for name in needed if name in about.void] if kind not in ABOUT_MISSING else []
    if void or (elements is not None and result.get("missing_count") == elements):
        return False, f"not assessed: every value of {', '.join(void) or subject(kwargs)} is missing"
    conditioned = bool(kwargs.get("row_condition")) and position in about.probed
    if conditioned and (missing := _nothing_there(about.probed[position], kwargs)):
        return False, f"not assessed: {missing}"
    return said.result["success"] is True, _got(said.result, about.values(position))


def _nothing_there(probe: Json | None, kwargs: Mapping[str, Any]) -> str:
    """Why an aggregate over the records of a row condition says nothing; empty: it says something."""
    if probe is None or raised(probe["exception_info"]):
        return "the row condition could not be assessed"
    elements, missing = (probe["result"].get(key) for key in ("element_count", "unexpected_count"))
    if not elements:
        return "no record meets the row condition"
    return f"every value of {subject(kwargs)} is missing under the row condition" if missing == elements else ""


def _got(said: Json, values: int) -> str:
    result = scrubbed(said, values)["result"]
    if "unexpected_count" in result and "element_count" in result:
        return f"{of_records(result['unexpected_count'], result['element_count'])} not so"
    if isinstance(result.get("observed_value"), (int, float)):
        return f"{result['observed_value']:,.6g}"
    return "as expected" if said["success"] is True else "not so (values are not shown)"


def evidence(name: str, results: Sequence[Json], meta: Json, *, assessed: bool) -> Json:
    """As Great Expectations shapes a suite's result; a success only where every expectation was `assessed`."""
    successful = sum(result["success"] is True for result in results)
    return {
        "success": assessed and successful == len(results),
        "suite_name": name,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": successful,
            "unsuccessful_expectations": len(results) - successful,
            "success_percent": 100 * successful / len(results) if results else None,
        },
        "results": list(results),
        "meta": meta,
    }


def nothing(asked: Json, why: str) -> Json:
    """The result of an expectation that no engine answered."""
    return {
        "success": False,
        "expectation_config": {"type": asked["type"], "kwargs": asked["kwargs"], "meta": asked.get("meta") or {}},
        "result": {},
        "exception_info": {"raised_exception": True, "exception_message": why},
    }


def scrubbed(item: Json, values: int) -> Json:
    """One result as Great Expectations shapes it, with nothing in it that could be a record's value.

    `values` says of how many an average is: that of one is the value itself.
    """
    config, result = item["expectation_config"], item["result"] or {}
    kept = {key: result[key] for key in _COUNTS if key in result}
    open_to_all = config["type"] in _AGGREGATES or (config["type"] in AVERAGES and values >= _AVERAGE_OF)
    if open_to_all and isinstance(result.get("observed_value"), (int, float)):
        kept["observed_value"] = result["observed_value"]
    error = raised(item["exception_info"])
    return {
        "success": item["success"] is True,
        "expectation_config": {
            "type": config["type"],
            "kwargs": {key: value for key, value in config["kwargs"].items() if key != "batch_id"},
            "meta": config.get("meta") or {},
            "severity": config.get("severity") or "critical",
        },
        "result": kept,
        "meta": {},
        "exception_info": {"raised_exception": bool(error), "exception_message": error or None},
    }


def raised(info: Any) -> str:
    """The kind of the exception that stopped an expectation, empty if none did; its message can hold values."""
    several = isinstance(info, dict) and "raised_exception" not in info
    for one in info.values() if several else [info]:
        if not isinstance(one, dict) or one.get("raised_exception") is not False:
            trace = str(one.get("exception_traceback") or "") if isinstance(one, dict) else ""
            name = trace.strip().rpartition("\n")[2].partition(":")[0].rpartition(".")[2]
            return name if name.isidentifier() else "an exception"
    return ""

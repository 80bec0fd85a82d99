"""The door to Great Expectations: runs a suite over a frame, and lets counts out, never a record's values."""

from __future__ import annotations

import difflib
import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks.findings import Finding, of_records
from towpath_core.digests import sha256_file
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.files import read_json

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]

_MARK = "towpath_position"  # Great Expectations answers in another order than it was asked
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
_AVERAGES = ("expect_column_mean_to_be_between", "expect_column_stdev_to_be_between")
_AVERAGE_OF = 5
_ABOUT_MISSING = (
    "expect_column_to_exist",
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
)


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite file in Great Expectations' own JSON shape, read but not yet understood."""

    name: str
    file: str
    digest: str
    expectations: tuple[Json, ...]


def read(path: Path, shown: str = "") -> Suite:
    """The suite at `path`, called `shown` in errors.

    Raises: NotFound if it is not there, Misused with file and position for what is no suite, Refused for an empty one.
    """
    file = shown or path.name
    if not path.is_file():
        raise NotFound(f"there is no suite {file}", hint=f"git checkout {file}, or mend towpath.yaml, checks.suite")
    content = read_json(path, "the suite")
    if not isinstance(content, dict) or not isinstance(content.get("expectations"), list):
        raise Misused(f"{file} is no suite: expected an object with a list of expectations", hint=f"mend {file}")
    if not isinstance(content.get("name"), str) or not content["name"]:
        raise Misused(f"{file} has no name", hint=f'add "name": "records" to {file}')
    expectations = tuple(content["expectations"])
    if not expectations:
        raise Refused(f"{file} expects nothing, and nothing expected is no check", hint=f"add an expectation to {file}")
    for position, expectation in enumerate(expectations, 1):
        fit = isinstance(expectation, dict) and isinstance(expectation.get("type"), str)
        if not fit or not isinstance(expectation.get("kwargs"), dict):
            raise Misused(
                f"{file}, expectation {position}: expected an object with type and kwargs", hint=f"mend {file}"
            )
        if "$PARAMETER" in str(expectation["kwargs"]):
            raise Misused(f"{_where(file, position, expectation)}: $PARAMETER has no value here", hint=f"mend {file}")
    return Suite(content["name"], file, sha256_file(path), expectations)


def run(suite: Suite, frame: pd.DataFrame) -> tuple[list[Finding], Json]:
    """One finding for each expectation, in the suite's order, and Great Expectations' own result without any values.

    Raises: Refused for no records, Misused with file and position for an expectation that Great Expectations does not
    know or take, CouldNot when it fails as a whole.
    """
    if not len(frame):
        raise Refused("there are no records: every expectation would hold")
    raw = _validated(suite, frame)
    by_position = {int(item["expectation_config"]["meta"][_MARK]): item for item in raw["results"]}
    items = [by_position.get(position) for position in range(len(suite.expectations))]
    findings = [_finding(asked, said, frame) for asked, said in zip(suite.expectations, items, strict=True)]
    results = [_scrubbed(item, len(frame)) for item in items if item is not None]
    evidence = {
        "success": raw["success"] is True and len(results) == len(items),
        "suite_name": suite.name,
        "statistics": raw["statistics"],
        "results": results,
        "meta": {"great_expectations_version": raw["meta"]["great_expectations_version"], "suite_digest": suite.digest},
    }
    return findings, evidence


def _validated(suite: Suite, frame: pd.DataFrame) -> Json:
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)  # its messages can hold values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        understood = gx.ExpectationSuite(name=suite.name, expectations=_understood(suite))
        try:
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
            asset = context.data_sources.add_pandas("towpath").add_dataframe_asset("records")
            batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
            form = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
            result: Json = batch.validate(understood, result_format=form).to_json_dict()  # type: ignore[no-untyped-call]
            return result
        except Exception as error:  # noqa: BLE001 (its message can hold values: only its kind is told)
            raise CouldNot(f"Great Expectations failed on {suite.file}: {type(error).__name__}") from None


def _understood(suite: Suite) -> list[Any]:
    """Great Expectations' own objects, made one by one: as a list it would leave out those that it does not take."""
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    made = []
    for position, asked in enumerate(suite.expectations):
        where = _where(suite.file, position + 1, asked)
        marked = {**asked, "meta": {**(asked.get("meta") or {}), _MARK: position}, "id": None}
        try:
            made.append(ExpectationConfiguration(**marked).to_domain_obj())
        except ExpectationNotFoundError as error:
            near = difflib.get_close_matches(asked["type"], list_registered_expectation_implementations(), 1)
            hint = f"did you mean {near[0]}?" if near else f"mend {suite.file}"
            raise Misused(f"{where}: there is no such expectation", hint=hint) from error
        except Exception as error:
            raise Misused(f"{where}: {_plain(error)}", hint=f"mend {suite.file}") from error
    return made


def _finding(asked: Json, said: Json | None, frame: pd.DataFrame) -> Finding:
    kind, kwargs = asked["type"], asked["kwargs"]
    passed, got = _answer(kind, kwargs, said, frame)
    result = (said or {}).get("result") or {}
    count, total = result.get("unexpected_count"), result.get("element_count")
    return Finding(
        gate=kind,
        subject=_subject(kwargs),
        passed=passed,
        got=got,
        expected=_expected(kind, kwargs),
        severity="error" if asked.get("severity", "critical") == "critical" else "warning",
        count=count if total is not None else None,
        total=total,
    )


def _answer(kind: str, kwargs: Json, said: Json | None, frame: pd.DataFrame) -> tuple[bool, str]:
    """Whether it holds, and what was got; what could not be assessed, or holds because nothing is there, does not."""
    if absent := [name for name in _columns(kind, kwargs) if name not in frame.columns]:
        return False, f"there is no column {', '.join(absent)}"
    if said is None:
        return False, "not assessed: Great Expectations gave no answer"
    if error := _raised(said["exception_info"]):
        return False, f"not assessed: {error}"
    result = said["result"]
    elements = result.get("element_count")
    if elements == 0:
        return False, "not assessed: no record meets the row condition"
    void = [name for name in _columns(kind, kwargs) if frame[name].isna().all()] if kind not in _ABOUT_MISSING else []
    if void or (elements is not None and result.get("missing_count") == elements):
        return False, f"not assessed: every value of {', '.join(void) or _subject(kwargs)} is missing"
    return said["success"] is True, _got(said, len(frame))


def _got(said: Json, records: int) -> str:
    result = _scrubbed(said, records)["result"]
    if "unexpected_count" in result and "element_count" in result:
        return f"{of_records(result['unexpected_count'], result['element_count'])} not so"
    if isinstance(result.get("observed_value"), (int, float)):
        return f"{result['observed_value']:,.6g}"
    return "as expected" if said["success"] is True else "not so (values are not shown)"


def _scrubbed(item: Json, records: int) -> Json:
    """One result as Great Expectations shapes it, with nothing in it that could be a record's value."""
    config, result = item["expectation_config"], item["result"]
    kept = {key: result[key] for key in _COUNTS if key in result}
    open_to_all = config["type"] in _AGGREGATES or (config["type"] in _AVERAGES and records >= _AVERAGE_OF)
    if open_to_all and isinstance(result.get("observed_value"), (int, float)):
        kept["observed_value"] = result["observed_value"]
    error = _raised(item["exception_info"])
    return {
        "success": item["success"],
        "expectation_config": {
            "type": config["type"],
            "kwargs": {key: value for key, value in config["kwargs"].items() if key != "batch_id"},
            "meta": {key: value for key, value in config["meta"].items() if key != _MARK},
            "severity": config.get("severity", "critical"),
        },
        "result": kept,
        "exception_info": {"raised_exception": bool(error), "exception_message": error or None},
    }


def _raised(info: Any) -> str:
    """The kind of the exception that stopped an expectation, empty if none did; its message can hold values."""
    several = isinstance(info, dict) and "raised_exception" not in info
    for one in info.values() if several else [info]:
        if not isinstance(one, dict) or one.get("raised_exception") is not False:
            trace = str(one.get("exception_traceback") or "") if isinstance(one, dict) else ""
            name = trace.strip().rpartition("\n")[2].partition(":")[0].rpartition(".")[2]
            return name if name.isidentifier() else "an exception"
    return ""


def _columns(kind: str, kwargs: Mapping[str, Any]) -> list[str]:
    """The columns that an expectation needs in order to be assessed."""
    if kind.startswith("expect_table_") or kind == "expect_column_to_exist":
        return []
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    listed = kwargs.get("column_list")
    return [name for name in (*named, *(listed if isinstance(listed, Sequence) else ())) if isinstance(name, str)]


def _subject(kwargs: Mapping[str, Any]) -> str:
    return ", ".join(_columns("", kwargs)) or "the table"


def _expected(kind: str, kwargs: Mapping[str, Any]) -> str:
    settings = [
        f"{key} {_short(value)}"
        for key, value in kwargs.items()
        if key not in ("column", "column_A", "column_B", "column_list", "result_format")
    ]
    return ", ".join([kind.removeprefix("expect_").replace("_", " "), *settings])


def _short(value: object) -> str:
    if isinstance(value, list) and len(value) > 5:
        return f"of {len(value)} values"
    return str(value)[:60]


def _where(file: str, position: int, asked: Mapping[str, Any]) -> str:
    return f"{file}, expectation {position} ({asked['type']} on {_subject(asked['kwargs'])})"


def _plain(error: Exception) -> str:
    """What pydantic said, on one line."""
    if hasattr(error, "errors"):
        faults = error.errors()
        return "; ".join(f"{'.'.join(map(str, f['loc'])).replace('__root__', 'kwargs')}: {f['msg']}" for f in faults)
    return " ".join(str(error).split())[:300]

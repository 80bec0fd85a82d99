"""Suites as SQL: what is answered is Great Expectations' answer, and what cannot be is refused with a reason."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gx_reference import relation, written
from towpath_checks.compiled import KINDS, Answer, validate
from towpath_core.errors import CouldNot

Json = dict[str, Any]
LONG = 2**53 + 1
RECORDS = pa.table(
    {
        "id": ["a1", "a2", "a3", "a4", "a5", "a6", "a7"],
        "code": ["0111", "111", "0222", "0222", None, "0333", "x\n"],
        "age": pa.array([20, 30, 40, 50, 60, None, 30], pa.int64()),
        "share": pa.array([0.1, 0.2, math.nan, 0.4, 0.5, 0.6, 0.7]),
        "serial": pa.array([LONG, LONG + 1, LONG + 2, LONG + 3, LONG + 4, LONG + 5, LONG + 6], pa.int64()),
        'say "when"; --': ["a", "b", "c", "d", "e", "f", "g"],
    }
)


def expects(what: str, /, **kwargs: Any) -> Json:
    return {"type": f"expect_{what}", "kwargs": kwargs}


def ask(asked: Json, folder: Path, table: pa.Table = RECORDS, name: str = "id") -> Answer:
    return validate([asked], written(table, folder), name)[0]


def test_what_is_not_a_number_is_missing_though_the_file_s_statistics_do_not_say_so(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "c"], "value": [1.0, math.nan, 2.0]})
    answer = ask(expects("column_values_to_not_be_null", column="value"), tmp_path, table)
    assert answer.result is not None
    assert answer.result["result"]["unexpected_count"] == 1
    assert answer.rows == ("b",)


def test_a_result_has_great_expectations_shape_and_holds_no_record(tmp_path: Path) -> None:
    asked = expects("column_values_to_match_regex", column="code", regex="^[0-9]{4}$", mostly=0.5)
    answer = ask({**asked, "severity": "warning", "meta": {"by": "us"}}, tmp_path)
    assert answer.result == {
        "success": True,
        "expectation_config": {
            "type": "expect_column_values_to_match_regex",
            "kwargs": {"column": "code", "regex": "^[0-9]{4}$", "mostly": 0.5},
            "meta": {"by": "us"},
            "severity": "warning",
        },
        "result": {
            "element_count": 7,
            "unexpected_count": 2,
            "unexpected_percent": 2 / 6 * 100,
            "partial_unexpected_list": [],
            "missing_count": 1,
            "missing_percent": 1 / 7 * 100,
            "unexpected_percent_total": 2 / 7 * 100,
            "unexpected_percent_nonmissing": 2 / 6 * 100,
        },
        "meta": {},
        "exception_info": {"raised_exception": False, "exception_traceback": None, "exception_message": None},
    }


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (expects("column_values_to_be_unique", column="code"), ("a3", "a4")),
        (expects("column_values_to_be_increasing", column="age"), ("a7",)),
        (expects("column_values_to_not_be_null", column="code"), ("a5",)),
        (expects("column_values_to_be_between", column="age", min_value=35), ("a1", "a2", "a7")),
        (expects("column_values_to_match_regex", column="code", regex="^(?!1)"), ("a2",)),
        (expects("column_distinct_values_to_be_in_set", column="age", value_set=[20, 40, 50, 60]), ("a2", "a7")),
        (expects("compound_columns_to_be_unique", column_list=["code", "age"]), ()),
        (expects("column_mean_to_be_between", column="age", max_value=1), ()),
        (expects("column_values_to_be_null", column="id"), ("a1", "a2", "a3", "a4", "a5")),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_records_that_are_not_as_expected_are_named_in_the_order_of_the_file(
    asked: Json, rows: tuple[str, ...], tmp_path: Path
) -> None:
    assert ask(asked, tmp_path).rows == rows


def test_nobody_is_named_where_no_column_names_a_record(tmp_path: Path) -> None:
    asked = expects("column_values_to_be_unique", column="code")
    assert ask(asked, tmp_path, name="").rows == ()
    assert ask(asked, tmp_path, name="number").rows == ()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (expects("column_values_to_be_unique", column="title"), "a column that is not there"),
        (expects("column_values_to_be_between", column="serial", min_value=0), "whole numbers beyond 2**53"),
        (expects("column_values_to_match_regex", column="code", regex="(?i)a++"), "a regular expression with"),
        (expects("column_values_to_match_regex", column="code", regex="("), "a regular expression that Python"),
        (expects("column_values_to_match_like_pattern", column="code", like_pattern="a%"), "a LIKE pattern"),
        (expects("column_sum_to_be_between", column="share", max_value=2.5), "a value within rounding of its bound"),
        (
            expects("column_values_to_be_unique", column="id", row_condition="age > age", condition_parser="pandas"),
            "query",
        ),
        (expects("column_values_to_be_unique", column="id", row_condition="", condition_parser="pandas"), "query"),
        (expects("column_max_to_be_between", column="age", min_value="2020-01-01"), "a date as the bound of a number"),
        (expects("column_values_to_be_between", column="code", min_value=1), "a column of texts"),
        (expects("column_values_to_be_between", column="age", min_value={"$PARAMETER": "low"}), "a parameter"),
        (expects("column_values_to_be_odd", column="age"), "not Great Expectations' own"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_what_cannot_be_said_exactly_is_refused_with_a_reason(asked: Json, reason: str, tmp_path: Path) -> None:
    answer = ask(asked, tmp_path)
    assert answer.result is None
    assert reason in answer.refused


def test_whole_numbers_of_64_bits_are_told_apart_where_none_is_missing(tmp_path: Path) -> None:
    answer = ask(expects("column_values_to_be_unique", column="serial"), tmp_path)
    assert answer.result is not None
    assert answer.result["success"]


def test_columns_whose_names_differ_by_case_only_are_refused(tmp_path: Path) -> None:
    table = pa.table({"a": [1], "A": [2]})
    assert "differ by case only" in ask(expects("column_values_to_be_unique", column="a"), tmp_path, table).refused


def test_names_and_values_are_never_read_as_sql(tmp_path: Path) -> None:
    column, value = 'say "when"; --', "'; DROP TABLE records; --"
    answer = ask(expects("column_values_to_not_be_in_set", column=column, value_set=[value, "b"]), tmp_path)
    assert answer.rows == ("a2",)


def test_columns_may_have_the_names_that_the_queries_use_themselves(tmp_path: Path) -> None:
    names = ["k1", "k0", "v", "n", "x", "before", "nth", "inside", "a", "b"]
    plain = pa.table({f"c{place}": [place % 3, 1, place % 2, 1, None] for place in range(len(names))})
    used = plain.rename_columns(names)

    def asked(of: list[str]) -> list[Json]:
        several = [of[start:] for start in range(0, 8, 2)]
        return [
            *(expects("column_values_to_be_unique", column=name) for name in of),
            *(expects("column_values_to_be_increasing", column=name, strictly=True) for name in of),
            *(expects("column_distinct_values_to_equal_set", column=name, value_set=[1]) for name in of),
            *(expects("column_most_common_value_to_be_in_set", column=name, value_set=[1]) for name in of),
            *(expects("column_median_to_be_between", column=name, min_value=1) for name in of),
            *(expects("compound_columns_to_be_unique", column_list=listed) for listed in several),
        ]

    first = validate(asked(plain.column_names), written(plain, tmp_path), "c1")
    second = validate(asked(names), written(used, tmp_path), "k0")
    assert all(answer.result for answer in first)
    assert [_told(answer) for answer in first] == [_told(answer) for answer in second]


def _told(answer: Answer) -> Any:
    assert answer.result is not None
    return answer.result["success"], answer.result["result"], answer.rows


def test_a_value_that_duckdb_does_not_compute_with_costs_only_its_own_expectation(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "value": pa.array([1.7e308, 1.7e308])})
    asked = [
        expects("column_sum_to_be_between", column="value", max_value=1),
        expects("column_values_to_be_unique", column="id"),
    ]
    first, second = validate(asked, written(table, tmp_path), "id")
    assert first.result is None or first.result["success"] is False
    assert second.result is not None


def test_a_table_that_cannot_be_read_is_no_answer(tmp_path: Path) -> None:
    table = written(RECORDS, tmp_path)
    file = tmp_path / "records.parquet"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(CouldNot, match="reading the table failed"):
        validate([expects("column_values_to_be_unique", column="id")], table)


def test_texts_are_read_from_csv_as_well(tmp_path: Path) -> None:
    file = tmp_path / "records.csv"
    file.write_text('code,title\n0111,baker\n,"che,f"\n0111,guard\n', encoding="utf-8")
    table = relation(f"read_csv('{file}', all_varchar=true, header=true)", file)
    unique, length = validate(
        [
            expects("column_values_to_be_unique", column="code"),
            expects("column_value_lengths_to_equal", column="code", value=4),
        ],
        table,
        "title",
    )
    assert unique.rows == ("baker", "guard")
    assert length.result is not None
    assert length.result["result"]["missing_count"] == 1


def test_every_expectation_of_great_expectations_is_compiled_or_left_to_it_with_a_reason() -> None:
    from great_expectations.expectations import core
    from great_expectations.expectations.expectation import Expectation

    known = [getattr(core, name) for name in dir(core)]
    kinds = [kind for kind in known if isinstance(kind, type) and issubclass(kind, Expectation)]
    types = {kind.expectation_type for kind in kinds if getattr(kind, "expectation_type", "")}
    assert len(types) > 50
    assert types <= set(KINDS)


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'pandas', 'numpy', 'pyarrow', 'great_expectations', 'duckdb'}"
    code = f"import sys, towpath_checks.compiled; print(*{heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""

"""Tables and expectations at random, for hypothesis.

Small values from small sets, so that things meet: duplicates, bounds that are hit, sets that are covered.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

Json = dict[str, Any]
Asked = st.SearchStrategy[tuple[str, Json]]

_EDGE = 2**53
_MOMENTS = [dt.datetime.fromisoformat(f"2020-01-0{day}T0{hour}:00:00") for day in (1, 2, 3) for hour in (0, 5)]
_REALS = [0.1, 0.3, 1.5, -0.0, 0.0, 2.0, 3.0, math.nan, 1e9, -1e9]
_CENTS = [Decimal(25 * n) / 100 for n in range(-6, 9)]
_TEXTS = [
    "a",
    "b",
    "ab",
    "",
    "A",
    " a",
    "a\n",
    "é9",
    "٣٣",
    "12",
    "2020-01-01",
    "ß",
    "文字",
    "{}",
    '{"a": 1}',
    "a_b",
    "K",
]
_NAIVE = ["2020-01-01T00:00:00", "2020-01-02T05:00:00", "2020-01-02"]
_ZONED = ["2020-01-01T03:00:00+00:00", "2020-01-02T04:00:00+01:00"]
_DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]

# For each kind of column: its type, the values that it holds, and those that a person writes into a suite for it.
_KINDS: Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "int": (pa.int64(), st.one_of(st.integers(-3, 3), st.integers(-(10**6), 10**6)), st.integers(-3, 3)),
    "big": (
        pa.int64(),
        st.sampled_from([1, _EDGE, _EDGE + 1, 2**62, -(2**63)]),
        st.sampled_from([1, _EDGE, _EDGE + 1]),
    ),
    "i8": (pa.int8(), st.integers(-3, 3), st.integers(-3, 3)),
    "u16": (pa.uint16(), st.integers(0, 4), st.integers(0, 4)),
    "float": (pa.float64(), st.sampled_from(_REALS), st.sampled_from([0.1, 0.3, 1.5, 0.0, 1, 2])),
    "wide": (pa.float64(), st.floats(-10, 10), st.sampled_from([-5.5, 0, 1, 7.25])),
    "inf": (pa.float64(), st.sampled_from([math.inf, -math.inf, 1.0, 2.0]), st.sampled_from([0, 1, 2])),
    "f32": (
        pa.float32(),
        st.sampled_from([0.1, 0.3, 1.5, -0.0, 2.0, math.nan]),
        st.sampled_from([0.1, 0.3, 1.5, 0, 2]),
    ),
    "str": (pa.string(), st.sampled_from(_TEXTS), st.sampled_from(_TEXTS)),
    "cat": (pa.string(), st.sampled_from(["a", "b", "", "é9"]), st.sampled_from(["a", "b", "", "zz"])),
    "bool": (pa.bool_(), st.booleans(), st.booleans()),
    "date": (pa.date32(), st.dates(dt.date(2020, 1, 1), dt.date(2020, 1, 4)), st.sampled_from(_DAYS)),
    "ts": (pa.timestamp("us"), st.sampled_from(_MOMENTS), st.sampled_from(_NAIVE)),
    "ns": (pa.timestamp("ns"), st.sampled_from(_MOMENTS), st.sampled_from(_NAIVE)),
    "ms": (pa.timestamp("ms"), st.sampled_from(_MOMENTS), st.sampled_from(_NAIVE)),
    "tz": (pa.timestamp("us", "Europe/Vienna"), st.sampled_from(_MOMENTS), st.sampled_from(_ZONED)),
    "dec": (pa.decimal128(9, 2), st.sampled_from(_CENTS), st.sampled_from([0.1, 0.25, 1, -0.5, 2])),
}
COLUMNS = {f"c_{kind}": kind for kind in _KINDS}
COLUMNS |= {f"c_{kind}2": kind for kind in ("int", "float", "str", "date", "ts", "dec")}
_ALIKE = [
    ["c_int", "c_int2", "c_i8", "c_u16", "c_float", "c_float2", "c_f32"],
    ["c_str", "c_str2", "c_cat"],
    ["c_date", "c_date2"],
    ["c_ts", "c_ts2", "c_ns", "c_ms", "c_tz"],
    ["c_dec", "c_dec2"],
    list(COLUMNS),
]
_PATTERNS = [
    *("^a", "a$", r"^\d+$", r"\w", r"\s", r"^[a-z]{1,3}$", ".", "^$", "(?i)a", r"(?i)k\b", r"\bé", "[^a]"),
    *("9$|^b", "a(?=b)", r"(a|b)\1", r"[^\W\d]", r"\W", "(?s).*", "a|", "(?i)A$", r"\p{L}", "a++", "(?m)^a$"),
]
TYPE_NAMES = [
    *("int", "int64", "int8", "float", "float64", "float32", "str", "string", "object", "bool", "O", "uint16"),
    *("datetime64", "datetime64[us]", "datetime64[ns]", "category", "double", "timedelta64", "list", "dict", "bytes"),
]
_SCHEMAS: list[Json] = [{"type": "object"}, {"required": ["a"]}, {"type": "number"}]
_QUANTILES = {
    "quantiles": [0.0, 0.25, 0.5, 0.9, 1.0],
    "value_ranges": [[-50, 5], [-50, 5], [-3, 3], [-1, 50], [0, 10**6]],
}
_MAP = "expect_column_values_to_"
_COLUMN = "expect_column_"


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A table of every kind of column, of no record to a dozen, with missing values from none to all."""
    size = draw(st.sampled_from([0, 1, 2, 3, 5, 8, 12]))
    arrays = {"id": pa.array([f"r{n}" for n in range(size)], pa.string())}
    for name, kind in COLUMNS.items():
        made, values, _ = _KINDS[kind]
        some = st.one_of(st.none(), values)
        one = draw(st.sampled_from([values, values, some, some, st.none() if size else values]))
        array = pa.array(draw(st.lists(one, min_size=size, max_size=size)), made)
        arrays[name] = array.dictionary_encode() if kind == "cat" else array
    return pa.table(arrays)


def filled(missing: bool) -> pa.Table:
    """A table with one column of each kind, of two values or of a value and a missing one."""
    ones: dict[str, list[Any]] = {"tz": _MOMENTS, "ts": _MOMENTS, "ns": _MOMENTS, "ms": _MOMENTS, "dec": _CENTS}
    ones |= {"str": _TEXTS, "cat": _TEXTS, "bool": [True, False], "date": [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]}
    arrays = {"id": pa.array(["r0", "r1"])}
    for kind, (made, _, _) in _KINDS.items():
        array = pa.array([ones.get(kind, [1, 2])[0], None if missing else ones.get(kind, [1, 2])[1]], made)
        arrays[f"c_{kind}"] = array.dictionary_encode() if kind == "cat" else array
    return pa.table(arrays)


@st.composite
def expectations(draw: st.DrawFn) -> Json:
    """One expectation, with a share and a row condition where it takes them."""
    name = draw(st.sampled_from(sorted(COLUMNS)))
    text = draw(st.sampled_from(["c_str", "c_str2", "c_cat", "c_int", name]))
    families = [_of_values(name), _of_texts(text), _of_whole(name), _of_distinct(name), _of_several(), _of_table()]
    kind, kwargs = draw(draw(st.sampled_from([*families[:5], *families])))
    shared = kind.startswith((_MAP, "expect_column_value_", "expect_column_pair", "expect_multi", "expect_compound"))
    known = kind.startswith(("expect_table_column", "expect_column_to_exist", "expect_column_type"))
    share = draw(st.sampled_from([1, 1, 0.5, 1 / 3, 2 / 3, 0.9])) if shared else None
    condition = {} if known else draw(_conditions())
    return {"type": kind, "kwargs": {**kwargs, **({"mostly": share} if shared else {}), **condition}}


def _written(name: str) -> st.SearchStrategy[Any]:
    return _KINDS[COLUMNS[name]][2]


def _asked(what: str, name: str, **keys: st.SearchStrategy[Any]) -> Asked:
    return st.fixed_dictionaries(keys).map(lambda got: (what, {"column": name, **got}))


def _spanned(what: str, name: str) -> Asked:
    return _spans(_written(name)).map(lambda got: (what, {"column": name, **got}))


def _counted(what: str, name: str, top: int) -> Asked:
    return st.integers(0, top).map(lambda n: (what, {"column": name, "min_value": n, "max_value": top}))


@st.composite
def _spans(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> Json:
    low, high = sorted([draw(values), draw(values)], key=lambda value: (str(type(value)), value))
    chosen = draw(st.sampled_from([{"min_value": low}, {"max_value": high}, {"min_value": low, "max_value": high}]))
    return {**chosen, **draw(st.sampled_from([{}, {}, {"strict_min": True}, {"strict_max": True}]))}


def _of_values(name: str) -> Asked:
    own = _written(name)
    several = st.lists(own, min_size=1, max_size=4)
    mixed = st.lists(st.one_of(own, own, st.none(), st.sampled_from([1, "a", 0.5])), min_size=1, max_size=4)
    strictly = st.sampled_from([None, True, False])
    method, multiplier = st.sampled_from(["iqr", "std"]), st.sampled_from([0.5, 1.5])
    z_score, sides = st.sampled_from([1, 1.5, 2]), st.booleans()
    names = st.sampled_from(TYPE_NAMES)
    return st.one_of(
        *(_asked(_MAP + what, name) for what in ("not_be_null", "be_null", "be_unique")),
        *(
            _asked(_MAP + what, name, value_set=one)
            for what in ("be_in_set", "not_be_in_set")
            for one in (several, mixed)
        ),
        _spanned(_MAP + "be_between", name),
        *(_asked(_MAP + what, name, strictly=strictly) for what in ("be_increasing", "be_decreasing")),
        _asked(_MAP + "not_be_outliers", name, method=method, multiplier=multiplier),
        _asked("expect_column_value_z_scores_to_be_less_than", name, threshold=z_score, double_sided=sides),
        _asked(_MAP + "be_of_type", name, type_=names),
        _asked(_MAP + "be_in_type_list", name, type_list=st.lists(names, min_size=1, max_size=2)),
    )


def _of_texts(name: str) -> Asked:
    pattern, formats = st.sampled_from(_PATTERNS), st.sampled_from(["%Y-%m-%d", "%d", "a"])
    patterns, how = st.lists(pattern, min_size=1, max_size=2), st.sampled_from(["any", "all"])
    return st.one_of(
        _counted("expect_column_value_lengths_to_be_between", name, 3),
        _asked("expect_column_value_lengths_to_equal", name, value=st.integers(0, 3)),
        _asked(_MAP + "match_regex", name, regex=pattern),
        _asked(_MAP + "not_match_regex", name, regex=pattern),
        _asked(_MAP + "match_regex_list", name, regex_list=patterns, match_on=how),
        _asked(_MAP + "not_match_regex_list", name, regex_list=patterns),
        _asked(_MAP + "match_strftime_format", name, strftime_format=formats),
        _asked(_MAP + "be_dateutil_parseable", name),
        _asked(_MAP + "be_json_parseable", name),
        _asked(_MAP + "match_json_schema", name, json_schema=st.sampled_from(_SCHEMAS)),
    )


def _of_whole(name: str) -> Asked:
    averages = ("max", "min", "sum", "mean", "median")
    deviation = st.sampled_from([1, 5, 100])
    return st.one_of(
        *(_spanned(f"{_COLUMN}{what}_to_be_between", name) for what in averages),
        _asked("expect_column_stdev_to_be_between", name, min_value=st.just(0), max_value=deviation),
        _asked("expect_column_quantile_values_to_be_between", name, quantile_ranges=st.just(_QUANTILES)),
        _asked("expect_column_type_to_be", name, type_=st.sampled_from(TYPE_NAMES)),
        _asked("expect_column_to_exist", name, column_index=st.sampled_from([None, 0, 1, -1, 99])),
    )


def _of_distinct(name: str) -> Asked:
    several, ties = st.lists(_written(name), min_size=1, max_size=6), st.sampled_from([None, True, False])
    share = st.sampled_from([0, 0.3, 0.5, 1])
    sets = ("be_in_set", "contain_set", "equal_set")
    return st.one_of(
        _counted("expect_column_unique_value_count_to_be_between", name, 4),
        _asked("expect_column_proportion_of_unique_values_to_be_between", name, min_value=share),
        _asked("expect_column_proportion_of_non_null_values_to_be_between", name, min_value=share),
        *(_asked(f"{_COLUMN}distinct_values_to_{what}", name, value_set=several) for what in sets),
        _asked("expect_column_most_common_value_to_be_in_set", name, value_set=several, ties_okay=ties),
    )


@st.composite
def _of_several(draw: st.DrawFn) -> tuple[str, Json]:
    names = draw(st.lists(st.sampled_from(draw(st.sampled_from(_ALIKE))), min_size=2, max_size=3, unique=True))
    either = draw(st.sampled_from(["both_values_are_missing", "either_value_is_missing", "neither"]))
    ignored = draw(st.sampled_from(["all_values_are_missing", "any_value_is_missing", "never"]))
    pair: Json = {"column_A": names[0], "column_B": names[1], "ignore_row_if": either}
    listed: Json = {"column_list": names, "ignore_row_if": ignored}
    values = st.tuples(*(st.one_of(st.none(), _written(name)) for name in names[:2])).map(list)
    choices: list[tuple[str, Json]] = [
        ("expect_column_pair_values_to_be_equal", pair),
        ("expect_column_pair_values_a_to_be_greater_than_b", {**pair, "or_equal": draw(st.booleans())}),
        ("expect_column_pair_values_to_be_in_set", {**pair, "value_pairs_set": draw(st.lists(values, min_size=1))}),
        ("expect_compound_columns_to_be_unique", listed),
        ("expect_multicolumn_values_to_be_equal", listed),
        ("expect_multicolumn_sum_to_equal", {**listed, "sum_total": draw(st.integers(-2, 4))}),
        ("expect_select_column_values_to_be_unique_within_record", listed),
    ]
    return draw(st.sampled_from(choices))


@st.composite
def _of_table(draw: st.DrawFn) -> tuple[str, Json]:
    names, n, exact = ["id", *COLUMNS], draw(st.integers(0, 6)), draw(st.booleans())
    listed = draw(st.sampled_from([names, names[:-1], names[1:], [*names[:2], "x"], [*names, "x"]]))
    choices: list[tuple[str, Json]] = [
        ("expect_table_row_count_to_be_between", {"min_value": n, "max_value": 8}),
        ("expect_table_row_count_to_equal", {"value": n}),
        ("expect_table_column_count_to_equal", {"value": len(names) - 3 + n}),
        ("expect_table_column_count_to_be_between", {"min_value": len(names) - 3 + n}),
        ("expect_table_columns_to_match_ordered_list", {"column_list": listed}),
        ("expect_table_columns_to_match_set", {"column_set": listed, "exact_match": exact}),
    ]
    return draw(st.sampled_from(choices))


@st.composite
def _conditions(draw: st.DrawFn) -> Json:
    if draw(st.integers(0, 3)):
        return {}
    name = draw(st.sampled_from(["c_int", "c_float", "c_str", "c_date", "c_str2", "c_ts", "c_ns"]))
    column, value = {"name": name}, draw(_written(name))
    operator, listing = draw(st.sampled_from(["==", "!=", ">", "<="])), draw(st.sampled_from(["IN", "NOT_IN"]))
    compared = {"type": "comparison", "column": column, "operator": operator, "parameter": value}
    inside = {"type": "comparison", "column": column, "operator": listing, "parameter": [value]}
    there = {"type": "nullity", "column": column, "is_null": draw(st.booleans())}
    both = {"type": draw(st.sampled_from(["and", "or"])), "conditions": [compared, there]}
    query: Json = {"row_condition": f"{name} {operator} {value!r}", "condition_parser": "pandas"}
    choices: list[Json] = [*({"row_condition": one} for one in (compared, inside, there, both)), query]
    return draw(st.sampled_from(choices))

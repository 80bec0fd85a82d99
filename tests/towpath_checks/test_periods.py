from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks import periods


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2018", date(2018, 12, 31)),
        ("2018-02", date(2018, 2, 28)),
        ("2020-02", date(2020, 2, 29)),
        ("2018Q3", date(2018, 9, 30)),
        ("2018-q4", date(2018, 12, 31)),
        ("2018T1", date(2018, 3, 31)),
        ("2018-H1", date(2018, 6, 30)),
        ("2018S2", date(2018, 12, 31)),
        ("2026-W01", date(2026, 1, 4)),
        (" 2018-05-30 ", date(2018, 5, 30)),
        ("2018-05-30T10:20:30Z", date(2018, 5, 30)),
        ("base", None),
        ("", None),
        ("2018-13", None),
        ("2018Q5", None),
        ("2018Q0", None),
        ("2018-W60", None),
        ("0000", None),
    ],
)
def test_a_period_has_a_last_day(text: str, last: date | None) -> None:
    assert periods.end(text) == last


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("2018", date(2018, 1, 1)),
        ("2018-02", date(2018, 2, 1)),
        ("2018-q4", date(2018, 10, 1)),
        ("2018S2", date(2018, 7, 1)),
        ("2026-W01", date(2025, 12, 29)),
        ("2018-05-30", date(2018, 5, 30)),
        ("base", None),
        ("2018-13", None),
    ],
)
def test_a_period_has_a_first_day(text: str, first: date | None) -> None:
    assert periods.start(text) == first


@given(st.text())
def test_any_text_is_a_period_or_none(text: str) -> None:
    assert periods.end(text) is None or isinstance(periods.end(text), date)


@pytest.mark.parametrize("values", [["2018", None, "base"], [2018.0, None, 1.5], [date(2018, 12, 31), None, "x"]])
def test_a_column_of_periods_has_days_and_gaps(values: list[object]) -> None:
    days = periods.ends(pd.Series(values, index=[7, 8, 9], dtype=object))
    assert list(days.index) == [7, 8, 9]
    assert days.iloc[0] == pd.Timestamp("2018-12-31")
    assert days.iloc[1:].isna().all()


def test_times_with_a_zone_keep_their_day() -> None:
    times = pd.Series(pd.to_datetime(["2018-12-31T23:30:00+02:00"]))
    assert list(periods.ends(times).dropna()) == [pd.Timestamp("2018-12-31")]

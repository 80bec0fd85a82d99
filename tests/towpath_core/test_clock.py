from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_core.clock import from_stamp, short, stamp, utc_now

ALWAYS = st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.timezones())  # noqa: DTZ001 (hypothesis adds zones)


def test_a_stamp_is_utc_to_the_microsecond_wherever_the_clock_stands() -> None:
    in_vienna = datetime(2026, 3, 31, 10, 5, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(in_vienna) == "2026-03-31T08:05:00.000000Z"


@given(ALWAYS, ALWAYS)
def test_the_order_of_stamps_is_the_order_of_times(one: datetime, other: datetime) -> None:
    one, other = one.astimezone(UTC), other.astimezone(UTC)
    assert (stamp(one) < stamp(other)) == (one < other)


@given(ALWAYS)
def test_a_stamp_read_back_is_the_same_moment(moment: datetime) -> None:
    assert from_stamp(stamp(moment)) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026-03-31", "2026-03-31T08:05:00Z", "2026-03-31T08:05:00.0Z", "2026-03-31T08:05:00.000000+00:00",
     "2026-03-31T08:05:00.000000", "2026-03-31 08:05:00.000000Z", "2026-03-31T08:05:00.000000Z\n",
     "2026-13-31T08:05:00.000000Z", "٢026-03-31T08:05:00.000000Z"],
)  # fmt: skip
def test_what_no_stamp_writes_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="no time as|must be in|month"):
        from_stamp(text)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        stamp(datetime(2026, 3, 31, 8, 5))  # noqa: DTZ001 (that is the point)


def test_people_read_minutes() -> None:
    assert short(datetime(2026, 3, 31, 8, 5, 59, tzinfo=UTC)) == "2026-03-31 08:05 UTC"


def test_now_has_a_zone() -> None:
    assert utc_now().utcoffset() == timedelta(0)

"""The day on which a period ends: 2018, 2018-05, 2018-Q3, 2018-H1, 2018-W05, 2018-05-31, and times (ISO 8601)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_PART = re.compile(r"(\d{4})(?:-?([QTHSW])(\d{1,2})|-(\d{2}))?", re.ASCII | re.IGNORECASE)
_MONTHS = {"Q": 3, "T": 3, "H": 6, "S": 6}


def end(text: str) -> date | None:
    """The period's last day; None for a text that is no period. Q and T are quarters, H and S half-years."""
    try:
        if match := _PART.fullmatch(text.strip()):
            return _part_end(*match.groups())
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None


def start(text: str) -> date | None:
    """The period's first day; None for a text that is no period."""
    last, match = end(text), _PART.fullmatch(text.strip())
    if last is None or match is None:
        return last
    _, sign, _, month = match.groups()
    if sign and sign.upper() == "W":
        return last - timedelta(days=6)
    length = _MONTHS[sign.upper()] if sign else 1 if month else 12
    return last.replace(month=last.month - length + 1, day=1)


def ends(column: pd.Series[Any]) -> pd.Series[Any]:
    """The last day of each period as numpy's days, shape (n,); NaT where it is missing or no period."""
    return _days(column, end)


def starts(column: pd.Series[Any]) -> pd.Series[Any]:
    """The first day of each period, as `ends` has the last."""
    return _days(column, start)


def _days(column: pd.Series[Any], day: Callable[[str], date | None]) -> pd.Series[Any]:
    import pandas as pd

    if column.dtype.kind == "M":
        days: pd.Series[Any] = column.dt.tz_localize(None).dt.normalize().astype("datetime64[s]")
        return days
    codes, texts = pd.factorize(column)
    last = pd.to_datetime(pd.Series([*(day(_plain(value)) for value in texts), None], dtype=object)).to_numpy()
    return pd.Series(last[codes], index=column.index)


def _plain(value: object) -> str:
    """A year that was read as a number is a year."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _part_end(year: str, sign: str | None, number: str | None, month: str | None) -> date | None:
    if sign and sign.upper() == "W":
        return date.fromisocalendar(int(year), int(number or 0), 7)
    length = _MONTHS[sign.upper()] if sign else 1
    last = length * int(number or 0) if sign else int(month or 12)
    return date(int(year), last, monthrange(int(year), last)[1]) if 1 <= last <= 12 else None

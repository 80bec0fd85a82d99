"""Time, always UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Fixed width, so that the order of the text is the order of the time: 2026-03-31T08:05:00.000000Z.

    Raises: ValueError for a time without a zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone has no place in a record")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_stamp(text: str) -> datetime:
    """Raise ValueError for a text that `stamp` does not write."""
    if not _STAMP.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no time as 2026-03-31T08:05:00.000000Z is one")
    return datetime.fromisoformat(text)  # many times as fast as strptime


def short(moment: datetime) -> str:
    """For people: 2026-03-31 08:05 UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

"""When a wave is unusual, and when it only is small."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from towpath.waves import Wave, wave_time
from towpath_checks.drift import Drift
from towpath_core.verdicts import Verdict

WORDS = Drift("unknown_words", "number", 0.45, 0.1, 0.2, True, 171)
QUIET = Verdict("drift/words", True, "the words of 171 records", "PSI 0.010", "at most 0.200")
LOUD = Verdict("drift/unknown_words", False, "the unknown words of 171 records", "PSI 0.450", "at most 0.200")
WORSE = Verdict("accuracy_4", False, "the accuracy", "0.357 (0.281 to 0.427)", "at least 0.522")
WAVE = Wave("2016", datetime(2016, 1, 1, tzinfo=UTC), "sha256:00", 171, (WORDS,), {}, (QUIET, LOUD, WORSE), {})


def test_a_wave_is_told_in_one_sentence() -> None:
    assert WAVE.sentence == (
        "Wave 2016, 171 records: drift in unknown words (PSI 0.45); "
        "the accuracy is 0.357 (0.281 to 0.427), expected at least 0.522."
    )


def test_a_quiet_wave_says_so() -> None:
    quiet = replace(WAVE, drifts=(), findings=(QUIET,))
    assert quiet.passed
    assert quiet.sentence == "Wave 2016, 171 records: nothing unusual."


def test_a_wave_that_nothing_was_asked_of_has_not_passed() -> None:
    assert not replace(WAVE, findings=()).passed


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("2016", datetime(2016, 1, 1, tzinfo=UTC)),
        ("2016-07", datetime(2016, 7, 1, tzinfo=UTC)),
        ("2016-07-15", datetime(2016, 7, 15, tzinfo=UTC)),
        ("2016-13", datetime(1970, 1, 1, tzinfo=UTC)),
        ("base", datetime(1970, 1, 1, tzinfo=UTC)),
        ("20161", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_waves_place_in_time_is_the_period_that_its_name_begins_with(name: str, time: datetime) -> None:
    assert wave_time(name) == time

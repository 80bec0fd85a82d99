"""How long it takes."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pytest

from towpath_checks.measures.timeliness import development_days, quantile_of_times
from towpath_core.errors import Misused, Refused

STARTED, VALID = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_quantile_by_hand() -> None:
    said = quantile_of_times("latency_p50_ms", [0.004, 0.002, 0.003], 0.5, scale=1000)
    assert said.value == pytest.approx(3.0)
    assert said.n == 3
    assert said.low is None
    assert "too few" in said.note


def test_the_interval_of_a_quantile_holds_the_true_one_as_often_as_it_says() -> None:
    generator = np.random.default_rng(20261123)
    held = 0
    for _ in range(1000):
        said = quantile_of_times("p95", generator.exponential(1.0, size=200), 0.95)
        assert said.low is not None
        assert said.high is not None
        held += said.low <= -math.log(0.05) <= said.high
    assert 920 <= held <= 985


@pytest.mark.parametrize("bad", [[], [0.1, math.nan], [-1.0], [math.inf]])
def test_what_is_no_time_is_refused(bad: list[float]) -> None:
    with pytest.raises(Refused):
        quantile_of_times("p50", bad, 0.5)


def test_days_between_two_stages() -> None:
    reached = {"the start": STARTED, "valid_solution": VALID}
    said = development_days(reached, "the start", "valid_solution")
    assert (said.name, said.value) == ("days_the_start_to_valid_solution", 60.5)
    assert "no interval" in said.note


def test_a_stage_that_was_not_reached_is_not_assessed() -> None:
    said = development_days({"the start": STARTED}, "the start", "production")
    assert said.value is None
    assert "no time is known for production" in said.note


def test_an_end_before_the_start_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(Misused, match="before") as caught:
        development_days({"the start": VALID, "production": STARTED}, "the start", "production")
    assert "started" in caught.value.hint

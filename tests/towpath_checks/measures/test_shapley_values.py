"""What each column adds to one answer: exact for a sum, and the whole is shared out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from towpath_checks.measures.shapley_values import shapley_values
from towpath_core.errors import Misused, Refused


def adding(frame: pd.DataFrame) -> Any:
    yes = 0.5 + 0.3 * frame["driver"].to_numpy(dtype=float) + 0.1 * frame["helper"].to_numpy(dtype=float)
    return np.column_stack([yes, 1 - yes])


def crossing(frame: pd.DataFrame) -> Any:
    yes = 0.5 + 0.4 * frame["driver"].to_numpy(dtype=float) * frame["helper"].to_numpy(dtype=float)
    return np.column_stack([yes, 1 - yes])


RECORD = pd.DataFrame({"irrelevant": [9.0], "driver": [1.0], "helper": [1.0]})
OTHERS = pd.DataFrame({"irrelevant": [1.0, 2, 3, 4], "driver": [0.0] * 4, "helper": [0.0] * 4})


def values(found: Any) -> dict[str, float]:
    return {measure.name.removeprefix("shapley_"): measure.value for measure in found.values}


def test_of_a_sum_each_term_is_exact_the_driver_first_and_the_irrelevant_column_nothing() -> None:
    got = shapley_values(adding, RECORD, OTHERS)
    assert values(got) == pytest.approx({"driver": 0.3, "helper": 0.1, "irrelevant": 0})
    assert got.values[0].name == "shapley_driver"
    assert got.probability == pytest.approx(0.9)


def test_two_columns_that_work_only_together_share_what_they_do() -> None:
    assert values(shapley_values(crossing, RECORD, OTHERS)) == pytest.approx(
        {"driver": 0.2, "helper": 0.2, "irrelevant": 0}
    )


def test_the_values_sum_to_the_probability_less_the_mean_of_who_was_drawn() -> None:
    random = np.random.default_rng(0)
    others = pd.DataFrame(random.random((50, 3)) / 2, columns=["irrelevant", "driver", "helper"])
    got = shapley_values(crossing, RECORD, others, orders=2000)
    mean = crossing(others)[:, 0].mean()
    assert sum(values(got).values()) == pytest.approx(got.probability - mean, abs=0.01)


def test_95_percent_intervals_hold_the_true_value_in_92_to_98_of_100_draws() -> None:
    others = pd.DataFrame(np.random.default_rng(1).random((200, 3)) / 2, columns=["irrelevant", "driver", "helper"])
    # the mean over both orders: 0.4 · mean of (1 − d)·(h + 1)/2, d and h of one record
    true = float((0.4 * (1 - others["driver"]) * (others["helper"] + 1) / 2).mean())
    held = 0
    for seed in range(300):
        driver = next(
            one for one in shapley_values(crossing, RECORD, others, seed=seed, orders=60).values if "driver" in one.name
        )
        assert driver.low is not None
        assert driver.high is not None
        held += driver.low <= true <= driver.high
    assert 0.92 <= held / 300 <= 0.98


def test_the_class_and_the_seed_are_the_callers() -> None:
    got = shapley_values(adding, RECORD, OTHERS, place=1)
    assert values(got) == pytest.approx({"driver": -0.3, "helper": -0.1, "irrelevant": 0})
    assert shapley_values(crossing, RECORD, OTHERS, seed=3) == shapley_values(crossing, RECORD, OTHERS, seed=3)


def test_the_model_is_asked_twice_and_for_no_more_than_is_said() -> None:
    sizes: list[int] = []

    def counting(frame: pd.DataFrame) -> Any:
        sizes.append(len(frame))
        return adding(frame)

    shapley_values(counting, RECORD, OTHERS, orders=10)
    assert sizes == [1, 10 * 4]


def test_what_is_not_one_record_is_refused() -> None:
    with pytest.raises(Refused, match="4 records are to be explained"):
        shapley_values(adding, OTHERS, OTHERS)
    with pytest.raises(Refused, match="by 0"):
        shapley_values(adding, RECORD, OTHERS.iloc[:0])
    with pytest.raises(Misused, match="3 orders"):
        shapley_values(adding, RECORD, OTHERS, orders=3)

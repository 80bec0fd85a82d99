"""A planted driver comes first, a planted irrelevant column is within noise, and intervals keep their word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from towpath_checks.measures._explaining import share_right
from towpath_checks.measures.permutation_importance import Importance, permutation_importance
from towpath_core.errors import Misused, Refused

CLASSES = np.array(["no", "yes"])
ACCURACY = share_right(CLASSES)


def by_driver(frame: pd.DataFrame) -> Any:
    """A model that looks at `driver`, and a little at `helper`."""
    margin = 2 * frame["driver"].to_numpy(dtype=float) + 0.5 * frame["helper"].to_numpy(dtype=float)
    yes = 1 / (1 + np.exp(-margin))
    return np.column_stack([1 - yes, yes])


def records(n: int, seed: int) -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(n, 3)), columns=["irrelevant", "helper", "driver"])
    margin = 2 * frame["driver"] + 0.5 * frame["helper"] + random.normal(size=n)
    return frame, np.where(margin > 0, "yes", "no")


def noisy(frame: pd.DataFrame) -> Any:
    """A model that learnt some noise: it looks at the irrelevant column as well."""
    margin = 2 * frame["driver"].to_numpy() + 0.2 * frame["irrelevant"].to_numpy()
    yes = 1 / (1 + np.exp(-margin))
    return np.column_stack([1 - yes, yes])


def found(importances: list[Importance]) -> dict[str, Importance]:
    return {one.column: one for one in importances}


def test_a_planted_driver_comes_first_and_an_irrelevant_column_is_within_noise() -> None:
    got = permutation_importance(by_driver, *records(1500, 1), ACCURACY)
    assert [one.column for one in got] == ["driver", "helper", "irrelevant"]
    assert [one.within_noise for one in got] == [False, False, True]
    assert got[0].fall.name == "permutation_importance_driver"
    assert (got[2].fall.value, got[2].fall.low, got[2].fall.high) == (0, 0, 0)


def test_a_column_at_which_the_model_looks_for_nothing_is_within_noise() -> None:
    frame = records(1500, 2)[0]
    truth = np.where(frame["driver"] > 0, "yes", "no")
    frame["irrelevant"] = np.random.default_rng(5).normal(size=1500)
    flipped = np.where(np.random.default_rng(3).random(1500) < 0.3, np.where(truth == "yes", "no", "yes"), truth)
    got = found(permutation_importance(noisy, frame, flipped, ACCURACY, repeats=3))
    assert got["driver"].within_noise is False
    assert got["irrelevant"].within_noise is True
    assert got["irrelevant"].fall.low != 0


@pytest.mark.parametrize("kind", ["linear", "tree"])
def test_in_models_that_learnt_the_driver_comes_first_and_a_column_of_noise_is_one(kind: str) -> None:
    """Twenty trainings: the driver is first in all; the noise is within noise in all but the one that chance may give.

    What a model learnt from noise may really help or harm by a little, so that the noise's true fall is not quite 0.
    """
    within = 0
    for draw in range(20):
        (train, labels), (test, truth) = records(1000, 100 + draw), records(800, 200 + draw)
        made: Any = LogisticRegression() if kind == "linear" else DecisionTreeClassifier(max_depth=4, random_state=0)
        model = made.fit(train, labels)
        got = permutation_importance(model.predict_proba, test, truth, share_right(model.classes_), seed=draw)
        assert got[0].column == "driver"
        assert got[0].within_noise is False
        within += found(got)["irrelevant"].within_noise is True
    assert within >= 18


def test_95_percent_intervals_hold_the_true_fall_in_92_to_98_of_100_samples() -> None:
    """Truth is the sign of driver + noise, the model answers the sign of the driver: the accuracy has a formula."""
    noise = 0.75
    true_fall = np.arctan(1 / noise) / np.pi  # P(signs agree) − 1/2, of two normals with correlation 1/√(1 + noise²)

    def model(frame: pd.DataFrame) -> Any:
        yes = (frame["driver"].to_numpy() > 0).astype(float)
        return np.column_stack([1 - yes, yes])

    held = 0
    for draw in range(500):
        random = np.random.default_rng([7, draw])
        frame = pd.DataFrame({"driver": random.normal(size=300)})
        truth = np.where(frame["driver"] + noise * random.normal(size=300) > 0, "yes", "no")
        fall = permutation_importance(model, frame, truth, ACCURACY, repeats=2, seed=draw)[0].fall
        assert fall.low is not None
        assert fall.high is not None
        held += fall.low <= true_fall <= fall.high
    assert 0.92 <= held / 500 <= 0.98


def test_any_metric_will_do() -> None:
    def minus_brier(truth: Any, probabilities: Any) -> float:
        own = np.where(truth == "yes", probabilities[:, 1], probabilities[:, 0])
        return -float(((probabilities**2).sum(axis=1) - 2 * own + 1).mean())

    got = permutation_importance(by_driver, *records(600, 3), minus_brier)
    assert got[0].column == "driver"


def test_the_same_seed_gives_the_same_figures_and_no_column_hangs_on_another() -> None:
    frame, truth = records(400, 4)
    once = permutation_importance(by_driver, frame, truth, ACCURACY)
    assert once == permutation_importance(by_driver, frame, truth, ACCURACY)
    alone = permutation_importance(by_driver, frame, truth, ACCURACY, columns=["irrelevant"])
    assert alone == [found(once)["irrelevant"]]


def test_it_says_how_many_records_it_looked_at_and_asks_for_no_more() -> None:
    sizes = []

    def counting(frame: pd.DataFrame) -> Any:
        sizes.append(len(frame))
        return by_driver(frame)

    got = permutation_importance(counting, *records(900, 5), ACCURACY, rows=300, repeats=4, seed=2)
    assert sizes == [300] * (1 + 3 * 4)
    assert got[0].fall.n == 300
    assert got[0].fall.note == "300 of 900 records, drawn with seed 2"


def test_few_records_are_not_assessed() -> None:
    got = permutation_importance(by_driver, *records(99, 6), ACCURACY)
    assert {one.within_noise for one in got} == {None}
    assert {one.fall.value for one in got} == {None}
    assert got[0].fall.note == "99 records, expected at least 100"


def test_the_records_themselves_stay_as_they_are_and_columns_keep_their_type() -> None:
    frame, truth = records(200, 7)
    frame["code"] = pd.Categorical(["a", "b"] * 100)
    frame["flag"] = pd.array([True, None] * 100, dtype="boolean")
    before, seen = frame.copy(), []

    def looking(asked: pd.DataFrame) -> Any:
        seen.append(asked.dtypes.astype(str).to_dict())
        return by_driver(asked)

    permutation_importance(looking, frame, truth, ACCURACY, repeats=1)
    pd.testing.assert_frame_equal(frame, before)
    assert all(types == seen[0] for types in seen)


def test_what_is_no_model_metric_or_column_is_refused() -> None:
    frame, truth = records(200, 8)
    with pytest.raises(Refused, match="one column a class"):
        permutation_importance(lambda asked: np.zeros(len(asked)), frame, truth, ACCURACY)
    with pytest.raises(Refused, match="no distribution"):
        permutation_importance(lambda asked: np.full((len(asked), 2), np.nan), frame, truth, ACCURACY)
    with pytest.raises(Refused, match="no finite number"):
        permutation_importance(by_driver, frame, truth, lambda truth, probabilities: float("nan"))
    with pytest.raises(Refused, match="3 labels for 200 records"):
        permutation_importance(by_driver, frame, truth[:3], ACCURACY)
    with pytest.raises(Misused, match="no column age"):
        permutation_importance(by_driver, frame, truth, ACCURACY, columns=["age"])

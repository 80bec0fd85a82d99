"""Calibration, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from towpath_checks.measures.calibration import brier, expected_calibration_error, reliability
from towpath_core.errors import Refused


def test_the_ece_by_hand() -> None:
    top, right = [0.95, 0.95, 0.95, 0.95, 0.55, 0.55], [True, True, True, False, True, False]
    got = expected_calibration_error(top, right)
    assert got.value == pytest.approx(4 / 6 * abs(0.75 - 0.95) + 2 / 6 * abs(0.5 - 0.55))
    assert (got.low, got.high) == (None, None)
    assert got.note.startswith("no interval:")


def test_the_bins_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    top = random.beta(2, 1, 3000)
    right = random.random(3000) < top
    bins = [b for b in reliability(top, right) if b.n]
    accuracy, confidence = calibration_curve(right, top, n_bins=15)
    assert [b.accuracy for b in bins] == pytest.approx(accuracy.tolist())
    assert [b.confidence for b in bins] == pytest.approx(confidence.tolist())


def test_the_ends_of_the_scale_have_a_bin_and_empty_bins_say_so() -> None:
    bins = reliability([0.0, 1.0], [False, True])
    assert (len(bins), bins[0].n, bins[-1].n) == (15, 1, 1)
    assert (bins[7].n, bins[7].confidence, bins[7].accuracy) == (0, None, None)


def test_each_bin_has_an_interval_and_the_confidence_of_a_calibrated_model_lies_in_most() -> None:
    random = np.random.default_rng(1)
    top = random.random(3000)
    bins = reliability(top, random.random(3000) < top)
    ends = np.array([(b.accuracy_low, b.confidence, b.accuracy_high) for b in bins], dtype=float)
    assert ((ends[:, 0] <= ends[:, 1]) & (ends[:, 1] <= ends[:, 2])).sum() >= 13
    assert (reliability([0.5], [True])[0].accuracy_low, reliability([0.5], [True])[0].accuracy_high) == (None, None)


def test_a_probability_beyond_one_is_refused() -> None:
    with pytest.raises(Refused, match="outside 0 to 1"):
        expected_calibration_error([1.2], [True])


def test_a_calibrated_model_has_a_small_ece_and_a_boastful_one_a_large_one() -> None:
    random = np.random.default_rng(0)
    top = random.random(20_000)
    assert (expected_calibration_error(top, random.random(20_000) < top).value or 1) < 0.02
    assert (expected_calibration_error(top, random.random(20_000) < top / 2).value or 0) > 0.2


def test_the_brier_score_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    classes = np.array(["a", "b", "c"])
    table, truth = random.dirichlet(np.ones(3), 200), random.choice(classes, 200)
    got = brier(truth, table, classes)
    assert got.value == pytest.approx(brier_score_loss(truth, table, labels=classes, scale_by_half=False))
    assert got.value is not None
    assert got.low is not None
    assert got.high is not None
    assert got.low < got.value < got.high


def test_a_label_that_the_model_does_not_know_had_probability_zero() -> None:
    assert brier(["z"], [[0.5, 0.5]], ["a", "b"]).value == pytest.approx(0.25 + 0.25 + 1)


def test_classes_need_no_order() -> None:
    assert brier(["a"], [[0.2, 0.8]], ["b", "a"]).value == pytest.approx(2 * 0.2**2)


def test_many_records_have_an_interval_too() -> None:
    random = np.random.default_rng(0)
    first = random.random(500_000)
    got = brier(np.full(500_000, "a"), np.column_stack([first, 1 - first]), ["a", "b"])
    assert got.value is not None
    assert got.low is not None
    assert got.high is not None
    assert got.value == pytest.approx((got.low + got.high) / 2, abs=1e-3)
    assert 0.001 < got.high - got.low < 0.01

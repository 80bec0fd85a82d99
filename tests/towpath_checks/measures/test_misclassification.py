"""The corrected total is right on average where the naive one is not."""

from __future__ import annotations

import numpy as np
import pytest

from towpath_checks.measures.audit_plan import audit_plan
from towpath_checks.measures.misclassification import audited_accuracy, corrected_totals
from towpath_core.errors import Misused, Refused

# Olofsson et al. 2014, table 8: deforestation, forest gain, stable forest, stable non-forest; rows are the map.
MAP = ("1 loss", "2 gain", "3 forest", "4 other")
TABLE = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
PIXELS = dict(zip(MAP, (200_000.0, 150_000.0, 3_200_000.0, 6_450_000.0), strict=True))


def sample(table: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    said, true = np.array(cells).T
    return np.array(names)[said], np.array(names)[true]


def test_the_worked_example_of_olofsson() -> None:
    """Their areas in pixels of 30 m: deforestation 235,086 ha ± 68,418 ha, which is 21,158 ha at 0.09 ha a pixel."""
    got = corrected_totals(PIXELS, *sample(TABLE, MAP), finite=False)
    loss = got.of("1 loss")
    assert loss.total.value == pytest.approx(235_086, abs=100)
    assert 1.96 * loss.standard_error == pytest.approx(68_418, abs=100)
    assert loss.users.value == pytest.approx(0.88, abs=0.005)
    assert loss.producers.value == pytest.approx(0.75, abs=0.005)
    assert got.of("2 gain").producers.value == pytest.approx(0.85, abs=0.005)
    accuracy = audited_accuracy(PIXELS, sample(TABLE, MAP)[0], np.equal(*sample(TABLE, MAP)), finite=False)
    assert accuracy.value == pytest.approx(0.947, abs=0.0005)


CLASSES = ("A", "B", "C")
TRUE = np.array([7000, 2500, 500])
CONFUSION = np.array([[0.92, 0.06, 0.02], [0.12, 0.85, 0.03], [0.10, 0.15, 0.75]])


def population(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    truth = np.repeat(CLASSES, TRUE)
    said = np.concatenate([random.choice(CLASSES, n, p=p) for n, p in zip(TRUE, CONFUSION, strict=True)])
    return truth, said, {name: int((said == name).sum()) for name in CLASSES}


@pytest.mark.parametrize("each", [50, 150])
def test_the_corrected_total_is_unbiased_where_the_naive_one_is_not_and_its_interval_covers(each: int) -> None:
    random, draws = np.random.default_rng(3), 500
    truth, said, sizes = population(random)
    strata = [np.flatnonzero(said == name) for name in CLASSES]
    totals, errors, held, users = np.zeros((draws, 3)), np.zeros((draws, 3)), np.zeros(3), np.zeros(3)
    for draw in range(draws):
        rows = np.concatenate([random.choice(stratum, each, replace=False) for stratum in strata])
        got = corrected_totals(sizes, said[rows], truth[rows])
        for i, row in enumerate(got.classes):
            assert row.total.value is not None
            assert row.total.low is not None
            assert row.total.high is not None
            assert row.users.low is not None
            assert row.users.high is not None
            totals[draw, i], errors[draw, i] = row.total.value, row.standard_error
            held[i] += row.total.low <= TRUE[i] <= row.total.high
            users[i] += row.users.low <= (truth[said == row.code] == row.code).mean() <= row.users.high
    mean, spread = totals.mean(axis=0), totals.std(axis=0, ddof=1)
    assert (np.abs(mean - TRUE) < 2 * spread / np.sqrt(draws)).all()
    naive = np.array([sizes[name] for name in CLASSES])
    assert (np.abs(naive - TRUE) > 10 * spread / np.sqrt(draws)).all()
    assert errors.mean(axis=0) == pytest.approx(spread, rel=0.12)
    assert ((held / draws >= 0.92) & (held / draws <= 0.98)).all(), held / draws
    assert ((users / draws >= 0.92) & (users / draws <= 0.98)).all(), users / draws


def test_unequal_inclusion_is_weighed() -> None:
    random, draws = np.random.default_rng(4), 400
    truth, said, sizes = population(random)
    chance = np.where(truth == "A", 0.03, 0.06)  # by something that goes with the class, such as the score
    held, plain = np.zeros(3), np.zeros(3)
    for _ in range(draws):
        rows = np.flatnonzero(random.random(len(said)) < chance)
        got = corrected_totals(sizes, said[rows], truth[rows], inclusion=chance[rows])
        unweighed = corrected_totals(sizes, said[rows], truth[rows])
        for i, (row, other) in enumerate(zip(got.classes, unweighed.classes, strict=True)):
            assert row.total.low is not None
            assert row.total.high is not None
            held[i] += row.total.low <= TRUE[i] <= row.total.high
            assert other.total.value is not None
            plain[i] += other.total.value / draws
    assert ((held / draws >= 0.92) & (held / draws <= 0.98)).all(), held / draws
    assert plain[2] > 1.1 * TRUE[2]


def test_equal_inclusion_probabilities_change_nothing() -> None:
    said, true = sample(TABLE, MAP)
    sizes = dict(zip(MAP, (750.0, 750.0, 1650.0, 3250.0), strict=True))
    plain, weighed = (corrected_totals(sizes, said, true, inclusion=p) for p in (None, np.full(len(said), 0.1)))
    for one, other in zip(plain.classes, weighed.classes, strict=True):
        assert one.total.value == pytest.approx(other.total.value)
        assert one.standard_error == pytest.approx(other.standard_error)


def test_the_bias_is_the_naive_total_less_the_corrected() -> None:
    row = corrected_totals({"1": 100, "2": 100}, ["1"] * 10 + ["2"] * 10, ["1"] * 10 + ["1"] * 5 + ["2"] * 5).of("1")
    assert (row.naive, row.total.value, row.bias.value) == (100, 150, -50)
    assert row.bias.low is not None
    assert row.bias.high is not None
    assert row.bias.low < -50 < row.bias.high < 0


def test_an_audit_without_an_error_does_not_promise_that_there_are_none() -> None:
    labels = ["1"] * 10 + ["2"] * 10
    row = corrected_totals({"1": 1000, "2": 1000}, labels, labels).of("1")
    assert row.standard_error == 0
    assert row.total.low is not None
    assert row.total.high is not None
    assert row.total.low < 800
    assert row.total.high > 1200


def test_an_audit_of_everything_is_exact() -> None:
    row = corrected_totals({"1": 4, "2": 2}, ["1"] * 4 + ["2"] * 2, ["1", "1", "1", "2", "2", "1"]).of("1")
    assert (row.total.value, row.total.low, row.total.high) == (4, 4, 4)


def test_a_class_that_only_people_gave_has_a_total_and_no_users_accuracy() -> None:
    row = corrected_totals({"1": 100}, ["1"] * 10, ["1"] * 8 + ["9"] * 2).of("9")
    assert (row.naive, row.total.value) == (0, 20)
    assert row.users.note == "no record was given this class"
    assert (row.producers.value, row.producers.low, row.producers.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("sizes", "said", "told"),
    [
        ({"1": 10, "2": 10}, ["1"] * 5, "1 of 2 classes have fewer than 2 audited records: 2"),
        ({"1": 10, "2": 10}, ["1"] * 5 + ["2"], "fewer than 2 audited records: 2"),
        ({"1": 10}, ["1"] * 4 + ["3"], "classes that no record was given: 3"),
        ({"1": 3}, ["1"] * 5, "more records were audited than there are: 1"),
        ({"1": float("nan")}, ["1"] * 5, "not finite numbers"),
        ({}, ["1"] * 5, "not finite numbers"),
    ],
)
def test_a_sample_that_cannot_carry_the_totals_is_refused(sizes: dict[str, float], said: list[str], told: str) -> None:
    with pytest.raises(Refused, match=told):
        corrected_totals(sizes, said, ["1"] * len(said))


def test_many_rare_classes_are_taken_together_where_the_probabilities_are_known() -> None:
    """60 classes, most of them rare, and one sample of 400 records of all: no class is left out, none is biased."""
    random, draws = np.random.default_rng(6), 150
    names = np.array([f"{i:02d}" for i in range(60)])
    true = np.sort((3000 / (1 + np.arange(60))).astype(int))[::-1]
    truth = np.repeat(names, true)
    said = np.where(random.random(len(truth)) < 0.15, random.choice(names[:20], len(truth)), truth)
    sizes = {name: int((said == name).sum()) for name in names}
    chance = 400 / len(truth)
    totals, held = np.zeros((draws, 60)), np.zeros((draws, 60))
    for draw in range(draws):
        rows = random.choice(len(truth), 400, replace=False)
        got = corrected_totals(sizes, said[rows], truth[rows], inclusion=np.full(400, chance))
        assert len(got.merged) > 3
        for i, row in enumerate(got.classes):
            assert row.total.value is not None
            assert row.total.low is not None
            assert row.total.high is not None
            totals[draw, i] = row.total.value
            held[draw, i] = row.total.low <= true[i] <= row.total.high
    bias = np.abs(totals.mean(axis=0) - true) / (totals.std(axis=0) / np.sqrt(draws))
    assert (bias < 2).mean() > 0.9, bias
    assert held.mean() > 0.94, held.mean()
    assert 0.92 <= held[:, :10].mean() <= 0.98, held.mean(axis=0)


def test_a_class_that_was_merged_has_a_total_and_says_why_it_has_no_accuracy() -> None:
    got = corrected_totals(
        {"1": 50, "2": 30, "3": 20}, ["1"] * 8 + ["2"] + ["3"], ["1"] * 8 + ["2"] * 2, inclusion=[0.1] * 10
    )
    assert got.merged == ("2", "3")
    row = got.of("2")
    assert (row.naive, row.total.value) == (30, 50)
    assert (
        row.users.note == row.producers.note == "not assessable: too few of the audited records were given this class"
    )
    with pytest.raises(Refused, match="classes of few audited records"):
        corrected_totals({"1": 50, "2": 30}, ["1"] * 8 + ["2"], ["1"] * 9, inclusion=[0.1] * 9)


@pytest.mark.parametrize("chance", [[0.5, 0.5], [0.0] * 5, [1.5] * 5, [float("nan")] * 5])
def test_inclusion_probabilities_that_are_none_are_refused(chance: list[float]) -> None:
    with pytest.raises(Refused, match="inclusion probabilities"):
        corrected_totals({"1": 10}, ["1"] * 5, ["1"] * 5, inclusion=chance)


def test_the_planned_number_is_that_of_olofsson() -> None:
    """Section 5.1.1: users' accuracies 0.70, 0.60, 0.90, 0.95 and a standard error of 0.01 ask for 641 points."""
    believed = dict(zip(MAP, (0.7, 0.6, 0.9, 0.95), strict=True))
    plan = audit_plan(PIXELS, believed, 0.01, minimum=50, finite=False)
    assert 641 <= plan.n <= 645
    assert min(plan.allocation.values()) >= 50
    assert plan.expected_error == pytest.approx(0.01, rel=0.1)


def test_a_plan_asks_no_class_for_more_than_it_has() -> None:
    plan = audit_plan({"1": 10_000, "2": 7}, 0.8, 0.02)
    assert plan.allocation["2"] == 7
    with pytest.raises(Misused, match="no accuracy is given for 2"):
        audit_plan({"1": 10, "2": 7}, {"1": 0.9}, 0.02)


def test_a_planned_audit_reaches_its_standard_error() -> None:
    random = np.random.default_rng(8)
    truth, said, sizes = population(random)
    plan = audit_plan(sizes, {name: float((truth[said == name] == name).mean()) for name in CLASSES}, 0.015)
    found = []
    for _ in range(200):
        strata = [(np.flatnonzero(said == name), n) for name, n in plan.allocation.items()]
        rows = np.concatenate([random.choice(stratum, n, replace=False) for stratum, n in strata])
        found.append(audited_accuracy(sizes, said[rows], said[rows] == truth[rows]).value)
    assert np.std(np.array(found, dtype=float)) == pytest.approx(plan.expected_error, rel=0.15)
    assert np.mean(np.array(found, dtype=float)) == pytest.approx((said == truth).mean(), abs=0.004)

"""Intervals of 95 % hold the truth in 92 to 98 of 100 simulated test parts, whatever the measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from towpath_checks.measures import Measure
from towpath_checks.measures.accuracy import accuracy
from towpath_checks.measures.agreement import cohen_kappa, matthews_correlation
from towpath_checks.measures.automatic_coding import automatic_coding_accuracy, automatic_coding_rate
from towpath_checks.measures.calibration import brier
from towpath_checks.measures.comparison import accuracy_difference
from towpath_checks.measures.f1 import macro_f1, weighted_f1
from towpath_checks.measures.hierarchical_f1 import hierarchical_f1
from towpath_checks.measures.per_class import per_class
from towpath_checks.measures.process_accuracy import process_accuracy
from towpath_checks.measures.stress import stress_set
from towpath_checks.measures.subgroups import subgroups
from towpath_checks.measures.top_k import top_k_accuracy

CODES = np.array(["11", "12", "21"])
PRIOR = np.array([0.5, 0.3, 0.2])
RIGHT = 0.8
SAID = RIGHT * PRIOR + (1 - RIGHT) * np.roll(PRIOR, 1)  # a wrong answer is the next class
F1 = 2 * RIGHT * PRIOR / (PRIOR + SAID)
CHANCE = float((PRIOR * SAID).sum())
SPREAD = float(np.sqrt((1 - (PRIOR**2).sum()) * (1 - (SAID**2).sum())))
N, DRAWS, SIMULATIONS = 300, 300, 700

Random = np.random.Generator
Case = tuple[float, Callable[[Random, int], Measure]]


def answers(random: Random, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    truth = random.choice(3, n, p=PRIOR)
    said = np.where(random.random(n) < RIGHT, truth, (truth + 1) % 3)
    return CODES[truth], CODES[said]


def probabilities(random: Random) -> tuple[np.ndarray, np.ndarray]:
    truth, said = answers(random)
    table = np.full((N, 3), 0.15)
    table[np.arange(N), np.searchsorted(CODES, said)] = 0.7
    return truth, table


def process(random: Random, seed: int, measured_on: int | None = None) -> Measure:
    coded = random.random(N) < 0.7
    right = random.random(N) < np.where(coded, 0.95, 0.5)
    people = 0.9 if measured_on is None else random.binomial(measured_on, 0.9) / measured_on
    score = np.where(coded, 0.9, 0.1)
    return process_accuracy(score, right, 0.5, people, reviewer_records=measured_on, seed=seed, draws=DRAWS)


def coded(random: Random, _seed: int) -> Measure:
    score = random.random(N)
    return automatic_coding_accuracy(score, random.random(N) < 0.85, 0.3)


def paired(random: Random, seed: int) -> Measure:
    truth, said = answers(random)
    better = np.where(random.random(N) < 0.3, truth, said)
    return accuracy_difference(truth, better, said, seed=seed, draws=DRAWS)


def gap(random: Random, _seed: int) -> Measure:
    group = np.repeat(["a", "b"], N // 2)
    return subgroups(random.random(N) < np.where(group == "a", 0.9, 0.75), group, domain="mode").gap


def stress_change(random: Random, seed: int) -> Measure:
    truth, said = answers(random)
    return stress_set(truth, said, random.random(500) < 0.9, seed=seed, draws=DRAWS).change


def top_1(random: Random, seed: int) -> Measure:
    truth, table = probabilities(random)
    return top_k_accuracy(truth, table + np.array([0.02, 0.01, -0.03]), CODES, k=1, seed=seed, draws=DRAWS)


MEASURES: dict[str, Case] = {
    "accuracy": (RIGHT, lambda r, s: accuracy(*answers(r), seed=s, draws=DRAWS)),
    "macro F1": (float(F1.mean()), lambda r, s: macro_f1(*answers(r), seed=s, draws=DRAWS)),
    "weighted F1": (float((F1 * PRIOR).sum()), lambda r, s: weighted_f1(*answers(r), seed=s, draws=DRAWS)),
    "hierarchical F1": (  # a wrong answer shares the first digit where 12 is said for 11
        RIGHT + 0.5 * (1 - RIGHT) * float(PRIOR[0]),
        lambda r, s: hierarchical_f1(*answers(r), (1, 2), seed=s, draws=DRAWS),
    ),
    "kappa": ((RIGHT - CHANCE) / (1 - CHANCE), lambda r, s: cohen_kappa(*answers(r), seed=s, draws=DRAWS)),
    "correlation": ((RIGHT - CHANCE) / SPREAD, lambda r, s: matthews_correlation(*answers(r), seed=s, draws=DRAWS)),
    "precision of a class": (float(RIGHT * PRIOR[2] / SAID[2]), lambda r, s: per_class(*answers(r))[2].precision),
    "recall of a class": (RIGHT, lambda r, s: per_class(*answers(r))[2].recall),
    "F1 of a class": (float(F1[2]), lambda r, s: per_class(*answers(r))[2].f1),
    "Brier score": (0.8 * 0.135 + 0.2 * 1.235, lambda r, s: brier(*probabilities(r), CODES, seed=s, draws=DRAWS)),
    "top 1": (RIGHT, top_1),
    "automatic coding rate": (0.7, lambda r, s: automatic_coding_rate(r.random(N), 0.3)),
    "automatic coding accuracy": (0.85, coded),
    "process accuracy": (0.7 * 0.95 + 0.3 * 0.9, process),
    "process accuracy, people measured": (0.7 * 0.95 + 0.3 * 0.9, lambda r, s: process(r, s, 100)),
    "paired difference": (0.3 * (1 - RIGHT), paired),
    "gap between groups": (0.15, gap),
    "loss on a stress set": (RIGHT - 0.9, stress_change),
}


@pytest.mark.parametrize("name", MEASURES)
def test_nominal_intervals_of_95_percent_hold_the_truth_in_92_to_98(name: str) -> None:
    true, measure = MEASURES[name]
    random, held = np.random.default_rng(5), 0
    for simulation in range(SIMULATIONS):
        got = measure(random, simulation)
        held += got.low is not None and got.high is not None and got.low <= true <= got.high
    assert 0.92 <= held / SIMULATIONS <= 0.98, held / SIMULATIONS

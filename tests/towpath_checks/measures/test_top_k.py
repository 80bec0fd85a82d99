"""The list that a coder is shown."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from towpath_checks.measures.top_k import top_k_accuracy
from towpath_core.errors import Misused

CODES = np.array(["11", "12", "21"])


def test_it_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    table, classes = random.dirichlet(np.ones(20), 300), np.array([f"{i:02d}" for i in range(20)])
    truth = random.choice(classes, 300)
    for k in (1, 3, 19):
        assert top_k_accuracy(truth, table, classes, k=k).value == pytest.approx(
            top_k_accuracy_score(truth, table, k=k, labels=classes)
        )


def test_of_equals_the_first_classes_stand_in_the_list() -> None:
    table = np.full((3, 3), 1 / 3)
    assert top_k_accuracy(CODES, table, CODES, k=2).value == pytest.approx(2 / 3)
    assert top_k_accuracy(CODES, table, CODES, k=3).value == 1


def test_a_label_that_the_model_does_not_know_is_never_in_the_list() -> None:
    assert top_k_accuracy(["99", "11"], [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]], CODES, k=3).value == 0.5


def test_a_level_sums_the_probabilities_of_a_prefix_first() -> None:
    table = [[0.3, 0.3, 0.4]]
    assert top_k_accuracy(["12"], table, CODES, k=1).value == 0
    assert top_k_accuracy(["12"], table, CODES, k=1, level=1).value == 1


def test_classes_need_no_order() -> None:
    assert top_k_accuracy(["12"], [[0.9, 0.06, 0.04]], ["12", "11", "21"], k=1).value == 1


def test_an_empty_list_is_no_list() -> None:
    with pytest.raises(Misused, match="0 labels"):
        top_k_accuracy(["11"], [[0.9, 0.06, 0.04]], CODES, k=0)

"""A near miss is worth something."""

from __future__ import annotations

import pytest

from towpath_checks.measures.hierarchical_f1 import hierarchical_f1
from towpath_core.errors import Misused


def test_the_value_by_hand() -> None:
    """Of three levels the second record has one right, the third none: 4 of 9."""
    got = hierarchical_f1(["1110", "1110", "1110"], ["1110", "1220", "2000"], (1, 2, 4))
    assert got.value == pytest.approx(4 / 9)


def test_a_shorter_answer_costs_recall_alone() -> None:
    """hP = 2/2, hR = 2/3."""
    assert hierarchical_f1(["1110"], ["11"], (1, 2, 4)).value == pytest.approx(2 * 2 / 3 / (1 + 2 / 3))


def test_at_one_level_it_is_the_accuracy() -> None:
    assert hierarchical_f1(["11", "12", "21"], ["11", "11", "21"], (2,)).value == pytest.approx(2 / 3)


def test_without_levels_it_is_refused() -> None:
    with pytest.raises(Misused, match="expected levels"):
        hierarchical_f1(["1"], ["1"], ())


def test_labels_without_a_level_are_not_assessed() -> None:
    assert hierarchical_f1(["1"], ["1"], (2,)).value is None

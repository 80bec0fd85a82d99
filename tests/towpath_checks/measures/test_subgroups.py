"""Groups apart, and those that are too small to say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from towpath_checks.measures.subgroups import subgroups
from towpath_core.errors import Refused


def groups(*counts: tuple[str, int, int]) -> tuple[np.ndarray, np.ndarray]:
    right = np.concatenate([np.arange(n) < hits for _, hits, n in counts])
    return right, np.concatenate([np.full(n, name) for name, _, n in counts])


def test_the_worst_group_the_gap_and_what_cannot_be_said() -> None:
    got = subgroups(*groups(("paper", 60, 100), ("web", 180, 200), ("phone", 1, 12)), domain="mode")
    assert got.worst == "paper"
    assert got.gap.value == pytest.approx(0.3)
    assert got.gap.low is not None
    assert got.gap.low > 0.15
    assert got.not_assessable == ("phone",)
    assert dict(got.groups)["phone"].note == "not assessable: 12 records, expected 30 or more"


def test_the_p_value_is_that_of_the_chi_square_test() -> None:
    got = subgroups(*groups(("a", 60, 100), ("b", 75, 100), ("c", 40, 60)), domain="region")
    expected = stats.chi2_contingency([[60, 75, 40], [40, 25, 20]], correction=False).pvalue
    assert got.p.value == pytest.approx(expected)


def test_equal_groups_have_a_gap_that_may_be_zero() -> None:
    got = subgroups(*groups(("a", 80, 100), ("b", 80, 100)), domain="region")
    assert (got.gap.value, got.gap.low) == (0.0, 0.0)
    assert got.gap.high is not None
    assert got.gap.high > 0.05


def test_one_group_has_no_gap() -> None:
    got = subgroups(*groups(("a", 80, 100), ("b", 8, 10)), domain="region")
    assert got.gap.value is None
    assert got.p.value is None
    assert got.gap.note == "1 groups can be assessed, expected 2 or more"


def test_where_no_group_is_large_enough_nothing_is_said() -> None:
    got = subgroups(*groups(("a", 3, 4)), domain="region")
    assert got.worst is None
    assert got.gap.value is None


def test_records_without_a_group_are_a_group_and_called_so() -> None:
    got = subgroups(*groups(("", 30, 40), ("a", 30, 40)), domain="region")
    assert [name for name, _ in got.groups] == ["(missing)", "a"]
    with pytest.raises(Refused, match="which stands for no group"):
        subgroups(*groups(("", 30, 40), ("(missing)", 30, 40)), domain="region")


def test_groups_of_other_records_are_refused() -> None:
    with pytest.raises(Refused, match="2 groups for 3 records"):
        subgroups([True, False, True], ["a", "b"], domain="region")

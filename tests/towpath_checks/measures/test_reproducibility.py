"""What was pinned, and what differed in a re-run: nothing done is no pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.measures.reproducibility import Difference, Made, reproducibility
from towpath_core.errors import Misused

SEVEN = dict.fromkeys(("commit", "data", "params", "lock", "pipeline", "nomenclature", "threshold"), "sha256:1")
RECORDED = Made({"model/model.skops": "sha256:a", "reports/metrics.json": "sha256:b"}, {"accuracy": 0.8, "ece": 0.02})


def test_all_seven_versions_are_pinned_or_the_missing_ones_are_named() -> None:
    assert reproducibility(SEVEN).pinned.value == 1
    found = reproducibility({**SEVEN, "data": " "}, required=tuple(SEVEN))
    assert found.pinned.value == pytest.approx(6 / 7)
    assert (found.missing, found.pinned.note) == (("data",), "without data")
    assert reproducibility({}, required=tuple(SEVEN)).pinned.value == 0


@pytest.mark.parametrize(("recorded", "again"), [(None, None), (RECORDED, None), (None, RECORDED)])
def test_without_a_re_run_nothing_is_assessed(recorded: Made | None, again: Made | None) -> None:
    found = reproducibility(SEVEN, recorded, again)
    assert found.reproduced is None
    assert found.identical_files.value is None
    assert found.largest_difference.note == "no clean-room re-run has been done"


def test_the_same_again_is_reproduced() -> None:
    found = reproducibility(SEVEN, RECORDED, RECORDED)
    assert found.reproduced is True
    assert (found.identical_files.value, found.identical_files.n) == (1, 2)
    assert found.largest_difference.value == 0


def test_each_file_and_measure_that_differs_is_named() -> None:
    again = Made({**RECORDED.files, "model/model.skops": "sha256:c"}, {"accuracy": 0.79, "ece": 0.02})
    found = reproducibility(SEVEN, RECORDED, again)
    assert found.reproduced is False
    assert found.differences == (
        Difference("model/model.skops", "sha256:a", "sha256:c"),
        Difference("accuracy", "0.8", "0.79"),
    )
    assert found.identical_files.value == 0.5
    assert found.largest_difference.value == pytest.approx(0.01)
    assert found.largest_difference.note.startswith("accuracy;")


def test_a_measure_may_differ_by_the_tolerance_and_a_file_may_not() -> None:
    again = Made(RECORDED.files, {"accuracy": 0.79, "ece": 0.02})
    assert reproducibility(SEVEN, RECORDED, again, tolerance=0.02).reproduced is True
    other = Made({**RECORDED.files, "model/model.skops": "sha256:c"}, RECORDED.measures)
    assert reproducibility(SEVEN, RECORDED, other, tolerance=0.5).reproduced is False


@pytest.mark.parametrize(
    "again",
    [
        Made({"model/model.skops": "sha256:a"}, RECORDED.measures),
        Made({**RECORDED.files, "more": "sha256:d"}, RECORDED.measures),
        Made(RECORDED.files, {"accuracy": 0.8}),
        Made(RECORDED.files, {**RECORDED.measures, "brier": 0.1}),
        Made(RECORDED.files, {"accuracy": 0.8, "ece": float("nan")}),
        Made(RECORDED.files, {"accuracy": 0.8, "ece": None}),
        Made(RECORDED.files, {"accuracy": 0.8, "ece": float("inf")}),
        Made({}, {}),
    ],
)
def test_what_only_one_run_has_is_a_difference(again: Made) -> None:
    assert reproducibility(SEVEN, RECORDED, again, tolerance=1e9).reproduced is False
    assert reproducibility(SEVEN, again, RECORDED, tolerance=1e9).reproduced is False


def test_nothing_to_compare_is_not_assessed_and_files_without_a_digest_are_not_the_same() -> None:
    assert reproducibility(SEVEN, Made({}, {}), Made({}, {})).reproduced is None
    assert reproducibility(SEVEN, Made({}, {"ece": None}), Made({}, {"ece": None})).reproduced is None
    assert reproducibility(SEVEN, Made({"a": ""}, {}), Made({"a": ""}, {})).reproduced is False
    assert reproducibility(SEVEN, Made({}, {"ece": 0.1}), Made({}, {"ece": None})).reproduced is False


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))
MEASURES = st.dictionaries(st.sampled_from(["accuracy", "ece", "brier"]), NUMBERS)
FILES = st.dictionaries(st.sampled_from(["model", "metrics"]), st.sampled_from(["", "sha256:a", "sha256:b"]))


@given(FILES, MEASURES, FILES, MEASURES, st.floats(0, 10))
def test_it_is_reproduced_only_where_something_was_compared_and_nothing_differs(
    files: Any, measures: Any, more_files: Any, more_measures: Any, tolerance: float
) -> None:
    found = reproducibility(SEVEN, Made(files, measures), Made(more_files, more_measures), tolerance=tolerance)
    if found.reproduced is True:
        assert files == more_files
        assert measures.keys() == more_measures.keys()
        assert files or any(value is not None for value in measures.values())
    assert (found.reproduced is False) == bool(found.differences)


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    with pytest.raises(Misused, match="the tolerance"):
        reproducibility(SEVEN, tolerance=tolerance)


def test_no_version_asked_for_is_refused() -> None:
    with pytest.raises(Misused, match="no version is asked for"):
        reproducibility({})

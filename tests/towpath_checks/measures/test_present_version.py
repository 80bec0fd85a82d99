"""Better than what is in production, on the same records, or not."""

from __future__ import annotations

import numpy as np
import pytest

from towpath_checks.measures.present_version import against_present
from towpath_core.errors import Refused

TRUTH = np.array(["11"] * 100)
OLD = np.array(["11"] * 60 + ["12"] * 40)
NEW = np.array(["11"] * 80 + ["12"] * 20)


def test_the_gain_its_interval_and_p() -> None:
    got = against_present(TRUTH, NEW, OLD)
    found = {measure.name: measure for measure in got.measures}
    assert found["present_accuracy"].value == 0.6
    gain = found["gain_over_present"]
    assert gain.value == pytest.approx(0.2)
    assert gain.low is not None
    assert gain.low > 0
    assert found["present_mcnemar_p"].value == pytest.approx(2 * 0.5**20)
    assert found["same_answer_as_present"].value == 0.8


def test_each_level_is_compared() -> None:
    got = against_present(TRUTH, NEW, OLD, levels=(1, 2))
    assert [measure.name for measure in got.gain] == ["gain_over_present_1", "gain_over_present_2"]
    assert got.gain[0].value == 0


def test_what_the_present_version_was_trained_on_is_left_out_and_told() -> None:
    got = against_present(TRUTH, NEW, OLD, seen=OLD == "11")
    assert got.present[0].value == 0
    assert got.present[0].n == 40
    assert got.gain[0].note.endswith("60 records that the present version was trained on are left out")


def test_without_an_unseen_record_there_is_nothing_to_compare() -> None:
    with pytest.raises(Refused, match="trained on every record"):
        against_present(TRUTH, NEW, OLD, seen=np.ones(100, dtype=bool))
    with pytest.raises(Refused, match="3 marks of records seen in training for 100 records"):
        against_present(TRUTH, NEW, OLD, seen=np.array([True, False, False]))


def test_answers_to_other_records_are_refused() -> None:
    with pytest.raises(Refused, match="different lengths"):
        against_present(TRUTH, NEW, OLD[:50])

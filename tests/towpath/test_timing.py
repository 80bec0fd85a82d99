"""How long the packaged model takes, and the energy where the machine counts it."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from small_project import evaluated
from towpath import timing
from towpath_core.errors import Refused


def test_times_are_those_of_batches_of_a_thousand_and_of_single_records(tmp_path: Path) -> None:
    project, _ = evaluated(tmp_path)
    ticks = itertools.count()
    found = {one.name: one for one in timing.timed(project, lambda: next(ticks) / 1000)}
    assert found[timing.SECONDS].value == pytest.approx(0.001)
    assert found[timing.P95].value == pytest.approx(1.0)
    assert found[timing.P50].n > 100


def test_a_slow_model_is_asked_less_often(tmp_path: Path) -> None:
    project, _ = evaluated(tmp_path)
    ticks = itertools.count(step=5)
    found = {one.name: one for one in timing.timed(project, lambda: next(ticks))}
    assert 1 <= found[timing.SECONDS].n < timing.BATCHES
    assert found[timing.SECONDS].low is None


def test_a_package_that_is_not_there_is_told(tmp_path: Path) -> None:
    project, _ = evaluated(tmp_path)
    (project.package / "model.skops").unlink()
    with pytest.raises(Refused, match="without model.skops"):
        timing.timed(project)


def test_energy_is_counted_over_the_packages_of_the_processor(tmp_path: Path) -> None:
    for name, joules in {"intel-rapl:0": 3_000_000, "intel-rapl:1": 4_000_000, "intel-rapl:0:0": 9}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{joules}\n")
    assert timing.energy_counter(tmp_path) == 7.0
    assert timing.energy(7.0, 7.0 + 3600, 10).value == pytest.approx(0.1)


def test_without_a_counter_energy_is_not_assessed(tmp_path: Path) -> None:
    assert timing.energy_counter(tmp_path) is None
    for before, after in ((None, 1.0), (1.0, None), (2.0, 1.0)):
        said = timing.energy(before, after, 10)
        assert said.value is None
        assert "energy counter" in said.note

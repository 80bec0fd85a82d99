"""Gates that other packages bring."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from towpath_core.errors import CouldNot, Misused
from towpath_registry import gates

SPEED = '''
from dataclasses import dataclass
from towpath_core.verdicts import Verdict

@dataclass(frozen=True)
class Speed:
    """It answers fast enough."""
    most: int = 10

    def judge(self, candidate):
        return (Verdict("speed", True, "it", "fast", "fast"),)

gate = Speed
slow = 3
'''


def install(folder: Path, points: str, monkeypatch: pytest.MonkeyPatch, package: str = "speedy") -> None:
    """A package with these entry points, found by every import that follows."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    (folder / f"{package}.py").write_text(SPEED)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, package, raising=False)


def test_a_gate_of_another_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "[towpath.gates]\nspeed = speedy:gate\n", monkeypatch)
    assert gates.find("speed").__name__ == "Speed"
    assert "speed" in gates.names()


def test_a_gate_that_is_installed_while_towpath_runs_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(Misused, match="there is no gate 'speed'"):
        gates.find("speed")
    install(tmp_path, "[towpath.gates]\nspeed = speedy:gate\n", monkeypatch)
    assert gates.find("speed").__name__ == "Speed"


def test_a_gate_whose_name_is_taken_is_an_error_and_not_a_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "[towpath.gates]\nquality = speedy:gate\n", monkeypatch)
    with pytest.raises(CouldNot, match="more than one gate is called quality"):
        gates.find("quality")
    assert gates.find("provenance").__name__ == "Provenance"


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ("speed = speedy:nothing", "the gate speed does not load: module 'speedy' has no attribute 'nothing'"),
        ("speed = nowhere:gate", "the gate speed does not load: No module named 'nowhere'"),
        ("speed = speedy:slow", "the gate speed is not a dataclass that can judge"),
    ],
)
def test_a_gate_that_does_not_load_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str, told: str
) -> None:
    install(tmp_path, f"[towpath.gates]\n{points}\n", monkeypatch)
    with pytest.raises(CouldNot) as caught:
        gates.find("speed")
    assert caught.value.message == told

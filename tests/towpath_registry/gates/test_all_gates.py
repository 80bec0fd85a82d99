"""What holds for every gate, also for one that is added tomorrow."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from candidates import bare, good
from towpath_core.errors import CouldNot, Misused
from towpath_core.verdicts import Verdict, all_passed
from towpath_registry import gates
from towpath_registry.gates import Candidate

every_gate = pytest.mark.parametrize("name", gates.names())


@dataclasses.dataclass(frozen=True)
class Silent:
    """Says nothing."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return ()


@dataclasses.dataclass(frozen=True)
class Broken:
    """Fails."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        raise ZeroDivisionError("no rows")


@dataclasses.dataclass(frozen=True)
class Impostor:
    """Speaks in the name of another."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return (Verdict("quality", True, "all", "well", "well"),)


def test_the_built_in_gates_are_these() -> None:
    assert gates.names() == [
        "data_checks", "documentation", "model_format", "ownership", "provenance", "quality", "scope",
    ]  # fmt: skip


@every_gate
def test_it_refuses_a_version_that_proves_nothing(name: str) -> None:
    assert not all_passed(gates.judge(name, gates.find(name)(), bare()))


@every_gate
def test_it_lets_a_good_version_pass(name: str) -> None:
    said = gates.judge(name, gates.find(name)(), good())
    assert all_passed(said), [verdict.reason for verdict in said if not verdict.passed]


@every_gate
def test_it_is_a_frozen_dataclass_with_a_sentence_of_help_and_settings_with_defaults(name: str) -> None:
    gate = gates.find(name)
    made = gate()
    assert inspect.getdoc(gate)
    assert hash(made) == hash(gate())
    for setting in dataclasses.fields(made):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, setting.name, "changed")


@every_gate
def test_every_verdict_says_subject_got_and_expected_under_the_gates_name(name: str) -> None:
    for candidate in (bare(), good()):
        for verdict in gates.judge(name, gates.find(name)(), candidate):
            assert verdict.gate == name.replace("_", "-")
            assert verdict.subject
            assert verdict.got
            assert verdict.expected


def test_an_unknown_gate_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Misused, match="there is no gate 'nonsense'") as caught:
        gates.find("nonsense")
    assert "data_checks" in caught.value.hint


def test_helpers_beside_the_gates_are_no_gates() -> None:
    with pytest.raises(Misused):
        gates.find("_evidence")


def test_a_gate_that_says_nothing_refuses() -> None:
    assert gates.judge("silent", Silent(), good()) == (
        Verdict("silent", False, "occupation-coder/1", "not judged at all", "at least one verdict"),
    )


def test_a_gate_that_fails_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(CouldNot, match="the gate broken failed on occupation-coder/1: no rows"):
        gates.judge("broken", Broken(), good())


def test_a_gate_cannot_speak_in_the_name_of_another() -> None:
    assert [verdict.gate for verdict in gates.judge("im_postor", Impostor(), good())] == ["im-postor"]

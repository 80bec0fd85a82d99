"""The gate over what a model is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from candidates import DOCUMENTED_THEN, OTHER, good, said
from towpath_registry.evidence import Read
from towpath_registry.gates.scope import PARTS, Scope


def refusals(documentation: Read, gate: Scope | None = None) -> list[str]:
    verdicts = (gate or Scope()).judge(good(evidence=(documentation,)))
    return [verdict.reason for verdict in verdicts if not verdict.passed]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("text", ["", " \n", "\u200b", None])
def test_each_part_must_be_written_down_and_where_is_told(part: str, text: str | None) -> None:
    scope = {name: value for name, value in DOCUMENTED_THEN.scope.items() if name != part}
    if text is not None:
        scope[part] = text
    (why,) = refusals(said("documentation", documented=replace(DOCUMENTED_THEN, scope=scope)))
    assert why.startswith(f"the {part.replace('_', ' ')} is ")
    assert why.endswith(f"expected a sentence (scope.{part} in the project's towpath.yaml; then towpath run)")


def test_a_long_text_is_shown_by_its_beginning() -> None:
    scope = {**DOCUMENTED_THEN.scope, "driver": "why\n  " + "so " * 100}
    verdicts = Scope().judge(good(evidence=(said("documentation", documented=replace(DOCUMENTED_THEN, scope=scope)),)))
    (shown,) = [verdict.got for verdict in verdicts if verdict.subject == "the driver"]
    assert shown.startswith("why so so")
    assert len(shown) == 60


def test_the_scope_of_other_bytes_is_not_this_models() -> None:
    assert refusals(said("documentation", digest=OTHER)) == [
        "the evidence of documentation is passed, about sha256:eeeeeeeeeeee, expected passed, about sha256:dddddddddddd"
    ]


def test_a_gate_that_asks_for_no_part_lets_nobody_pass() -> None:
    assert refusals(said("documentation"), Scope(parts=())) == [
        "the scope is asked for in no part, expected one part or more"
    ]

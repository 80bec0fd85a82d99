from __future__ import annotations

from dataclasses import replace

import pytest

from candidates import good
from towpath_core.verdicts import all_passed
from towpath_registry.gates.provenance import Provenance
from towpath_registry.nouns import PROVENANCE


@pytest.mark.parametrize("name", PROVENANCE)
@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_each_of_the_seven_must_be_recorded(name: str, value: str | None) -> None:
    candidate = good()
    tags = {key: text for key, text in candidate.version.tags.items() if key != f"towpath.{name}"}
    if value is not None:
        tags[f"towpath.{name}"] = value
    said = Provenance().judge(good(version=replace(candidate.version, tags=tags)))
    assert [verdict.reason for verdict in said if not verdict.passed] == [
        f"the provenance is without {name}, expected all of {', '.join(PROVENANCE)}"
    ]


def test_a_gate_that_asks_for_nothing_lets_nobody_pass() -> None:
    assert not all_passed(Provenance(required=()).judge(good()))

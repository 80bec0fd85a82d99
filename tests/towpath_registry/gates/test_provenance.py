from __future__ import annotations

from dataclasses import replace

import pytest

from candidates import good
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
    assert [verdict.reason for verdict in said if not verdict.passed] == [f"{name} is not recorded, expected recorded"]
    assert len(said) == 7

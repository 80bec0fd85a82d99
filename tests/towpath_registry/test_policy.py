from __future__ import annotations

from dataclasses import replace

import pytest

from towpath_core.errors import Misused
from towpath_registry.gates.documentation import Documentation
from towpath_registry.gates.quality import Quality
from towpath_registry.policy import Level, Policy, solo


def test_each_level_of_the_built_in_policy_asks_the_same_five_gates() -> None:
    staging, production = solo().levels
    five = ["data_checks", "quality", "provenance", "model_format", "documentation"]
    assert list(staging.gates) == list(production.gates) == five
    assert (staging.name, staging.after, production.name, production.after) == ("staging", "", "production", "staging")


def test_an_unknown_level_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Misused, match="there is no level 'prod'") as caught:
        solo().level("prod")
    assert caught.value.hint == "one of staging, production"


def test_the_digest_is_the_same_for_the_same_policy_and_changes_with_anything_in_it() -> None:
    policy = Policy("a", (Level("staging", {"quality": Quality()}),))
    others = [
        replace(policy, name="b"),
        Policy("a", ()),
        Policy("a", (Level("production", {"quality": Quality()}),)),
        Policy("a", (Level("staging", {}),)),
        Policy("a", (Level("staging", {"quality": Quality(baseline="other")}),)),
        Policy("a", (Level("staging", {"quality": Quality(), "documentation": Documentation()}),)),
        Policy("a", (Level("staging", {"quality": Quality()}, after="candidate"),)),
    ]
    assert policy.digest == Policy("a", (Level("staging", {"quality": Quality()}),)).digest
    assert len({policy.digest, *(other.digest for other in others)}) == 1 + len(others)

"""When a run that changed nothing makes a version all the same: what is known of the last one proves too little."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from registry_world import DOCUMENTED, KEY, SIGNERS, START, EmbeddedWorld, Ticking, material, private_key
from towpath.running import _lapsed
from towpath_registry.evidence import Documented
from towpath_registry.governing import LocalDesk
from towpath_registry.keys import PublicKey
from towpath_registry.policy import Policy, solo

OTHER = private_key(2).public


class Office:
    """A registry under a policy, and the version that a run finds in it."""

    def __init__(self, home: Path, policy: Policy | None = None, **made: Any) -> None:
        world = EmbeddedWorld(home, Ticking())
        self.desk = LocalDesk(world.store, Ticking(), SIGNERS)
        if policy:
            self.desk.set_policy(policy, "ann", "we are two now")
        self.version = world.add(material(1, **made))

    def makes_anew(self, says: Documented = DOCUMENTED, key: PublicKey = KEY.public, days: int = 1) -> bool:
        return _lapsed(self.desk, self.version, says, key, START + timedelta(days=days))


def team(signer: PublicKey) -> Policy:
    may = ["data-checks", "quality", "documentation"]
    signers = {"ann": {"owner": "ann", "public": signer.text, "may": may, "since": "2020-01-01"}}
    of_ann = {"own_keys": False, "people": {"ann": ["data_scientist"]}, "signers": signers}
    return Policy.of({**solo().content(), **of_ann})


def test_evidence_that_counts_is_not_made_again(tmp_path: Path) -> None:
    assert not Office(tmp_path).makes_anew()
    assert not Office(tmp_path / "team", team(KEY.public)).makes_anew()


@pytest.mark.parametrize("lost", ["checked", "judged", "documented"])
def test_evidence_that_is_missing_is_made(tmp_path: Path, lost: str) -> None:
    assert Office(tmp_path, **{lost: None}).makes_anew()


def test_evidence_that_is_too_old_is_made_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert not office.makes_anew(days=364)
    assert office.makes_anew(days=365)


@pytest.mark.parametrize(
    "says",
    [
        replace(DOCUMENTED, owners={**DOCUMENTED.owners, "it_operator": "Somebody Else"}),
        replace(DOCUMENTED, next_review="2099-01-01"),
        replace(DOCUMENTED, scope={**DOCUMENTED.scope, "driver": "Another reason."}),
    ],
)
def test_other_owners_another_review_and_another_scope_are_put_into_evidence(tmp_path: Path, says: Documented) -> None:
    assert Office(tmp_path).makes_anew(says)


def test_what_cannot_be_trusted_is_made_again_by_who_can_be(tmp_path: Path) -> None:
    office = Office(tmp_path, team(OTHER))
    assert office.makes_anew(key=OTHER)
    assert not office.makes_anew(key=KEY.public), "it would not count either: a version for nothing"


def test_for_one_person_what_cannot_be_trusted_is_made_again(tmp_path: Path) -> None:
    office = Office(tmp_path)
    (found,) = (tmp_path / "artifacts").glob("*/*/artifacts/evidence/quality.dsse.json")
    found.write_text("{")
    assert office.makes_anew()

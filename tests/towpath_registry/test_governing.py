"""Which policy is in force, who may set it, and whose keys count."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

import policies
from registry_world import KEY, NAME, SIGNERS, EmbeddedWorld, MemoryWorld, Ticking, material, private_key
from towpath_core.digests import sha256_bytes
from towpath_core.errors import CouldNot, Mismatch, Refused
from towpath_core.refs import ModelRef
from towpath_registry import governing, keys, nouns, trust
from towpath_registry.governing import LocalDesk
from towpath_registry.nouns import Decision, Question
from towpath_registry.policy import Policy, solo
from towpath_registry.store import Store


def team() -> Policy:
    return policies.policy("team")


def server(store: Store) -> LocalDesk:
    """A desk at which people log in; `admin` is an admin of the server."""
    return LocalDesk(store, Ticking(), (), shared=True, first=lambda actor: actor == "admin")


def events(store: Store) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in store.ledger("", Question(newest=100))]


def test_solo_is_in_force_until_somebody_sets_another(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    desk = LocalDesk(world.store, Ticking(), SIGNERS)
    assert desk.policy().digest == solo().digest
    entry = desk.set_policy(team(), "ann", "we are three now")
    assert (entry.event, entry.policy, entry.details["before"]) == (nouns.POLICY_SET, team().digest, solo().digest)
    assert desk.policy() == team()
    assert LocalDesk(world.store, Ticking(), SIGNERS).policy() == team()


def test_only_who_the_policy_lets_sets_the_next_one_and_the_attempt_is_recorded(tmp_path: Path) -> None:
    desk = LocalDesk(MemoryWorld(tmp_path).store, Ticking(), ())
    desk.set_policy(team(), "ann", "")
    for by in ("ann", "bob", "", "Mia"):
        with pytest.raises(Refused, match=f"{by} may not set the policy: only {team().policy_role} may"):
            desk.set_policy(solo(), by, "")
    assert events(desk.store)[-1] == (nouns.REFUSED, "Mia")
    assert desk.policy() == team()
    desk.set_policy(solo(), "mia", "back to one person")
    assert desk.policy().name == "solo"


def test_on_a_server_nothing_moves_before_a_policy_is_set(tmp_path: Path) -> None:
    world = MemoryWorld(tmp_path)
    world.add(material())
    desk = server(world.store)
    with pytest.raises(Refused, match="this server has no policy yet") as caught:
        desk.move("dan", NAME, "staging", 1)
    assert "an admin sets one" in caught.value.hint
    desk.refuse("dan", NAME, "set-alias", "no policy", 1, "staging")
    assert world.store.ledger(NAME)[-1].policy == ""


def test_on_a_server_the_first_policy_is_an_admins_to_set(tmp_path: Path) -> None:
    desk = server(MemoryWorld(tmp_path).store)
    with pytest.raises(Refused, match="only an admin of the server may"):
        desk.set_policy(team(), "dan", "")
    desk.set_policy(team(), "admin", "")
    with pytest.raises(Refused, match="admin may not set the policy"):
        desk.set_policy(team(), "admin", "again")


def test_a_policy_for_one_person_is_not_for_a_server(tmp_path: Path) -> None:
    store = MemoryWorld(tmp_path).store
    with pytest.raises(Refused, match="a shared registry needs a policy that names its signers"):
        server(store).set_policy(solo(), "admin", "")
    LocalDesk(store, Ticking(), SIGNERS).set_policy(solo(), "ann", "before there was a server")
    with pytest.raises(Refused, match="the policy solo is for one person at one machine"):
        server(store).policy()
    server(store).set_policy(team(), "admin", "")
    assert server(store).policy() == team()


def test_a_policy_whose_bytes_were_changed_is_not_followed(tmp_path: Path) -> None:
    world = MemoryWorld(tmp_path)
    desk = LocalDesk(world.store, Ticking(), ())
    desk.set_policy(team(), "ann", "")
    world.memory._policies[team().digest] = b"{}"
    with pytest.raises(Mismatch, match="the policy in force cannot be read"):
        desk.policy()
    world.memory._policies.clear()
    with pytest.raises(Mismatch, match="is not in the registry any more"):
        desk.policy()


def test_a_policy_that_changed_between_the_check_and_the_promotion_stops_it(tmp_path: Path) -> None:
    """What was planned under the one is not done under the other, not even what no longer needs anybody's approval."""
    for before, after, by in ((solo(), team(), "ann"), (team(), solo(), "mia")):
        world = EmbeddedWorld(tmp_path / before.name)
        world.add(material())
        desk = LocalDesk(world.store, Ticking(), SIGNERS)
        if before != solo():
            desk.set_policy(before, "ann", "")
        plan = desk.plan(ModelRef(NAME, version=1), "staging")
        desk.set_policy(after, by, "")
        with pytest.raises(CouldNot, match="nothing was moved"):
            desk.settle(plan, "dora", "")
        assert [entry.event for entry in world.store.ledger(NAME)] == []
        assert world.store.version(ModelRef(NAME, version=1)).aliases == ()


def test_the_evidence_of_a_version_that_is_registered_again_is_as_old_as_it_was(tmp_path: Path) -> None:
    """The same bytes, the same signed statements: they count for the new number too, and not a day longer."""
    clock = Ticking()
    world = EmbeddedWorld(tmp_path / "home", clock)
    desk = LocalDesk(world.store, clock, SIGNERS)
    desk.registered(world.add(material()), "ann")
    clock.now += timedelta(days=300)
    again = world.add(material())
    desk.registered(again, "eve")
    assert again.digest == world.store.version(ModelRef(NAME, version=1)).digest
    assert desk.plan(ModelRef(NAME, version=2), "staging").allowed
    clock.now += timedelta(days=100)
    told = [v.reason for v in desk.plan(ModelRef(NAME, version=2), "staging").verdicts if not v.passed]
    assert [why for why in told if why.startswith("how long the evidence of quality counts is until 2027-")]


def test_the_first_run_of_one_person_makes_their_key_count(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material())
    governing.record_registered({**world.environ, "TOWPATH_ACTOR": "ann"}, NAME, 1)
    (added,) = world.store.ledger("", Question(events=(nouns.KEY_ADDED,)))
    assert added.details["public"] == KEY.public.text
    governing.record_registered(world.environ, NAME, 1)
    assert len(world.store.ledger("", Question(newest=9))) == 1
    (registered,) = world.store.ledger(NAME)
    assert (registered.event, registered.actor, len(registered.evidence)) == (nouns.REGISTERED, "ann", 3)


@pytest.mark.parametrize(("reason", "counts"), [("left", True), ("compromise", False)])
def test_a_revoked_key_of_ones_own_keeps_or_loses_what_it_signed(tmp_path: Path, reason: str, counts: bool) -> None:
    clock = Ticking()
    world = EmbeddedWorld(tmp_path / "home", clock)
    desk = LocalDesk(world.store, clock, ())
    governing.add_key(world.store, KEY.public, "ann", clock(), "")
    desk.registered(world.add(material(1)), "ann")
    governing.revoke_key(world.store, KEY.public, "ann", reason, "lost the laptop")
    late = world.add(material(2))
    assert desk.plan(ModelRef(NAME, version=1), "staging").allowed == counts
    told = [
        verdict.reason for verdict in desk.plan(ModelRef(NAME, version=2), "staging").verdicts if not verdict.passed
    ]
    assert any(f"was revoked on {clock.now:%Y-%m-%d}" in reason for reason in told), (late, told)


@pytest.mark.parametrize("after", ["left", "added"])
def test_a_compromise_is_not_undone_by_what_is_written_later(tmp_path: Path, after: str) -> None:
    clock = Ticking()
    world = EmbeddedWorld(tmp_path / "home", clock)
    desk = LocalDesk(world.store, clock, ())
    governing.add_key(world.store, KEY.public, "ann", clock(), "")
    desk.registered(world.add(material()), "ann")
    governing.revoke_key(world.store, KEY.public, "ann", "compromise", "lost the laptop")
    if after == "left":
        governing.revoke_key(world.store, KEY.public, "ann", "left", "")
    else:
        governing.add_key(world.store, KEY.public, "ann", clock(), "found it again")
    plan = desk.plan(ModelRef(NAME, version=1), "staging")
    assert not plan.allowed
    assert any("(compromise)" in verdict.got for verdict in plan.verdicts)


def test_a_key_that_the_ledger_does_not_tell_of_does_not_count(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    governing.add_key(world.store, private_key(7).public, "ann", Ticking()(), "")
    world.add(material())
    desk = LocalDesk(world.store, Ticking(), trust.own(world.environ))
    plan = desk.plan(ModelRef(NAME, version=1), "staging")
    assert not plan.allowed
    assert any("is not on the list of signers" in verdict.got for verdict in plan.verdicts)


def test_the_key_of_the_ledger_is_not_the_key_of_evidence(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    version = world.add(material())
    desk = LocalDesk(world.store, Ticking(), SIGNERS)
    desk.settle(desk.plan(ModelRef(version.name, version=1), "staging"), "ann", "")
    ledger = keys.home_public(world.environ, keys.LEDGER)
    assert ledger is not None
    assert ledger != keys.home_public(world.environ, keys.EVIDENCE)


def test_a_policy_that_a_new_towpath_reads_otherwise_is_kept_as_it_was_read(tmp_path: Path) -> None:
    world = EmbeddedWorld(tmp_path / "home")
    world.add(material())
    older = {**team().content(), "loading": {"list": "platform", "without": [], "formats": ["skops"]}}
    content = json.dumps(older, sort_keys=True, separators=(",", ":")).encode()
    digest = sha256_bytes(content)
    said = Decision("", nouns.POLICY_SET, "", 0, None, "mia", "", "", digest, (), details={})
    world.store.adopt(said, content, ["staging", "production"])
    desk = LocalDesk(world.store, Ticking(), ())
    assert desk.policy().digest != digest
    desk.refuse("eve", NAME, "set-alias", "because")
    assert world.store.policy(desk.policy().digest) == desk.policy().canonical


def test_a_registry_that_knows_another_key_of_mine_gets_to_know_this_one_but_not_one_that_was_revoked(
    tmp_path: Path,
) -> None:
    clock = Ticking()
    world = EmbeddedWorld(tmp_path / "home", clock)
    world.add(material())
    governing.add_key(world.store, private_key(7).public, "ann", clock(), "of another machine")
    governing.record_registered(world.environ, NAME, 1, clock)
    assert [event for event, _ in events(world.store)] == [nouns.KEY_ADDED, nouns.KEY_ADDED]
    governing.revoke_key(world.store, KEY.public, "ann", "left", "")
    world.add(material(2))
    governing.record_registered(world.environ, NAME, 2, clock)
    assert [event for event, _ in events(world.store)][-1] == nouns.KEY_REVOKED

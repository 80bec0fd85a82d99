"""The same promises of the desk at this machine and of the desk of a governed server, asked over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from office_world import KEYS, OfficeWorld, policy
from registry_world import JUDGED, NAME, Ticking, material
from towpath_core.errors import CouldNot, Misused, NotFound, Refused, TowpathError
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry import consent, exporting, nouns
from towpath_registry.governing import Desk
from towpath_registry.nouns import LedgerEntry
from towpath_registry.plans import Plan
from towpath_registry.policy import Asked
from towpath_registry.remote import Api, RemoteDesk, RemoteStore
from towpath_registry.requests import Promotion

BAD = (Verdict("accuracy_4", False, "accuracy_4", "0.41", "at least 0.55"), JUDGED[1])


class At:
    """Somebody at a desk. Over HTTP another actor is told than who logs in: it must not matter."""

    def __init__(self, desk: Desk, actor: str) -> None:
        self.desk, self.actor = desk, actor

    def plan(self, version: int = 1, to: str = "staging") -> Plan:
        return self.desk.plan(ModelRef(NAME, version=version), to)

    def settle(self, plan: Plan, reason: str = "please") -> LedgerEntry | Promotion:
        return self.desk.settle(plan, self.actor, reason)

    def ask(self, version: int = 1, to: str = "staging") -> Promotion:
        came = self.settle(self.plan(version, to))
        assert isinstance(came, Promotion)
        return came

    def approve(self, number: str, reason: str = "", role: str = "", signature: str = "") -> Promotion:
        return self.desk.approve(number, self.actor, reason, role, signature)

    def reject(self, number: str, reason: str) -> Promotion:
        return self.desk.reject(number, self.actor, reason)

    def cancel(self, number: str) -> Promotion:
        return self.desk.cancel(number, self.actor, "not now")

    def apply(self, number: str, reason: str = "") -> LedgerEntry:
        return self.desk.apply(number, self.actor, reason)


Sitting = Callable[[str], At]


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def world(tmp_path: Path, clock: Ticking) -> OfficeWorld:
    """A registry under the policy `team`, with one version that dora made."""
    world = OfficeWorld(tmp_path / "home", clock)
    world.govern()
    world.add()
    return world


@pytest.fixture
def address(world: OfficeWorld) -> Iterator[str]:
    with world.serving() as address:
        yield address


def remote(world: OfficeWorld, address: str, person: str) -> RemoteDesk:
    environ = {"MLFLOW_TRACKING_USERNAME": person, "MLFLOW_TRACKING_PASSWORD": person}
    store = RemoteStore(Api(address, environ), address, environ)
    return RemoteDesk(store, world.clock, lambda policy: policy.signers)


@pytest.fixture(params=["local", "remote"])
def sitting(request: pytest.FixtureRequest, world: OfficeWorld) -> Sitting:
    """`sitting("mia")`: mia at the desk."""
    if request.param == "local":
        return lambda person: At(world.desk, person)
    address = request.getfixturevalue("address")
    return lambda person: At(remote(world, address, person), "somebody else")


def told(world: OfficeWorld) -> list[tuple[str, str]]:
    return [(entry.event, entry.actor) for entry in world.desk.store.ledger(NAME) if entry.event != nouns.REGISTERED]


def test_a_promotion_is_planned_asked_for_approved_and_applied(sitting: Sitting, world: OfficeWorld) -> None:
    dora, mia = sitting("dora"), sitting("mia")
    plan = dora.plan()
    assert (plan.allowed, plan.asked, plan.stands) == (True, (Asked("methodologist", 1),), None)
    asked = dora.settle(plan, "größer: “ok”")
    assert isinstance(asked, Promotion)
    assert (asked.id, asked.state, asked.requester, asked.reason) == (plan.id, "requested", "dora", "größer: “ok”")
    assert (asked.missing, asked.waits_for) == ((Asked("methodologist", 1),), "it waits for 1 × methodologist (mia)")
    approved = mia.approve(asked.id, "the gain holds")
    assert (approved.state, [(a.by, a.role) for a in approved.approvals]) == ("approved", [("mia", "")])
    entry = dora.apply(asked.id)
    assert (entry.event, entry.actor, entry.request, entry.version) == (nouns.PROMOTED, "dora", asked.id, 1)
    assert entry.reason == "größer: “ok”"
    assert world.stands("staging") == 1
    assert told(world) == [("requested", "dora"), ("approved", "mia"), ("promoted", "dora")]


def test_a_plan_is_the_same_at_both_desks(world: OfficeWorld, address: str) -> None:
    here, there = At(world.desk, "dora"), At(remote(world, address, "dora"), "")
    assert here.plan() == there.plan()
    assert here.plan(to="production").verdicts == there.plan(to="production").verdicts
    asked = here.ask()
    assert world.desk.promotion(asked.id) == there.desk.promotion(asked.id)
    assert world.desk.policy() == there.desk.policy()


def test_about_a_version_the_same_is_told_at_both_desks_as_one_by_one(world: OfficeWorld, address: str) -> None:
    world.add(material(2))
    here, there = At(world.desk, "dora"), At(remote(world, address, "dora"), "")
    asked = here.ask()
    here.ask(2)
    told, version = here.desk.about(ModelRef(NAME, version=1)), here.desk.store.version(ModelRef(NAME, version=1))
    assert told == there.desk.about(ModelRef(NAME, version=1))
    assert (told.version, told.metrics, told.policy) == (version, here.desk.store.metrics(version), here.desk.policy())
    assert told.evidence == there.desk.evidence(version) != ()
    assert told.requests == (there.desk.promotion(asked.id),)
    assert told.note == ""
    with pytest.raises(NotFound):
        there.desk.about(ModelRef(NAME, alias="staging"))
    world.desk.approve(asked.id, "mia", "")
    here.apply(asked.id)
    assert there.desk.about(ModelRef(NAME, alias="staging")).version.aliases == ("staging",)


def test_without_a_policy_a_version_is_shown_and_not_judged(tmp_path: Path, clock: Ticking) -> None:
    bare = OfficeWorld(tmp_path / "bare", clock)
    version = bare.add()
    with bare.serving() as address:
        for desk in (bare.desk, remote(bare, address, "dora")):
            told = desk.about(ModelRef(NAME, version=1))
            assert (told.version, told.policy, told.evidence, told.requests) == (version, None, (), ())
            assert told.metrics == bare.desk.store.metrics(version) != {}
            assert told.note == "this server has no policy yet, so nothing may move on it"


def test_what_the_gates_refuse_is_recorded_and_does_not_move(sitting: Sitting, world: OfficeWorld) -> None:
    world.add(material(2, judged=BAD))
    came = sitting("dora").settle(sitting("dora").plan(2))
    assert isinstance(came, LedgerEntry)
    assert (came.event, came.actor) == (nouns.REFUSED, "dora")
    assert "accuracy_4 is 0.41, expected at least 0.55" in [v.reason for v in came.verdicts]
    assert world.stands("staging") is None


def test_who_asked_does_not_approve(sitting: Sitting, world: OfficeWorld) -> None:
    asked = sitting("mia").ask()
    with pytest.raises(Refused, match="'mia' is the requester, expected somebody else") as caught:
        sitting("mia").approve(asked.id)
    assert caught.value.hint == f"towpath requests {asked.id}"
    assert told(world)[-1] == ("refused", "mia")


def test_who_made_the_version_does_not_approve(sitting: Sitting, world: OfficeWorld) -> None:
    world.add(material(2), by="mia")
    asked = sitting("dora").ask(2)
    with pytest.raises(Refused, match="'mia' is an author of the version, expected somebody else"):
        sitting("mia").approve(asked.id)


def test_two_people_say_yes_where_two_are_asked(sitting: Sitting, world: OfficeWorld) -> None:
    world.put(1)
    asked = sitting("dora").ask(1, "production")
    first = sitting("mia").approve(asked.id, role="methodologist")
    assert (first.state, first.missing) == ("requested", (Asked("business_owner", 1),))
    with pytest.raises(Refused, match=r"it waits for 1 × business_owner \(bob\)"):
        sitting("dora").apply(asked.id)
    assert sitting("bob").approve(asked.id).state == "approved"
    sitting("bob").apply(asked.id, "today")
    assert world.stands("production") == 1


def test_a_rejection_ends_it_and_a_new_one_can_be_asked_for(sitting: Sitting, world: OfficeWorld) -> None:
    asked = sitting("dora").ask()
    gone = sitting("mia").reject(asked.id, "division 9 is too bad")
    assert (gone.state, gone.ended_by, gone.ended_reason) == ("rejected", "mia", "division 9 is too bad")
    with pytest.raises(Refused, match="it is rejected"):
        sitting("mia").approve(asked.id)
    assert sitting("dora").ask().id != asked.id


def test_only_who_asked_takes_it_back(sitting: Sitting, world: OfficeWorld) -> None:
    asked = sitting("dora").ask()
    with pytest.raises(Refused, match="dora asked for it, not bob"):
        sitting("bob").cancel(asked.id)
    assert sitting("dora").cancel(asked.id).state == "cancelled"


def test_what_waits_is_listed_of_one_model_and_of_all(sitting: Sitting, world: OfficeWorld) -> None:
    world.add(name="another-model")
    asked = sitting("dora").ask()
    desk = sitting("bob").desk
    assert [promotion.id for promotion in desk.promotions()] == [asked.id]
    assert desk.promotions(NAME) == desk.promotions()
    assert desk.promotions("another-model") == []


def test_a_rollback_and_a_retirement_are_asked_for_alike(sitting: Sitting, world: OfficeWorld) -> None:
    world.add(material(2))
    world.put(1)
    world.put(2)
    dora, mia = sitting("dora"), sitting("mia")
    back = dora.settle(dora.desk.plan_rollback(NAME, "staging"))
    assert isinstance(back, Promotion)
    mia.approve(back.id)
    assert (dora.apply(back.id).event, world.stands("staging")) == (nouns.ROLLED_BACK, 1)
    away = dora.settle(dora.desk.plan_retirement(NAME, "staging"), "not pursued")
    assert isinstance(away, Promotion)
    mia.approve(away.id)
    assert (dora.apply(away.id).event, world.stands("staging")) == (nouns.RETIRED, None)


def test_a_request_whose_time_is_over_is_expired(sitting: Sitting, world: OfficeWorld, clock: Ticking) -> None:
    asked = sitting("dora").ask()
    clock.now += timedelta(days=15)
    assert sitting("bob").desk.promotion(asked.id).state == "expired"
    with pytest.raises(Refused, match="it is expired: its time is over; ask anew"):
        sitting("mia").approve(asked.id)


def test_a_plan_that_others_have_overtaken_does_nothing(sitting: Sitting, world: OfficeWorld) -> None:
    world.add(material(2))
    stale = sitting("dora").plan(1)
    world.put(2)
    with pytest.raises(CouldNot, match="nothing was (moved|changed)") as caught:
        sitting("dora").settle(stale)
    assert (caught.value.exit_code, caught.value.hint) == (3, "run the same command again: it decides anew")
    assert world.stands("staging") == 2


def test_only_who_owns_the_policy_sets_another(sitting: Sitting, world: OfficeWorld) -> None:
    now = sitting("bob").desk.policy()
    with pytest.raises(Refused, match="bob may not set the policy: only methodologist may"):
        sitting("bob").desk.set_policy(replace(now, version=2), sitting("bob").actor, "as agreed")
    entry = sitting("mia").desk.set_policy(replace(now, version=2), sitting("mia").actor, "a new one")
    assert (entry.event, entry.actor, entry.reason) == (nouns.POLICY_SET, "mia", "a new one")
    assert sitting("bob").desk.policy().version == 2


def test_a_version_is_registered_with_its_evidence_by_who_says_so(sitting: Sitting, world: OfficeWorld) -> None:
    version = world.registry.add(material(2))
    max_ = sitting("max")
    entry = max_.desk.registered(version, max_.actor)
    assert (entry.event, entry.actor, entry.version, len(entry.evidence)) == (nouns.REGISTERED, "max", 2, 3)
    assert "max" in max_.desk.store.authors(version)
    assert set(max_.desk.store.recorded(version)) == set(entry.evidence)


def test_an_approval_is_signed_where_the_policy_wants_it(sitting: Sitting, world: OfficeWorld) -> None:
    team = policy()
    signers = (
        *team.signers,
        replace(team.signers[0], name="mias", owner="mia", public=KEYS["mia"].public, may=("approval",)),
    )
    levels = tuple(replace(level, signed_approvals=level.name == "staging") for level in team.levels)
    world.desk.set_policy(replace(team, signers=signers, levels=levels), "mia", "as agreed")
    asked = sitting("dora").ask()
    with pytest.raises(Refused, match=f"a signed approval: mia gives it with towpath approve {asked.id}"):
        sitting("mia").approve(asked.id)
    with pytest.raises(Refused, match="the signature is not that of mia"):
        sitting("mia").approve(asked.id, signature=consent.sign(asked, "", KEYS["bob"]))
    seen = sitting("mia").desk.promotion(asked.id)
    assert sitting("mia").approve(asked.id, signature=consent.sign(seen, "", KEYS["mia"])).state == "approved"


def test_the_ledger_is_read_as_it_is_kept(sitting: Sitting, world: OfficeWorld) -> None:
    world.put(1)
    kept, store = world.desk.store, sitting("bob").desk.store
    assert store.ledger(NAME) == kept.ledger(NAME)
    assert store.ledger("") == kept.ledger("")
    asked = nouns.Question(events=(nouns.APPROVED, nouns.PROMOTED), level="staging", version=1, newest=1)
    assert store.ledger(NAME, asked) == kept.ledger(NAME, asked)
    assert store.ledger(NAME, nouns.Question()) == kept.ledger(NAME)
    assert store.seen(NAME) == kept.seen(NAME)
    number = kept.ledger(NAME)[-1].request
    assert store.request(number) == kept.request(number)
    assert store.request("0123456789ab") == []
    assert store.open_requests() == kept.open_requests() == []
    assert store.checkpoint() == kept.checkpoint() != ""
    digest = world.desk.policy().digest
    assert store.policy(digest) == kept.policy(digest)
    assert store.policy("sha256:" + "0" * 64) is None


def test_the_servers_ledger_becomes_a_file_that_an_auditor_verifies(
    world: OfficeWorld, address: str, tmp_path: Path
) -> None:
    world.put(1)
    file, store = tmp_path / "ledger.tar.gz", remote(world, address, "bob").store
    assert isinstance(store, RemoteStore)
    store.export(file)
    command = [sys.executable, "-I", str(exporting.VERIFIER), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"{len(world.desk.store.ledger(NAME)) + 1} entries" in done.stdout, done
    made = exporting.held(file)
    assert (made.entries, made.policies, made.evidence, made.missing) == (
        len(world.desk.store.ledger(NAME)) + 1,
        1,
        3,
        (),
    )
    assert store.vkey() == "towpath+0badcafe+AQ=="
    with pytest.raises(Misused, match="ledger.tar.gz exists"):
        store.export(file)
    with pytest.raises(CouldNot, match="cannot write"):
        store.export(tmp_path / "no folder" / "ledger.tar.gz")
    stranger = remote(world, address, "eve").store
    assert isinstance(stranger, RemoteStore)
    with pytest.raises(Refused, match="eve is not among the policy's people"):
        stranger.export(tmp_path / "other.tar.gz")
    assert [path.name for path in tmp_path.iterdir() if "ledger" in path.name or "other" in path.name] == [file.name]


# What goes wrong is told alike ----------------------------------------------------------------------------------------

WRONG: dict[str, tuple[type[TowpathError], Callable[[At], Any]]] = {
    "an unknown model": (NotFound, lambda at: at.desk.plan(ModelRef("occupation-codex", version=1), "staging")),
    "an unknown version": (NotFound, lambda at: at.plan(9)),
    "an unknown alias": (NotFound, lambda at: at.desk.plan(ModelRef(NAME, alias="production"), "staging")),
    "an unknown level": (Misused, lambda at: at.plan(1, "prod")),
    "an unknown request": (NotFound, lambda at: at.approve("0123456789ab")),
    "nothing to go back to": (Refused, lambda at: at.desk.plan_rollback(NAME, "production")),
    "nothing to retire": (Refused, lambda at: at.desk.plan_retirement(NAME, "production")),
    "the ledger of an unknown model": (NotFound, lambda at: at.desk.store.ledger("occupation-codex")),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_error_is_the_same_at_both_desks(world: OfficeWorld, address: str, what: str) -> None:
    kind, ask = WRONG[what]
    said = []
    for at in (At(world.desk, "eve"), At(remote(world, address, "eve"), "eve")):
        with pytest.raises(kind) as caught:
            ask(at)
        said.append((type(caught.value), caught.value.message, caught.value.hint, caught.value.exit_code))
    assert said[0] == said[1]


def test_a_registry_without_a_policy_says_so_at_both_desks(tmp_path: Path) -> None:
    world = OfficeWorld(tmp_path / "home")
    world.registry.add(material())
    with world.serving() as address:
        for at in (At(world.desk, "dora"), At(remote(world, address, "dora"), "dora")):
            with pytest.raises(Refused, match="this server has no policy yet, so nothing may move on it") as caught:
                at.plan()
            assert "towpath policy init team" in caught.value.hint
        entry = remote(world, address, "admin").set_policy(policy(), "", "the first one")
        assert (entry.actor, world.desk.policy().name) == ("admin", "team")

"""Requests under a policy that asks for approvals: by whom, of what, for how long."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_world import (
    KEY,
    NAME,
    SIGNERS,
    EmbeddedWorld,
    MemoryWorld,
    Ticking,
    World,
    material,
    private_key,
    unguarded,
)
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.refs import ModelRef
from towpath_registry import consent, nouns
from towpath_registry.nouns import LedgerEntry
from towpath_registry.policy import Asked, Person, Policy, solo
from towpath_registry.promotion import Promotions
from towpath_registry.requests import Promotion
from towpath_registry.trust import ANY, Signer

PEOPLE = (
    Person("mel", ("methodologist",)),
    Person("mia", ("methodologist", "business_owner")),
    Person("bea", ("business_owner",)),
    Person("dan", ("data_scientist",)),
    Person("adm", ("policy_owner",)),
)


def team(*asked: Asked, **other: object) -> Policy:
    """Solo's gates; whoever made or asked for it does not approve it."""
    approvals = asked or (Asked("methodologist", 1), Asked("business_owner", 1))
    levels = tuple(replace(level, approvals=approvals, **other) for level in solo().levels)  # type: ignore[arg-type]
    return replace(solo(), name="team", levels=levels, people=PEOPLE, policy_role="policy_owner", own_keys=False)


class Office:
    """A world, its policy, and who decides; `policy` and `clock` can be changed while requests are open."""

    def __init__(self, world: World, policy: Policy) -> None:
        self.world, self.policy, self.clock = world, policy, Ticking()
        self.desk = Promotions(world.store, self.clock, lambda: self.policy, lambda _: self.signers)
        self.signers: tuple[Signer, ...] = SIGNERS

    def made(self, number: int = 1, author: str = "dan") -> None:
        self.desk.registered(self.world.add(material(number)), author)

    def ask(self, number: int = 1, to: str = "staging", by: str = "dan") -> Promotion:
        asked = self.desk.settle(self.desk.plan(ModelRef(NAME, version=number), to), by, "please")
        assert isinstance(asked, Promotion)
        return asked

    def stands(self, level: str = "staging") -> int | None:
        found = {alias: v.version for v in self.world.store.versions(NAME) for alias in v.aliases}
        return found.get(level)

    def events(self) -> list[tuple[str, str]]:
        return [(e.event, e.actor) for e in self.world.store.ledger(NAME) if e.event != nouns.REGISTERED]


@pytest.fixture(params=["memory", "embedded"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Office:
    world: World = MemoryWorld(tmp_path) if request.param == "memory" else EmbeddedWorld(tmp_path / "home")
    made = Office(world, team())
    made.made()
    return made


def refused(what: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        what()
    return caught.value.message


def test_a_promotion_is_asked_for_approved_by_all_and_then_applied(office: Office) -> None:
    asked = office.ask()
    assert (asked.state, office.stands()) == ("requested", None)
    assert asked.waits_for == "it waits for 1 × methodologist (mel, mia) and 1 × business_owner (bea, mia)"
    first = office.desk.approve(asked.id, "mel", "the gain holds")
    assert (first.state, first.missing) == ("requested", (Asked("business_owner", 1),))
    second = office.desk.approve(asked.id, "bea", "")
    assert (second.state, office.stands()) == ("approved", None)
    entry = office.desk.apply(asked.id, "dan")
    assert (office.stands(), entry.event, entry.request) == (1, nouns.PROMOTED, asked.id)
    assert [a.by for a in entry.approvals] == ["mel", "bea"]
    assert office.desk.promotion(asked.id).state == "applied"
    assert office.desk.promotions() == []
    assert office.events() == [("requested", "dan"), ("approved", "mel"), ("approved", "bea"), ("promoted", "dan")]


def test_what_is_not_approved_by_all_is_not_applied(office: Office) -> None:
    asked = office.ask()
    office.desk.approve(asked.id, "mel", "")
    said = refused(lambda: office.desk.apply(asked.id, "dan"))
    assert "it waits for 1 × business_owner (bea, mia)" in said
    assert office.stands() is None
    assert office.events()[-1] == ("refused", "dan")


def test_one_person_with_two_roles_is_one_person(office: Office) -> None:
    asked = office.ask()
    office.desk.approve(asked.id, "mia", "", "methodologist")
    again = office.desk.approve(asked.id, "mia", "", "business_owner")
    assert (again.state, sum(missing.count for missing in again.missing)) == ("requested", 1)
    assert office.desk.approve(asked.id, "mel", "").state == "approved"


def test_saying_yes_twice_changes_nothing(office: Office) -> None:
    asked = office.ask()
    office.desk.approve(asked.id, "mel", "")
    before = office.events()
    office.desk.approve(asked.id, "mel", "")
    assert office.events() == before


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("adm", "'adm' is policy_owner"),
        ("eve", "'eve' is not among the policy's people"),
        ("", "'' is not among the policy's people"),
        ("MEL", "'MEL' is not among the policy's people"),
    ],
)
def test_who_has_no_role_that_is_asked_for_cannot_approve(office: Office, by: str, words: str) -> None:
    asked = office.ask()
    assert words in refused(lambda: office.desk.approve(asked.id, by, ""))
    assert office.events()[-1][0] == "refused"


def test_whoever_asked_for_it_cannot_approve_it(office: Office) -> None:
    asked = office.ask(by="mel")
    assert "is the requester" in refused(lambda: office.desk.approve(asked.id, "mel", ""))


def test_it_waits_for_nobody_who_may_not_approve_it(office: Office) -> None:
    assert office.ask(by="bea").waits_for == "it waits for 1 × methodologist (mel, mia) and 1 × business_owner (mia)"
    office.policy = replace(office.policy, people=tuple(p for p in PEOPLE if p.name != "mia"))
    assert office.ask(by="bea").waits_for == (
        "it waits for 1 × methodologist (mel) and 1 × business_owner (nobody but bea, who may not)"
    )


def test_whoever_made_the_version_cannot_approve_it(office: Office) -> None:
    office.made(2, author="mel")
    asked = office.ask(2)
    assert "an author of the version" in refused(lambda: office.desk.approve(asked.id, "mel", ""))


def test_a_version_whose_makers_nobody_knows_is_approved_by_nobody(office: Office) -> None:
    office.world.add(material(2))
    asked = office.ask(2)
    assert "who are not known" in refused(lambda: office.desk.approve(asked.id, "mel", ""))


def test_the_same_bytes_registered_by_somebody_else_do_not_free_their_maker(office: Office) -> None:
    office.made(2, author="mel")
    office.made(2, author="eve")  # the same files once more, as version 3
    asked = office.ask(3)
    assert "an author of the version" in refused(lambda: office.desk.approve(asked.id, "mel", ""))


def test_a_rejected_request_is_over_and_can_be_asked_for_again(office: Office) -> None:
    asked = office.ask()
    office.desk.reject(asked.id, "bea", "division 9 is poor")
    for late in (lambda: office.desk.approve(asked.id, "mel", ""), lambda: office.desk.apply(asked.id, "dan")):
        assert "it is rejected" in refused(late)
    again = office.ask()
    assert again.id != asked.id
    assert again.state == "requested"


@pytest.mark.parametrize("silence", ["", " \n"])
def test_a_rejection_says_why(office: Office, silence: str) -> None:
    asked = office.ask()
    with pytest.raises(Misused, match="a rejection says why"):
        office.desk.reject(asked.id, "bea", silence)
    assert office.desk.promotion(asked.id).is_open


def test_only_those_who_could_approve_can_reject(office: Office) -> None:
    asked = office.ask()
    assert "dan is none of business_owner, methodologist" in refused(lambda: office.desk.reject(asked.id, "dan", "no"))
    assert office.desk.promotion(asked.id).is_open


def test_a_request_is_cancelled_by_whoever_made_it_or_sets_the_policy(office: Office) -> None:
    asked = office.ask()
    assert "dan asked for it, not mel" in refused(lambda: office.desk.cancel(asked.id, "mel", ""))
    assert office.desk.cancel(asked.id, "dan", "a newer one comes").state == "cancelled"
    assert office.desk.cancel(office.ask().id, "adm", "").state == "cancelled"


def test_a_request_runs_out_of_time(office: Office) -> None:
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    office.clock.now += timedelta(days=15)
    assert "it is expired: its time is over" in refused(lambda: office.desk.apply(asked.id, "dan"))
    assert ("expired", "towpath") in office.events()
    assert office.stands() is None


def test_a_clock_that_was_set_back_does_not_bring_a_request_to_life(office: Office) -> None:
    asked = office.ask()
    office.clock.now += timedelta(days=15)
    refused(lambda: office.desk.approve(asked.id, "mel", ""))
    office.clock.now -= timedelta(days=15)
    assert "it is expired" in refused(lambda: office.desk.approve(asked.id, "mel", ""))


@pytest.fixture
def timed(tmp_path: Path) -> Office:
    """An office in which the registry goes by the same clock as those who decide."""
    clock = Ticking()
    made = Office(EmbeddedWorld(tmp_path / "home", clock), team())
    made.clock = clock
    made.desk = Promotions(made.world.store, clock, lambda: made.policy, lambda _: made.signers)
    made.made()
    return made


def test_while_the_clock_is_behind_the_ledger_nothing_moves(timed: Office) -> None:
    office = timed
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    office.clock.now -= timedelta(hours=1)
    with pytest.raises(CouldNot, match="this machine's clock says .*, but the ledger's last entry is of"):
        office.desk.apply(asked.id, "dan")
    assert office.stands() is None
    office.clock.now += timedelta(hours=1)
    assert office.desk.apply(asked.id, "dan").version == 1


def test_a_clock_that_leaps_far_ahead_ends_requests_and_evidence(timed: Office) -> None:
    """And the right time is then behind the ledger, in which nothing more is recorded by it."""
    office = timed
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    now = office.clock.now
    office.clock.now = now.replace(year=2099)
    assert "it is expired: its time is over" in refused(lambda: office.desk.apply(asked.id, "dan"))
    plan = office.desk.plan(ModelRef(NAME, version=1), "staging")
    assert [v.reason for v in plan.verdicts if v.reason.startswith("how long the evidence of quality counts is until")]
    office.clock.now = now
    with pytest.raises(CouldNot, match="the ledger's last entry is of 2099"):
        office.ask()
    assert office.stands() is None


def test_a_request_dies_with_the_policy_that_it_was_made_under(office: Office) -> None:
    asked = office.ask()
    office.desk.approve(asked.id, "mel", "")
    office.policy = team(Asked("methodologist", 1))
    assert "the policy changed" in refused(lambda: office.desk.apply(asked.id, "dan"))
    assert office.stands() is None


def test_asking_twice_for_the_same_finds_the_request_that_is_open(office: Office) -> None:
    assert office.ask().id == office.ask(by="mel").id
    assert office.events() == [("requested", "dan")]


def test_what_changed_since_it_was_asked_for_is_not_applied(office: Office) -> None:
    office.made(2)
    first, second = office.ask(1), office.ask(2)
    for asked in (first, second):
        for by in ("mel", "bea"):
            office.desk.approve(asked.id, by, "")
    office.desk.apply(second.id, "dan")
    assert "what stands at staging changed" in refused(lambda: office.desk.apply(first.id, "dan"))
    assert office.stands() == 2


def test_bytes_that_changed_after_the_approval_are_not_applied(tmp_path: Path) -> None:
    office = Office(EmbeddedWorld(tmp_path / "home"), team())
    office.made()
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    with office.world.store.model_folder(office.world.store.version(ModelRef(NAME, version=1))) as folder:
        (folder / "requirements.txt").write_text("evil==1.0\n")
    assert "sha256:" in refused(lambda: office.desk.apply(asked.id, "dan"))
    assert office.stands() is None


def test_evidence_that_runs_out_between_approval_and_application_stops_it(office: Office) -> None:
    office.policy = team(request_days=1000)
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    office.clock.now += timedelta(days=400)
    assert "a time to come" in refused(lambda: office.desk.apply(asked.id, "dan"))


def test_who_is_not_in_the_policy_and_did_not_ask_does_not_apply(office: Office) -> None:
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    assert "eve is not in the policy" in refused(lambda: office.desk.apply(asked.id, "eve"))


def test_rollback_and_retirement_are_asked_for_too(office: Office) -> None:
    office.made(2)
    for number in (1, 2):
        asked = office.ask(number)
        for by in ("mel", "bea"):
            office.desk.approve(asked.id, by, "")
        office.desk.apply(asked.id, "dan")
    back = office.desk.settle(office.desk.plan_rollback(NAME, "staging"), "dan", "wrong codes")
    assert isinstance(back, Promotion)
    for by in ("mel", "bea"):
        office.desk.approve(back.id, by, "")
    assert office.desk.apply(back.id, "dan").event == nouns.ROLLED_BACK
    assert office.stands() == 1
    gone = office.desk.settle(office.desk.plan_retirement(NAME, "staging"), "dan", "no longer needed")
    assert isinstance(gone, Promotion)
    for by in ("mel", "bea"):
        office.desk.approve(gone.id, by, "")
    assert office.desk.apply(gone.id, "dan").event == nouns.RETIRED
    assert office.stands() is None


def test_a_retired_model_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    office = Office(MemoryWorld(tmp_path), solo())
    office.made()
    office.desk.settle(office.desk.plan(ModelRef(NAME, version=1), "staging"), "ann", "")
    entry = office.desk.settle(office.desk.plan_retirement(NAME, "staging"), "ann", "over")
    assert isinstance(entry, LedgerEntry)
    assert (entry.event, entry.previous, office.stands()) == (nouns.RETIRED, 1, None)
    assert "names no version" in refused(lambda: office.desk.plan_rollback(NAME, "staging"))
    assert "no version of occupation-coder stands at staging" in refused(
        lambda: office.desk.plan_retirement(NAME, "staging")
    )


@pytest.mark.parametrize("silence", ["", " \n"])
def test_a_retirement_says_why(tmp_path: Path, silence: str) -> None:
    office = Office(MemoryWorld(tmp_path), solo())
    office.made()
    office.desk.settle(office.desk.plan(ModelRef(NAME, version=1), "staging"), "ann", "")
    with pytest.raises(Misused, match="a retirement says why"):
        office.desk.settle(office.desk.plan_retirement(NAME, "staging"), "ann", silence)
    assert office.stands() == 1


def test_solo_says_that_its_approval_is_ones_own(tmp_path: Path) -> None:
    office = Office(MemoryWorld(tmp_path), solo())
    office.made()
    entry = office.desk.settle(office.desk.plan(ModelRef(NAME, version=1), "staging"), "ann", "")
    assert isinstance(entry, LedgerEntry)
    assert [(a.by, a.role) for a in entry.approvals] == [("ann", "self-acknowledged")]


def test_an_unknown_request_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound, match="there is no request 000000000000"):
        office.desk.approve("000000000000", "mel", "")


# What setting an alias by MLflow means.


def test_setting_an_alias_applies_the_complete_request_and_nothing_else(office: Office) -> None:
    said = refused(lambda: office.desk.move("dan", NAME, "staging", 1))
    assert "nobody has asked for it: towpath promote occupation-coder/1 --to staging" in said
    asked = office.ask()
    assert "it waits for" in refused(lambda: office.desk.move("dan", NAME, "staging", 1))
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    assert office.desk.move("dan", NAME, "staging", 1).request == asked.id
    assert office.stands() == 1
    assert office.desk.move("dan", NAME, "staging", 1).request == asked.id  # what stands there already


def test_setting_an_alias_to_another_version_than_was_approved_is_refused(office: Office) -> None:
    office.made(2)
    asked = office.ask()
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    assert "nobody has asked for it" in refused(lambda: office.desk.move("dan", NAME, "staging", 2))
    assert office.stands() is None


# Signed approvals.


def test_where_approvals_are_signed_the_signature_is_ones_own_and_over_exactly_this(tmp_path: Path) -> None:
    office = Office(MemoryWorld(tmp_path), team(Asked("methodologist", 1), signed_approvals=True))
    office.made(1)
    office.made(2)
    mels, beas = private_key(21), private_key(22)
    since = office.clock.now - timedelta(days=1)
    keys = (Signer("mel", "mel", mels.public, ("approval",), since), Signer("mia", "mia", beas.public, (ANY,), since))
    office.signers = (*SIGNERS, *keys)
    asked, other = office.ask(1), office.ask(2)

    def approve(signature: str) -> Promotion:
        return office.desk.approve(asked.id, "mel", "", "", signature)

    assert "the policy asks for a signed approval" in refused(lambda: approve(""))
    for signature in (consent.sign(asked, "", beas), consent.sign(asked, "", KEY), "{}", "x"):
        assert "the signature is not that of mel" in refused(lambda signature=signature: approve(signature))  # type: ignore[misc]
    assert "the signature is to something else" in refused(lambda: approve(consent.sign(other, "", mels)))
    assert "the signature is to something else" in refused(lambda: approve(consent.sign(asked, "business_owner", mels)))
    assert approve(consent.sign(asked, "", mels)).state == "approved"


# Whatever anybody does, in whatever order.

NAMES = [person.name for person in PEOPLE] + ["eve"]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "approve", "reject", "cancel", "apply", "move", "register", "wait"]),
        st.sampled_from(NAMES),
        st.integers(1, 3),
        st.sampled_from(["", "methodologist", "business_owner"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, count=st.integers(1, 2))
def test_no_sequence_of_calls_promotes_without_the_people_that_are_asked_for(
    tmp_path: Path, actions: list[tuple[str, str, int, str]], count: int
) -> None:
    shutil.rmtree(tmp_path / "world", ignore_errors=True)
    policy = team(Asked("methodologist", count), Asked("business_owner", 1))
    office = Office(MemoryWorld(tmp_path / "world"), policy)
    office.made(1, author="dan")
    office.made(2, author="mia")
    office.desk.registered(office.world.add(material(3, about="sha256:" + "0" * 64)), "dan")
    for what, who, number, role in actions:
        waiting = office.desk.promotions()
        request = waiting[number % len(waiting)].id if waiting else "000000000000"
        try:
            if what == "ask":
                office.desk.settle(office.desk.plan(ModelRef(NAME, version=number), "staging"), who, "")
            elif what == "approve":
                office.desk.approve(request, who, "", role)
            elif what == "reject":
                office.desk.reject(request, who, "no")
            elif what == "cancel":
                office.desk.cancel(request, who, "")
            elif what == "apply":
                office.desk.apply(request, who)
            elif what == "move":
                office.desk.move(who, NAME, "staging", number)
            elif what == "register":
                office.desk.registered(office.world.store.versions(NAME)[0], who)
            else:
                office.clock.now += timedelta(days=5)
        except (Refused, CouldNot):
            continue
    _holds(office, count)


def _holds(office: Office, count: int) -> None:
    """Told by the ledger alone: each promotion had enough people, each fit to approve it, none counted twice."""
    entries = office.world.store.ledger(NAME)
    roles = {person.name: set(person.roles) for person in PEOPLE}
    for entry in (e for e in entries if e.event == nouns.PROMOTED):
        before = [e for e in entries if e.seq < entry.seq and e.request == entry.request]
        requester = next(e.actor for e in before if e.event == nouns.REQUESTED)
        made_by = {
            e.actor for e in entries if e.event == nouns.REGISTERED and e.digest == entry.digest and e.seq < entry.seq
        }
        said = {e.actor for e in before if e.event == nouns.APPROVED}
        fit = {name for name in said if name not in {requester, *made_by} and roles.get(name)}
        assert len(fit) >= count + 1
        assert len({n for n in fit if "methodologist" in roles[n]}) >= count
        assert any("business_owner" in roles[n] for n in fit)
        assert not any(e.event in (nouns.REJECTED, nouns.CANCELLED, nouns.EXPIRED) for e in before)
        version = office.world.store.version(ModelRef(NAME, version=entry.version))
        assert entry.digest == version.digest
        assert entry.version != 3  # its evidence is about another digest
    stands = office.stands()
    moves = [e for e in entries if e.event in nouns.CHANGES]
    assert stands == (moves[-1].version if moves else None)


def test_a_request_dies_with_its_version_and_does_not_stop_others(tmp_path: Path) -> None:
    office = Office(EmbeddedWorld(tmp_path / "home"), team())
    office.made(1)
    office.made(2)
    asked, other = office.ask(1), office.ask(2)
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    assert isinstance(office.world, EmbeddedWorld)
    with unguarded(office.world.database) as rows:
        rows.execute("UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE version = 1")
    assert f"{NAME}/1 is gone" in refused(lambda: office.desk.apply(asked.id, "dan"))
    assert [waiting.id for waiting in office.desk.promotions()] == [other.id]


def test_a_version_that_was_deleted_and_made_again_is_not_the_one_that_was_approved(tmp_path: Path) -> None:
    office = Office(EmbeddedWorld(tmp_path / "home"), team())
    office.made(1)
    asked = office.ask(1)
    for by in ("mel", "bea"):
        office.desk.approve(asked.id, by, "")
    assert isinstance(office.world, EmbeddedWorld)
    with unguarded(office.world.database) as rows:
        rows.execute("UPDATE model_versions SET creation_time = creation_time + 60000")
    said = refused(lambda: office.desk.apply(asked.id, "dan"))
    assert "was deleted, and another version has its number" in said
    assert office.stands() is None

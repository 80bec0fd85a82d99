from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import policy
from towpath_registry.approvals import eligible, open_approvals, still_able
from towpath_registry.gates.quality import Quality
from towpath_registry.names import folded
from towpath_registry.nouns import Approval
from towpath_registry.policy import Asked, Level, Person, Policy, solo

NOW = datetime(2026, 3, 31, tzinfo=UTC)
TEAM = policy("team")
PRODUCTION = TEAM.level("production")
MIA, BOB = "mia", "bob"  # methodologist, business owner
DORA = "dora"  # data scientist, who made it and asked for it


def yes(by: str, role: str = "") -> Approval:
    return Approval(by, role, NOW)


def missing(*given: Approval, requester: str = DORA, authors: Sequence[str] = (DORA,)) -> dict[str, int]:
    """What production still asks for, role by role."""
    return {asked.role: asked.count for asked in open_approvals(PRODUCTION, TEAM, given, requester, authors)}


def objection(by: str, role: str = "", *, requester: str = DORA, authors: Sequence[str] = (DORA,)) -> str:
    """Why somebody may not approve for production."""
    said = eligible(by, role, PRODUCTION, TEAM, (), requester, authors)
    assert said.gate == "approvals"
    return "" if said.passed else said.reason


# Complete, or what is missing ----------------------------------------------------------------------------------------


def test_nothing_given_leaves_everything_open() -> None:
    assert missing() == {"methodologist": 1, "business_owner": 1}


def test_one_person_in_each_role_makes_it_complete() -> None:
    assert missing(yes(MIA), yes(BOB)) == {}
    assert missing(yes(MIA, "methodologist"), yes(BOB, "business_owner")) == {}


def test_the_same_person_twice_counts_once() -> None:
    assert missing(yes(MIA), yes(MIA), yes(MIA, "methodologist")) == {"business_owner": 1}


def test_somebody_with_two_roles_fills_one_place() -> None:
    both = replace(TEAM, people=(*TEAM.people, Person("zoe", ("business_owner", "methodologist"))))
    alone = open_approvals(PRODUCTION, both, [yes("zoe", "methodologist"), yes("zoe", "business_owner")], DORA, [DORA])
    assert alone == (Asked("methodologist", 1),)
    assert open_approvals(PRODUCTION, both, [yes("zoe"), yes(MIA)], DORA, [DORA]) == ()
    assert open_approvals(PRODUCTION, both, [yes("zoe"), yes(BOB)], DORA, [DORA]) == ()


def test_a_yes_in_one_role_does_not_count_in_another() -> None:
    both = replace(TEAM, people=(*TEAM.people, Person("zoe", ("business_owner", "methodologist"))))
    given = [yes("zoe", "methodologist"), yes(MIA)]
    assert open_approvals(PRODUCTION, both, given, DORA, [DORA]) == (Asked("business_owner", 1),)


@pytest.mark.parametrize("by", ["", "stranger", "Mia", "mia ", "mіa", DORA])
def test_who_is_not_among_the_people_in_that_role_counts_for_nothing(by: str) -> None:
    assert missing(yes(by), yes(by, "methodologist")) == {"methodologist": 1, "business_owner": 1}


def test_a_role_that_is_claimed_but_not_held_counts_for_nothing() -> None:
    assert missing(yes(MIA, "business_owner")) == {"methodologist": 1, "business_owner": 1}


@pytest.mark.parametrize("requester", [MIA, "MIA", " mia", "mіa", "mia\u200b"])
def test_the_requester_does_not_count_whatever_their_name_looks_like(requester: str) -> None:
    assert missing(yes(MIA), yes(BOB), requester=requester) == {"methodologist": 1}


@pytest.mark.parametrize("author", [MIA, "MIA", "mia "])
def test_an_author_does_not_count(author: str) -> None:
    assert missing(yes(MIA), yes(BOB), authors=[DORA, author]) == {"methodologist": 1}


@pytest.mark.parametrize("authors", [[], [""], ["\u200b"]])
def test_where_nobody_knows_who_made_it_nobody_may_approve(authors: list[str]) -> None:
    assert missing(yes(MIA), yes(BOB), authors=authors) == {"methodologist": 1, "business_owner": 1}


@pytest.mark.parametrize("requester", ["", " ", "\u200b"])
def test_where_nobody_knows_who_asked_nobody_may_approve(requester: str) -> None:
    assert missing(yes(MIA), yes(BOB), requester=requester) == {"methodologist": 1, "business_owner": 1}


def test_a_level_may_let_its_requester_approve() -> None:
    alone = replace(PRODUCTION, distinct_from=("author",))
    assert open_approvals(alone, TEAM, [yes(MIA), yes(BOB)], MIA, [DORA]) == ()
    nobody = replace(PRODUCTION, distinct_from=())
    assert open_approvals(nobody, TEAM, [yes(MIA), yes(BOB)], MIA, []) == ()


def test_a_level_that_asks_for_nobody_is_complete() -> None:
    assert open_approvals(solo().level("production"), solo(), [], "anybody", []) == ()


# Who may -------------------------------------------------------------------------------------------------------------


def test_who_may_approve_may() -> None:
    assert objection(MIA) == objection(MIA, "methodologist") == objection(BOB) == ""


@pytest.mark.parametrize(
    ("by", "role", "told"),
    [
        ("zoe", "", "'zoe' is not among the policy's people, expected mia or bob"),
        ("", "", "'' is not among the policy's people, expected mia or bob"),
        ("Mia", "", "'Mia' is not among the policy's people, expected mia or bob"),
        (MIA, "business_owner", "'mia' is methodologist, and not business_owner, expected business_owner"),
        (MIA, "clerk", "'mia' is methodologist, and not clerk, expected business_owner or methodologist"),
    ],
)
def test_who_may_not_is_told_why_and_who_may(by: str, role: str, told: str) -> None:
    got = objection(by, role)
    assert got in (told, told.replace("mia or bob", "bob or mia"))


def test_requester_and_author_are_told_why() -> None:
    assert objection(MIA, requester=MIA) == "'mia' is the requester, expected somebody else"
    assert objection(MIA, authors=["mia", DORA]) == "'mia' is an author of the version, expected somebody else"
    assert objection(MIA, authors=[]) == (
        "'mia' is perhaps an author of the version, who are not known, expected somebody else"
    )
    assert objection(MIA, requester="") == "'mia' is perhaps the requester, who is not known, expected somebody else"


def test_a_person_without_a_role_that_is_asked_for_is_told_which_are() -> None:
    assert objection(DORA, requester=MIA, authors=[MIA]) == (
        "'dora' is data_scientist, expected business_owner or methodologist"
    )


def test_who_said_yes_already_need_not_say_it_again() -> None:
    said = eligible(MIA, "", PRODUCTION, TEAM, [yes(MIA, "methodologist")], DORA, [DORA])
    assert said.reason == "'mia' is somebody who has approved already, expected somebody else"
    both = replace(TEAM, people=(Person("zoe", ("business_owner", "methodologist")),))
    again = eligible("zoe", "business_owner", PRODUCTION, both, [yes("zoe", "methodologist")], DORA, [DORA])
    assert again.passed


def test_where_no_approval_is_asked_for_none_is_taken() -> None:
    said = eligible("ann", "", solo().level("staging"), solo(), (), "ann", ["ann"])
    assert said.reason == "the level staging is one without approvals, expected one that asks for them"


def test_those_who_can_still_help_are_named() -> None:
    assert still_able(PRODUCTION, TEAM, [], DORA, [DORA]) == (BOB, MIA)
    assert still_able(PRODUCTION, TEAM, [yes(BOB)], DORA, [DORA]) == (MIA,)
    assert still_able(PRODUCTION, TEAM, [yes(BOB)], MIA, [DORA]) == ()
    assert still_able(PRODUCTION, TEAM, [yes(BOB), yes(MIA)], DORA, [DORA]) == ()


# Whatever happens ----------------------------------------------------------------------------------------------------

NAMES = ("ann", "ben", "cid", "dan", "eve", "Ann", "ben ", "")
ROLES = ("owner", "method", "it")
PEOPLE = st.dictionaries(st.sampled_from(NAMES[:5]), st.sets(st.sampled_from(ROLES), min_size=1), max_size=5).map(
    lambda held: tuple(Person(name, tuple(sorted(roles))) for name, roles in held.items())
)
LEVELS = st.builds(
    lambda asked, distinct: Level(
        "production", {"quality": Quality()}, approvals=tuple(Asked(*a) for a in asked.items()), distinct_from=distinct
    ),
    st.dictionaries(st.sampled_from(ROLES), st.integers(1, 2), min_size=1, max_size=3),
    st.sampled_from([(), ("author",), ("requester",), ("author", "requester")]),
)
GIVEN = st.lists(st.builds(yes, st.sampled_from(NAMES), st.sampled_from(["", *ROLES])), max_size=6)
SOMEBODY = st.sampled_from(NAMES)
AUTHORS = st.lists(SOMEBODY, max_size=3)


def may(by: str, role: str, level: Level, policy: Policy, requester: str, authors: Sequence[str]) -> set[str]:
    """By the letter of the rules: the roles in which a yes of theirs counts."""
    held = next((set(person.roles) for person in policy.people if person.name == by), set())
    looks_like = {folded(author) for author in authors} - {""}
    if "requester" in level.distinct_from and folded(requester) in ("", folded(by)):
        return set()
    if "author" in level.distinct_from and (not looks_like or folded(by) in looks_like):
        return set()
    return held & {role} if role else held


def fewest_open(level: Level, policy: Policy, given: Sequence[Approval], requester: str, authors: Sequence[str]) -> int:
    """By trying every way in which different people take the places."""
    places = [asked.role for asked in level.approvals for _ in range(asked.count)]
    able: dict[str, set[str]] = {}
    for approval in given:
        able.setdefault(approval.by, set()).update(may(approval.by, approval.role, level, policy, requester, authors))
    seats = [*able, *[None] * len(places)]
    taken = [
        sum(who is not None and role in able[who] for role, who in zip(places, seated, strict=True))
        for seated in set(itertools.permutations(seats, len(places)))
    ]
    return len(places) - max(taken, default=0)


def left(level: Level, policy: Policy, given: Sequence[Approval], requester: str, authors: Sequence[str]) -> int:
    return sum(asked.count for asked in open_approvals(level, policy, given, requester, authors))


@given(level=LEVELS, people=PEOPLE, given_=GIVEN, requester=SOMEBODY, authors=AUTHORS)
def test_what_is_open_is_what_no_way_of_seating_people_could_fill(
    level: Level, people: tuple[Person, ...], given_: list[Approval], requester: str, authors: list[str]
) -> None:
    policy = Policy("p", (level,), people=people)
    expected = fewest_open(level, policy, given_, requester, authors)
    assert left(level, policy, given_, requester, authors) == expected


@given(level=LEVELS, people=PEOPLE, given_=GIVEN, requester=SOMEBODY, authors=AUTHORS)
def test_it_is_never_complete_with_fewer_distinct_eligible_people_than_asked(
    level: Level, people: tuple[Person, ...], given_: list[Approval], requester: str, authors: list[str]
) -> None:
    policy = Policy("p", (level,), people=people)
    asked = sum(asked.count for asked in level.approvals)
    counted = {a.by for a in given_ if may(a.by, a.role, level, policy, requester, authors)}
    if not open_approvals(level, policy, given_, requester, authors):
        assert len(counted) >= asked
        assert not {folded(by) for by in counted} & {folded(requester) if "requester" in level.distinct_from else ""}


@given(level=LEVELS, people=PEOPLE, given_=GIVEN, more=GIVEN, requester=SOMEBODY, authors=AUTHORS)
def test_another_approval_never_opens_what_was_filled(
    level: Level,
    people: tuple[Person, ...],
    given_: list[Approval],
    more: list[Approval],
    requester: str,
    authors: list[str],
) -> None:
    policy = Policy("p", (level,), people=people)
    before = left(level, policy, given_, requester, authors)
    assert left(level, policy, [*given_, *more], requester, authors) <= before
    assert left(level, policy, [*more, *given_], requester, authors) <= before


@given(level=LEVELS, people=PEOPLE, given_=GIVEN, by=SOMEBODY, requester=SOMEBODY, authors=AUTHORS)
def test_only_who_is_eligible_fills_a_place(
    level: Level, people: tuple[Person, ...], given_: list[Approval], by: str, requester: str, authors: list[str]
) -> None:
    policy = Policy("p", (level,), people=people)
    before = left(level, policy, given_, requester, authors)
    after = left(level, policy, [*given_, yes(by)], requester, authors)
    if after < before:
        assert eligible(by, "", level, policy, given_, requester, authors).passed
    assert (by in still_able(level, policy, given_, requester, authors)) == (after < before)

"""What is done to ledgers: by who owns the database, and by who owns the registry with its keys.

The first change what is there; the second append what cannot have happened, properly linked and signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from ledger_world import KEY, LedgerWorld, changed, digest, rechained
from registry_world import private_key
from towpath_registry import checkpoints, ledger, nouns
from towpath_registry.checkpoints import signed
from towpath_registry.ledger import Link


def flipped(links: list[Link]) -> list[Link]:
    return [*links[:6], changed(links[6], reason="for another reason"), *links[7:]]


def dropped(links: list[Link]) -> list[Link]:
    return [*links[:6], *links[7:]]


def swapped(links: list[Link]) -> list[Link]:
    return [*links[:6], replace(links[7], seq=7), replace(links[6], seq=8), *links[8:]]


def inserted(links: list[Link]) -> list[Link]:
    forged = rechained([*links[:6], links[3]])[-1]
    return [*links[:6], forged, *(replace(link, seq=link.seq + 1) for link in links[6:])]


def truncated(world: LedgerWorld) -> None:
    """Back to the last but one checkpoint, as if nothing had come after it."""
    world.rewrite(world.links[:26])
    world.tamper(
        "DELETE FROM towpath_checkpoints WHERE size > 26",
        "INSERT INTO registered_model_aliases(name, alias, version) VALUES('occupation-coder', 'staging', 2)",
    )


def rewritten(attack: Callable[[list[Link]], list[Link]]) -> Callable[[LedgerWorld], None]:
    return lambda world: world.rewrite(attack(world.links))


def relinked(attack: Callable[[list[Link]], list[Link]]) -> Callable[[LedgerWorld], None]:
    """The attack, after which everything is linked as if nothing had happened."""
    return lambda world: world.rewrite(rechained(attack(world.links)))


def without_checkpoints(world: LedgerWorld) -> None:
    relinked(flipped)(world)
    world.tamper("DELETE FROM towpath_checkpoints")


def signed_by_another(world: LedgerWorld) -> None:
    name = world.name
    relinked(flipped)(world)
    for (size,) in world.rows("SELECT size FROM towpath_checkpoints"):
        note = signed(name, size, checkpoints.root(world.hashes[:size]), private_key(9), world.name)
        world.tamper("UPDATE towpath_checkpoints SET note = :note WHERE size = :size", note=note, size=size)


def cut(world: LedgerWorld) -> None:
    world.rewrite(world.links[:20])


def tail_rewritten(world: LedgerWorld) -> None:
    """The entry that came after the last checkpoint."""
    relinked(lambda links: [*links[:29], changed(links[29], actor="eve")])(world)


def note(change: Callable[[str], str]) -> Callable[[LedgerWorld], None]:
    """The last checkpoint in other words."""

    def attack(world: LedgerWorld) -> None:
        new = change(world.notes[-1])
        world.tamper("UPDATE towpath_checkpoints SET note = :note WHERE size = 29", note=new)

    return attack


def policy_changed(world: LedgerWorld) -> None:
    world.tamper("UPDATE towpath_policies SET content = CAST(replace(content, 'team', 'none') AS BLOB)")


def policy_removed(world: LedgerWorld) -> None:
    world.tamper("DELETE FROM towpath_policies")


def key_with_two_uses(world: LedgerWorld) -> None:
    world.append(nouns.KEY_ADDED, 0, model="", details={"public": KEY.public.text})
    world.checkpoint()


# What a key and an anchor find, whatever was done to hide it; by name.
REWRITINGS: dict[str, Callable[[LedgerWorld], None]] = {
    **{f.__name__: rewritten(f) for f in (flipped, dropped, swapped, inserted)},
    **{f"{f.__name__} and linked": relinked(f) for f in (flipped, dropped, swapped, inserted)},
    **{f.__name__: f for f in (without_checkpoints, signed_by_another, cut, truncated, policy_changed, policy_removed)},
    **{f.__name__: f for f in (key_with_two_uses,)},
    "another size": note(lambda text: text.replace("\n29\n", "\n28\n")),
    "size 029": note(lambda text: text.replace("\n29\n", "\n029\n")),
    "carriage returns": note(lambda text: text.replace("\n", "\r\n")),
    "two empty lines": note(lambda text: text.replace("\n\n", "\n\n\n")),
    "another origin": note(lambda text: text.replace("ledger-", "ledger-0", 1)),
}


# What cannot have happened, even if the registry itself wrote and signed it

MIA, BOB = ("mia", "methodologist"), ("bob", "business_owner")


def without_a_request(world: LedgerWorld) -> None:
    world.move(nouns.PROMOTED, 3, "staging")


def without_approvals(world: LedgerWorld) -> None:
    world.put(3, "staging")


def with_an_approval_that_nobody_gave(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    given = world.approve(number, *MIA)
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(replace(given, by="bob"),))


def with_an_approval_of_another_time(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    given = world.approve(number, *MIA)
    world.move(
        nouns.PROMOTED, 3, "staging", request=number, approvals=(replace(given, time=world.now.replace(year=2025)),)
    )


def approved_by_the_requester(world: LedgerWorld) -> None:
    number = world.ask(3, "staging", by="mia")
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(world.approve(number, *MIA),))


def approved_by_somebody_who_looks_like_the_requester(world: LedgerWorld) -> None:
    number = world.ask(3, "staging", by="ＭＩＡ")
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(world.approve(number, *MIA),))


def approved_by_a_twin_of_the_requester(world: LedgerWorld) -> None:
    number = world.ask(3, "staging", by="mіа")  # the last two letters are Cyrillic
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(world.approve(number, *MIA),))


def approved_by_an_author(world: LedgerWorld) -> None:
    world.register(4, actor="mia")
    world.put(4, "staging", MIA)


def approved_in_a_role_that_they_do_not_hold(world: LedgerWorld) -> None:
    world.put(3, "staging", ("bob", "methodologist"))


def approved_by_one_person_for_two(world: LedgerWorld) -> None:
    world.put(3, "production", MIA, MIA)


def approved_by_a_stranger(world: LedgerWorld) -> None:
    world.put(3, "staging", ("eve", "methodologist"))


def for_another_version(world: LedgerWorld) -> None:
    number = world.ask(2, "staging")
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(world.approve(number, *MIA),))


def for_another_digest(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    yes = (world.approve(number, *MIA),)
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=yes, digest=digest(9))


def for_another_level(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    world.move(nouns.PROMOTED, 3, "production", request=number, approvals=(world.approve(number, *MIA),))


def after_it_was_rejected(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    yes = (world.approve(number, *MIA),)
    world.end(number, nouns.REJECTED)
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=yes)


def after_it_was_done_already(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    yes = (world.approve(number, *MIA),)
    for _ in range(2):
        world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=yes)


def after_its_time_was_over(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    yes = (world.approve(number, *MIA),)
    world.now = world.now.replace(month=5)
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=yes)


def as_something_else(world: LedgerWorld) -> None:
    number = world.ask(3, "staging", nouns.ROLLED_BACK)
    world.move(nouns.PROMOTED, 3, "staging", request=number, approvals=(world.approve(number, *MIA),))


def asked_for_twice(world: LedgerWorld) -> None:
    number = world.ask(3, "staging")
    said = world.entries()[-1]
    world.append(nouns.REQUESTED, 3, "staging", request=number, details=said.details)


def approved_what_was_never_asked_for(world: LedgerWorld) -> None:
    world.append(nouns.APPROVED, 3, "staging", request="0123456789ab", details={"role": "methodologist"})


def rejected_without_a_request(world: LedgerWorld) -> None:
    world.append(nouns.REJECTED, 3, "staging")


def registered_with_a_request(world: LedgerWorld) -> None:
    world.append(nouns.REGISTERED, 3, "staging", request=world.ask(3, "staging"))


def under_a_policy_that_nobody_set(world: LedgerWorld) -> None:
    world.append(nouns.REGISTERED, 3, policy=digest(7))


def to_a_level_that_the_policy_does_not_have(world: LedgerWorld) -> None:
    world.append(nouns.PROMOTED, 3, "shadow")
    world.checkpoint()


def under_no_policy(world: LedgerWorld) -> None:
    world.append(nouns.PROMOTED, 3, "shadow", policy="")
    world.checkpoint()


def before_the_entry_before(world: LedgerWorld) -> None:
    written(world, time="2026-03-30T08:00:00.000000Z")


def in_an_older_form(world: LedgerWorld) -> None:
    said = json.loads(world.links[-1].body)
    for name in ("workspace", "request", "approvals", "evidence", "details"):
        del said[name]
    appended(world, {**said, "schema": 1})


def written(world: LedgerWorld, **other: object) -> None:
    appended(world, {**json.loads(world.links[-1].body), **other})


def appended(world: LedgerWorld, said: dict[str, object]) -> None:
    """An entry with these words, in the exact form in which entries are written."""
    body = json.dumps({**said, "seq": world.count + 1}, sort_keys=True, separators=(",", ":")).encode()
    head = world.links[-1]
    world._insert(Link(head.seq + 1, body, head.hash, ledger.digest(head.hash, body)))


NOT_ASKED = "its policy asks for approvals, and nobody had asked for any"
NOT_THESE = "the approvals that it tells of are not those that its policy asks for"
NOT_GIVEN = "it came too late, is not what was asked for, or tells of approvals that nobody gave"
NOT_OPEN = "its request was not made before, had ended, or is about something else"
STORIES = {
    without_a_request: NOT_ASKED,
    without_approvals: NOT_THESE,
    with_an_approval_that_nobody_gave: NOT_GIVEN,
    with_an_approval_of_another_time: NOT_GIVEN,
    approved_by_the_requester: NOT_THESE,
    approved_by_somebody_who_looks_like_the_requester: NOT_THESE,
    approved_by_a_twin_of_the_requester: NOT_THESE,
    approved_by_an_author: NOT_THESE,
    approved_in_a_role_that_they_do_not_hold: NOT_THESE,
    approved_by_one_person_for_two: NOT_THESE,
    approved_by_a_stranger: NOT_THESE,
    for_another_version: NOT_OPEN,
    for_another_digest: NOT_OPEN,
    for_another_level: NOT_OPEN,
    after_it_was_rejected: NOT_OPEN,
    after_it_was_done_already: NOT_OPEN,
    after_its_time_was_over: NOT_GIVEN,
    as_something_else: NOT_GIVEN,
    asked_for_twice: "it is a request without a number of its own, or for nothing",
    approved_what_was_never_asked_for: NOT_OPEN,
    rejected_without_a_request: NOT_OPEN,
    registered_with_a_request: NOT_OPEN,
    under_a_policy_that_nobody_set: "the policy that it was judged by is not there",
    to_a_level_that_the_policy_does_not_have: "it was judged by no policy that has such a level",
    under_no_policy: "it was judged by no policy that has such a level",
    before_the_entry_before: "its time or its form is older than that of the entry before",
    in_an_older_form: "its time or its form is older than that of the entry before",
}

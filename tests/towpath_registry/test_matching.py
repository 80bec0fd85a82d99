from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_registry.matching import unfilled

ROLES = st.sampled_from(["a", "b", "c"])
PLACES = st.lists(ROLES, max_size=5)
ABLE = st.dictionaries(st.sampled_from(["ann", "ben", "cid", "dan", "eve"]), st.sets(ROLES), max_size=5)


def most_that_fit(places: Sequence[str], able: Mapping[str, set[str]]) -> int:
    """By trying every way to seat people."""
    people = [*able, *[""] * len(places)]  # nobody may sit, too
    return max(
        (
            sum(person != "" and kind in able[person] for kind, person in zip(places, seated, strict=True))
            for seated in set(itertools.permutations(people, len(places)))
        ),
        default=0,
    )


@pytest.mark.parametrize(
    ("places", "able", "empty"),
    [
        ([], {}, []),
        (["a"], {}, ["a"]),
        (["a", "b"], {"ann": {"a", "b"}}, ["b"]),
        (["a", "b"], {"ann": {"a", "b"}, "ben": {"a"}}, []),
        (["a", "b"], {"ann": {"a"}, "ben": {"a"}}, ["b"]),
        (["a", "a", "b"], {"ann": {"a", "b"}, "ben": {"a", "c"}, "cid": {"c", "a"}}, []),
        (["a", "b", "c"], {"ann": {"a", "b"}, "ben": {"a"}, "cid": {"b"}}, ["c"]),
    ],
)
def test_people_move_on_to_make_room(places: list[str], able: dict[str, set[str]], empty: list[str]) -> None:
    assert unfilled(places, able) == empty


@given(places=PLACES, able=ABLE)
def test_no_way_to_seat_people_fills_more(places: list[str], able: dict[str, set[str]]) -> None:
    assert len(places) - len(unfilled(places, able)) == most_that_fit(places, able)


def test_a_hundred_places_and_people_are_no_matter() -> None:
    able = {f"p{number}": {f"r{number}", f"r{number + 1}"} for number in range(100)}
    assert unfilled([f"r{number}" for number in range(1, 101)], able) == []

"""Which places stay empty when each person takes at most one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def unfilled(places: Sequence[str], able: Mapping[str, Collection[str]]) -> list[str]:
    """The places that stay empty at best; `able` says which kinds of place each person can take."""
    taken: dict[int, str] = {}

    def seat(place: int, asked: set[str]) -> bool:
        """Seat somebody here, if need be by asking whoever can to move on to another place."""
        for person, kinds in able.items():
            if places[place] not in kinds or person in asked:
                continue
            asked.add(person)
            before = next((other for other, who in taken.items() if who == person), None)
            if before is None or seat(before, asked):
                taken[place] = person
                return True
        return False

    return [kind for place, kind in enumerate(places) if not seat(place, set())]

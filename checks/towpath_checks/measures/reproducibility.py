"""What was pinned, and what differed when somebody made the result again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from towpath_checks.measures._common import Measure
from towpath_core.errors import Misused

NAMES = ("pinned_versions", "identical_files", "largest_difference")
NOT_DONE = "no clean-room re-run has been done"


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made: the digest of each file by its path, and each measure by its name."""

    files: Mapping[str, str]
    measures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file or measure that is not the same again; empty text: it is not there."""

    subject: str
    recorded: str
    again: str


@dataclass(frozen=True, slots=True)
class Reproducibility:
    """The three figures, the versions that are not pinned, and each difference."""

    pinned: Measure
    identical_files: Measure
    largest_difference: Measure
    missing: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def reproduced(self) -> bool | None:
        """Whether all is the same again within the tolerance; None: not assessed."""
        compared = (self.identical_files.value, self.largest_difference.value) != (None, None)
        return False if self.differences else compared or None


def reproducibility(
    versions: Mapping[str, str],
    recorded: Made | None = None,
    again: Made | None = None,
    *,
    required: Sequence[str] = (),
    tolerance: float = 0.0,
) -> Reproducibility:
    """Methods reproducibility (QF4SA: the same data and tools give the same result), of values; reads nothing itself.

    `versions` are the versions behind the model by name, an empty text where one is not recorded; `required` names
    those that count (default: all given). A `recorded` result and the same result made `again` in a clean room are
    compared whole: files by digest, measures by |difference| ≤ `tolerance`, fixed before the run. What only one of
    them has, or what is no finite number in one of them alone, differs. Without both, or with nothing to compare, it is
    not assessed. No intervals: nothing is sampled. No time to speak of.

    Raises: Misused for a tolerance below 0 or without end, and where no version is asked for.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise Misused(f"the tolerance is {tolerance}, expected 0 or more")
    asked = tuple(required) or tuple(versions)
    if not asked:
        raise Misused("no version is asked for: expected the names of the versions behind a model")
    missing = tuple(name for name in asked if not versions.get(name, "").strip())
    note = f"without {', '.join(missing)}" if missing else "no interval: a count of what is recorded"
    pinned = Measure("pinned_versions", (len(asked) - len(missing)) / len(asked), None, None, len(asked), note)
    if recorded is None or again is None:
        return Reproducibility(pinned, _none("identical_files"), _none("largest_difference"), missing, ())
    files = _files(recorded.files, again.files)
    measures = _measures(recorded.measures, again.measures, tolerance)
    return Reproducibility(
        pinned,
        _share(len(files), len(recorded.files.keys() | again.files.keys())),
        _largest(recorded.measures, again.measures),
        missing,
        (*files, *measures),
    )


def _files(recorded: Mapping[str, str], again: Mapping[str, str]) -> list[Difference]:
    pairs = ((path, recorded.get(path, ""), again.get(path, "")) for path in sorted(recorded.keys() | again.keys()))
    return [Difference(path, one, other) for path, one, other in pairs if one != other or not one]


def _measures(
    recorded: Mapping[str, float | None], again: Mapping[str, float | None], tolerance: float
) -> list[Difference]:
    pairs = _pairs(recorded, again)
    return [
        Difference(name, _told(one), _told(other))
        for name, one, other in pairs
        if not (_apart(one, other) <= tolerance and (name in recorded) == (name in again))
    ]


def _largest(recorded: Mapping[str, float | None], again: Mapping[str, float | None]) -> Measure:
    pairs = _pairs(recorded, again)
    apart = {name: _apart(one, other) for name, one, other in pairs if not (_unknown(one) and _unknown(other))}
    if not apart:
        return _none("largest_difference", "the re-run has no measure to compare")
    name = max(apart, key=lambda name: apart[name])
    if math.isinf(apart[name]):
        uneven = sum(math.isinf(value) for value in apart.values())
        note = f"{uneven} of {len(apart)} measures are there only once"
        return Measure("largest_difference", None, None, None, len(apart), note)
    note = f"{name}; no interval: a re-run is compared whole"
    return Measure("largest_difference", apart[name], None, None, len(apart), note)


def _pairs(
    recorded: Mapping[str, float | None], again: Mapping[str, float | None]
) -> list[tuple[str, float | None, float | None]]:
    return [(name, recorded.get(name), again.get(name)) for name in sorted(recorded.keys() | again.keys())]


def _apart(one: float | None, other: float | None) -> float:
    """Their distance: 0 where neither is a number, without end where one of them is."""
    if one is None or other is None or _unknown(one) or _unknown(other):
        return 0.0 if _unknown(one) and _unknown(other) else math.inf
    return abs(one - other)


def _unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _share(differing: int, files: int) -> Measure:
    if not files:
        return _none("identical_files", "the re-run has no file to compare")
    note = f"{differing} of {files} files differ; no interval: a re-run is compared whole"
    return Measure("identical_files", (files - differing) / files, None, None, files, note)


def _none(name: str, note: str = NOT_DONE) -> Measure:
    return Measure(name, None, None, None, 0, note)


def _told(value: float | None) -> str:
    return "" if value is None else repr(value)

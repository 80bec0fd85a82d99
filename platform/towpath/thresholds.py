"""What was asked of a model and when: a threshold that was changed after a result was known is told as such.

Git knows both: towpath.yaml holds the thresholds, and every run commits the report of its evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from towpath import git
from towpath.project import FILE
from towpath_core.clock import stamp
from towpath_core.errors import CouldNot, Misused
from towpath_registry import yamls

RESULT = "reports/metrics.json"
_ASKED = ("limits.", "threshold.", "quality.tolerance", "quality.reviewer_accuracy")
_NOT_THERE = "nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A threshold that another value was given to after a result was known; `result` is what had been measured then.

    `key` is its place in towpath.yaml. `commit` is empty for what is not committed yet.
    """

    key: str
    before: str
    after: str
    when: str
    commit: str
    result: float | None

    @property
    def sentence(self) -> str:
        known = "" if self.result is None else f", where {self.result:.4g} had been measured"
        where = f"{self.when[:10]}, {self.commit[:7]}" if self.commit else "not committed"
        return f"{self.key}: {self.before}, now {self.after} ({where}{known})"


def changed_after_results(root: Path) -> list[Change]:
    """All such changes in the history of the commit that is checked out, and in the working copy; oldest first.

    What a commit changed together with a result counts as changed before it: a run commits its report alone.
    Raises: CouldNot where the project has no history.
    """
    git.head(root)
    found: list[Change] = []
    asked: dict[str, str] | None = None
    measured: Mapping[str, Any] | None = None
    for commit, when, paths in _commits(root):
        if FILE in paths:
            now = _flat(_yaml(_at(root, commit, FILE)))
            if asked is not None and measured is not None:
                found += _changes(asked, now, when, commit, measured)
            asked = now
        if RESULT in paths:
            measured = _results(_at(root, commit, RESULT)) or measured
    if asked is not None and measured is not None and (root / FILE).is_file():
        found += _changes(asked, _flat(_yaml((root / FILE).read_text(encoding="utf-8"))), "", "", measured)
    return found


def _commits(root: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Commit, its time in UTC, and which of our two files it changed; oldest first."""
    prefix = git.git(root, "rev-parse", "--show-prefix").strip()
    form = "--format=%x01%H %cI"
    said = git.git(
        root, "log", "--reverse", "--topo-order", "--first-parent", "-m", form, "--name-only", "--", FILE, RESULT
    )
    for part in said.split("\x01")[1:]:
        head, *paths = part.strip().splitlines()
        commit, _, when = head.partition(" ")
        yield commit, stamp(datetime.fromisoformat(when)), {path.removeprefix(prefix) for path in paths if path}


def _changes(
    before: Mapping[str, str], now: Mapping[str, str], when: str, commit: str, measured: Mapping[str, Any]
) -> list[Change]:
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return [
        Change(key, before.get(key, _NOT_THERE), now.get(key, _NOT_THERE), when, commit, _result(key, measured))
        for key in keys
    ]


def _result(key: str, measured: Mapping[str, Any]) -> float | None:
    """What had been measured of what a limit is about."""
    kind, _, rest = key.partition(".")
    value = measured.get(rest.rpartition(".")[0]) if kind == "limits" else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _flat(content: Any) -> dict[str, str]:
    """Place in the file to what stands there, of everything that is asked of a model."""
    found: dict[str, str] = {}

    def walk(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{place}.{key}" if place else str(key))
        else:
            found[place] = json.dumps(value, default=str)

    walk(content if isinstance(content, dict) else {}, "")
    return {place: value for place, value in found.items() if place.startswith(_ASKED)}


def _at(root: Path, commit: str, path: str) -> str:
    try:
        return git.git(root, "show", f"{commit}:./{path}")
    except CouldNot:  # the commit took the file away
        return ""


def _yaml(text: str) -> Any:
    try:
        return yamls.parse(text, Path(FILE))
    except Misused:  # a file as it once was; the one that counts now is read elsewhere, with all its faults
        return None


def _results(text: str) -> Mapping[str, Any] | None:
    try:
        flat = json.loads(text)["flat"]
    except (ValueError, KeyError, TypeError):
        return None
    return flat if isinstance(flat, dict) else None

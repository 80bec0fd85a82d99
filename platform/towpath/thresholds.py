"""What was asked of a model and when: a threshold that was changed after a result was known is told as such.

Git knows both: towpath.yaml holds the thresholds, and every run commits the report of its evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
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

    A run commits its report alone. A merge is held against each branch that knows a result; a value from a branch that
    knows one too was judged there.
    Raises: CouldNot where the project has no history, or where the first result comes together with what is asked: a
    shallow clone, a folder that was renamed, commits that were put into one.
    """
    git.head(root)
    found: list[Change] = []
    known: dict[str, _Known] = {}
    newest = None
    for commit, when, parents, paths in _commits(root):
        before = [known[parent] for parent in parents]
        newest = known[commit] = _known(root, commit, before, paths)
        if _at_once(before, newest, paths):
            raise CouldNot("one commit brings the first result and what is asked: which came first is not known")
        for place, one in enumerate(before):
            judged = [other.asked for other in before[:place] + before[place + 1 :] if other.measured is not None]
            told = _changes(one, newest.asked, when, commit)
            found += [c for c in told if not any(asked.get(c.key, _NOT_THERE) == c.after for asked in judged)]
    if newest and (root / FILE).is_file():
        found += _changes(newest, _flat(_yaml((root / FILE).read_text(encoding="utf-8", errors="replace"))), "", "")
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Known:
    """What was asked at a commit, and what had been measured by then; None: nothing yet."""

    asked: Mapping[str, str]
    measured: Mapping[str, Any] | None


def _at_once(before: Sequence[_Known], now: _Known, paths: set[str]) -> bool:
    """Whether a commit has the first result of all, and asks something that was not asked before it."""
    first = now.measured is not None and all(one.measured is None for one in before)
    return first and {FILE, RESULT} <= paths and all(one.asked != now.asked for one in before)


def _known(root: Path, commit: str, before: Sequence[_Known], paths: set[str]) -> _Known:
    asked = before[0].asked if before and FILE not in paths else _flat(_yaml(_at(root, commit, FILE)))
    measured = next((one.measured for one in before if one.measured is not None), None)
    if RESULT in paths:  # one that was taken away stays known
        measured = _results(text) if (text := _at(root, commit, RESULT)) else measured
    return _Known(asked, measured)


def _commits(root: Path) -> Iterator[tuple[str, str, list[str], set[str]]]:
    """Commit, its time in UTC, its parents and which of our two files it changed; oldest first.

    Only those that matter: git leaves the others out, and says the next older ones as parents. A merge may have changed
    both.
    """
    how = ("--reverse", "--topo-order", "--simplify-merges", "--relative", "--name-only", "--format=%x01%H %cI %P")
    for part in git.git(root, "log", *how, "--", FILE, RESULT).split("\x01")[1:]:
        head, *paths = part.strip().splitlines()
        commit, when, *parents = head.split()
        changed = {FILE, RESULT} if len(parents) > 1 else {path for path in paths if path}
        yield commit, stamp(datetime.fromisoformat(when)), parents, changed


def _changes(before: _Known, now: Mapping[str, str], when: str, commit: str) -> list[Change]:
    """None where nothing had been measured before."""
    if before.measured is None:
        return []
    asked = before.asked
    keys = [key for key in {**asked, **now} if not _same(asked.get(key), now.get(key))]
    return [
        Change(key, asked.get(key, _NOT_THERE), now.get(key, _NOT_THERE), when, commit, _result(key, before.measured))
        for key in keys
    ]


def _same(one: str | None, other: str | None) -> bool:
    """1 and 1.0 ask the same."""
    return one == other or (one is not None and other is not None and json.loads(one) == json.loads(other))


def _result(key: str, measured: Mapping[str, Any]) -> float | None:
    """What had been measured of what a limit is about."""
    kind, _, rest = key.partition(".")
    value = measured.get(rest.rpartition(".")[0]) if kind == "limits" else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _flat(content: Any) -> dict[str, str]:
    """Place in the file to what stands there, of everything that is asked of a model."""
    found = yamls.flat(content) if isinstance(content, dict) else {}
    return {place: json.dumps(value, default=str) for place, value in found.items() if place.startswith(_ASKED)}


def _at(root: Path, commit: str, path: str) -> str:
    try:
        return git.content(root, commit, path)
    except CouldNot:  # the commit took the file away
        return ""


def _yaml(text: str) -> Any:
    try:
        return yamls.parse(text, Path(FILE))
    except Misused:  # a file as it once was; the one that counts now is read elsewhere, with all its faults
        return None


def _results(text: str) -> Mapping[str, Any]:
    """By name; nothing of a report that cannot be read, which somebody may have read all the same."""
    try:
        flat = json.loads(text)["flat"]
    except (ValueError, KeyError, TypeError):
        return {}
    return flat if isinstance(flat, dict) else {}

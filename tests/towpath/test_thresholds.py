"""A threshold that was changed after a result was known is seen, whoever says nothing about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from towpath.git import git
from towpath.thresholds import changed_after_results
from towpath_core.errors import CouldNot


class Office:
    """A project's history: what was asked, and what was measured, commit by commit."""

    def __init__(self, root: Path, below: str = "") -> None:
        self.root = root / below
        self.root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "--quiet", "--initial-branch", "main")
        git(root, "config", "user.name", "A statistician")
        git(root, "config", "user.email", "statistician@example.org")

    def asks(self, accuracy: float, commit: bool = True, **more: object) -> Office:
        text = json.dumps({"limits": {"accuracy": {"at_least": accuracy}}, **more})
        return self._writes("towpath.yaml", text, commit)

    def measures(self, accuracy: float) -> Office:
        return self._writes("reports/metrics.json", json.dumps({"flat": {"accuracy": accuracy}}), True)

    def _writes(self, name: str, text: str, commit: bool) -> Office:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if commit:
            git(self.root, "add", "-A")
            git(self.root, "commit", "--quiet", "-m", name)
        return self


@pytest.mark.parametrize("below", ["", "models/occupation coder"])
def test_a_limit_that_was_lowered_after_a_result_is_told_with_that_result(tmp_path: Path, below: str) -> None:
    office = Office(tmp_path, below).asks(0.57).measures(0.55).asks(0.53).measures(0.56)
    [change] = changed_after_results(office.root)
    assert (change.key, change.before, change.after) == ("limits.accuracy.at_least", "0.57", "0.53")
    assert change.result == 0.55
    assert change.sentence.startswith("limits.accuracy.at_least: 0.57, now 0.53")
    assert "where 0.55 had been measured" in change.sentence


def test_what_was_changed_before_any_result_is_nobodys_business(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.9).asks(0.5).measures(0.55)
    assert changed_after_results(office.root) == []


def test_a_change_that_is_not_committed_is_told_too(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57).measures(0.55).asks(0.5, commit=False)
    [change] = changed_after_results(office.root)
    assert change.commit == ""
    assert "not committed" in change.sentence


def test_a_limit_that_was_taken_away_or_added_is_a_change(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57).measures(0.55).asks(0.57, threshold={"target": 0.9})
    office.asks(0.57)
    assert [(c.key, c.before, c.after) for c in changed_after_results(office.root)] == [
        ("threshold.target", "nothing", "0.9"),
        ("threshold.target", "0.9", "nothing"),
    ]


def test_settings_that_ask_nothing_of_the_model_may_change(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57, title="one").measures(0.55)
    office.asks(0.57, title="two", quality={"cost": {"hourly_rate": 35}})
    assert changed_after_results(office.root) == []


def test_a_broken_file_in_the_history_is_a_change_like_any_other(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57).measures(0.55)
    office._writes("towpath.yaml", "limits: [", True)
    office.asks(0.5)
    assert [(c.before, c.after) for c in changed_after_results(office.root)] == [
        ("0.57", "nothing"),
        ("nothing", "0.5"),
    ]


def test_without_a_history_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(CouldNot):
        changed_after_results(tmp_path)


def merged(office: Office, into: str, other: str) -> None:
    git(office.root, "checkout", "--quiet", into)
    git(office.root, "merge", "--quiet", "--no-ff", "-m", "Merge", other)


def told(office: Office) -> list[tuple[str, str]]:
    return [(change.before, change.after) for change in changed_after_results(office.root)]


def test_a_branch_that_measured_before_it_lowered_is_told_after_its_merge(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57)
    git(office.root, "checkout", "--quiet", "-b", "branch")
    office.measures(0.55).asks(0.5).measures(0.56)
    merged(office, "main", "branch")
    assert told(office) == [("0.57", "0.5")]


@pytest.mark.parametrize(("into", "other"), [("main", "branch"), ("branch", "main")])
def test_a_limit_that_another_branch_lowered_is_told_whichever_way_they_are_merged(
    tmp_path: Path, into: str, other: str
) -> None:
    office = Office(tmp_path).asks(0.57)
    git(office.root, "checkout", "--quiet", "-b", "branch")
    office.asks(0.5)
    git(office.root, "checkout", "--quiet", "main")
    office.measures(0.55)
    merged(office, into, other)
    assert told(office) == [("0.57", "0.5")]


def test_a_change_is_told_once_though_it_was_merged_since(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57).measures(0.55)
    git(office.root, "checkout", "--quiet", "-b", "branch")
    office.asks(0.5)
    git(office.root, "checkout", "--quiet", "main")
    office.measures(0.54)
    merged(office, "main", "branch")
    assert told(office) == [("0.57", "0.5")]


def test_a_folder_of_any_name_has_its_history(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.root = tmp_path / "modèle"
    office.root.mkdir()
    office.asks(0.57).measures(0.55).asks(0.5)
    assert told(office) == [("0.57", "0.5")]


def shallow(office: Office) -> Path:
    git(office.root, "clone", "--quiet", "--depth", "1", office.root.as_uri(), "clone")
    return office.root / "clone"


def renamed(office: Office) -> Path:
    (office.root / "new").mkdir()
    git(office.root, "mv", "towpath.yaml", "reports", "new")
    git(office.root, "commit", "--quiet", "-m", "Rename")
    return office.root / "new"


def squashed(office: Office) -> Path:
    git(office.root, "reset", "--quiet", "--soft", git(office.root, "rev-list", "--max-parents=0", "HEAD").strip())
    git(office.root, "commit", "--quiet", "-m", "All at once")
    return office.root


@pytest.mark.parametrize("rewritten", [shallow, renamed, squashed])
def test_a_history_that_lost_its_beginning_does_not_say_that_nothing_was_changed(tmp_path: Path, rewritten) -> None:  # type: ignore[no-untyped-def]
    office = Office(tmp_path).asks(0.57).measures(0.55).asks(0.5).measures(0.56)
    with pytest.raises(CouldNot, match="which came first is not known"):
        changed_after_results(rewritten(office))


def test_a_result_that_cannot_be_read_was_known_all_the_same(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57)._writes("reports/metrics.json", "broken", True).asks(0.5)
    assert told(office) == [("0.57", "0.5")]


def test_a_file_of_another_encoding_in_the_history_stops_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(0.57).measures(0.55)
    (office.root / "towpath.yaml").write_bytes("limits: {accuracy: {at_least: 0.5}} # é".encode("latin-1"))
    git(office.root, "commit", "--quiet", "-a", "-m", "Latin")
    office.asks(0.5)
    assert told(office) == [("0.57", "0.5")]


def test_the_same_number_written_in_another_way_is_no_change(tmp_path: Path) -> None:
    office = Office(tmp_path).asks(1).measures(0.55).asks(1.0)
    assert told(office) == []

"""Every rule: found by its file, with settings that are checked, and closed where it cannot judge."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pandas as pd
import pytest

from towpath_checks import rules
from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity
from towpath_core.errors import CouldNot, Misused, Refused

ROOT = Path(__file__).parents[3]


def records(**columns: list[object]) -> Dataset:
    frame = pd.DataFrame({"record_id": ["r1", "r2"], "text": ["baker", "chef"], "code": ["0111", "0222"], **columns})
    return Dataset(frame, "record_id", ("text",), "code", frame["text"], frozenset({"0111", "0222"}))


def test_rules_are_found_by_their_files() -> None:
    files = {path.stem for path in (ROOT / "checks" / "towpath_checks" / "rules").glob("[a-z]*.py")}
    assert set(rules.names()) == files
    assert len(files) >= 6


@pytest.mark.parametrize("name", rules.names())
def test_a_rule_is_a_frozen_dataclass_whose_docstring_is_in_the_handbook(name: str) -> None:
    rule = rules.find(name)
    assert is_dataclass(rule)
    with pytest.raises(AttributeError):
        rules.make(name, {}).severity = "warning"  # type: ignore[misc]
    assert rule.__doc__
    handbook = (ROOT / "docs" / "handbook" / "checks.md").read_text(encoding="utf-8")
    row = next(line for line in handbook.splitlines() if line.startswith(f"| `{name}` "))
    assert " ".join(rule.__doc__.split("\n\n")[0].split()).rstrip(".") in row.replace("**", "")
    assert all(f"`{field.name}" in row for field in fields(rule) if field.name != "severity")


@pytest.mark.parametrize("name", rules.names())
def test_a_rule_that_advises_says_the_same_and_blocks_nothing(name: str) -> None:
    made = rules.make(name, {"severity": "warning"})
    assert not made.judge(records()).blocks
    assert made.severity == "warning"


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("class_sizes", {}, "there is no rule 'class_sizes'"),
        ("class_size", {"minimal": 3}, "checks.rules.class_size.minimal: no such setting"),
        ("class_size", {"minimum": "3"}, "minimum: expected a whole number from 1, as 2"),
        ("class_size", {"minimum": 0}, "expected a whole number from 1"),
        ("class_size", {"minimum": True}, "expected a whole number from 1"),
        ("class_size", {"accepted": "9231"}, "expected a list of texts in quotes"),
        ("class_size", {"severity": "mild"}, "expected one of error, warning"),
        ("conflicting_labels", {"tolerated_share": 2}, "expected a share from 0 to 1"),
        ("conflicting_labels", {"tolerated_share": float("nan")}, "expected a share from 0 to 1"),
    ],
)
def test_a_setting_that_does_not_fit_is_told_by_key(name: str, settings: dict[str, rules.Setting], told: str) -> None:
    with pytest.raises(Misused, match=told):
        rules.make(name, settings)


def test_a_rule_that_does_not_load_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_rule.py").write_text("raise RuntimeError('no')\n")
    (tmp_path / "not_a_rule.py").write_text("NotARule = 3\n")
    (tmp_path / "empty_rule.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("broken_rule", "not_a_rule", "empty_rule", "no_rule"):
        with pytest.raises(CouldNot, match=f"the rule {name} does not load"):
            rules.load(name)


@dataclass(frozen=True)
class Breaks:
    error: Exception
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        raise self.error


def test_a_rule_that_breaks_has_not_passed_and_tells_no_value() -> None:
    broken = {"one": Breaks(KeyError("jane canary doe")), "two": Breaks(Refused("a record id stands twice"))}
    one, two = rules.judge(broken, records())
    assert (one.passed, one.got, one.blocks) == (False, "not assessed: KeyError", True)
    assert (two.passed, two.got) == (False, "not assessed: a record id stands twice")


def test_records_that_are_none_are_refused() -> None:
    data = records()
    with pytest.raises(Refused, match="there are no records"):
        Dataset(data.frame.head(0), "record_id", ("text",), "code", data.keys.head(0), data.codes)
    with pytest.raises(Refused, match="the records have no column title"):
        Dataset(data.frame, "record_id", ("title",), "code", data.keys, data.codes)
    with pytest.raises(Refused, match="1 keys for 2 records"):
        Dataset(data.frame, "record_id", ("text",), "code", data.keys.head(1), data.codes)
    with pytest.raises(Refused, match="no codes"):
        Dataset(data.frame, "record_id", ("text",), "code", data.keys, frozenset())

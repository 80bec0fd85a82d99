"""Rules about data that no expectation says: one file, one frozen dataclass, its settings as fields.

The class has the file's name in capitals (class_size.py: ClassSize); its docstring is its help.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Protocol

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity
from towpath_core.errors import CouldNot, Misused, TowpathError

SEVERITIES = ("error", "warning")
Setting = str | int | float | bool | tuple[str, ...]


class Rule(Protocol):
    """Judges a whole data set; what it cannot judge it does not pass."""

    @property
    def severity(self) -> Severity: ...

    def judge(self, data: Dataset) -> Finding: ...


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def find(name: str) -> type[Any]:
    """The rule's class. Raises: Misused for an unknown name, CouldNot for a rule that does not load."""
    if name not in names():
        raise Misused(f"there is no rule {name!r}", hint=f"towpath.yaml, checks.rules: {', '.join(names())}")
    return load(f"{__name__}.{name}")


def load(module: str) -> type[Any]:
    """The rule's class from the module of that name. Raises: CouldNot; a rule that is skipped is an open door."""
    name = module.rpartition(".")[2]
    class_name = "".join(word.capitalize() for word in name.split("_"))
    try:
        found = getattr(importlib.import_module(module), class_name)
    except Exception as error:
        raise CouldNot(f"the rule {name} does not load: {type(error).__name__}: {error}") from error
    if not is_dataclass(found) or not isinstance(found, type):
        raise CouldNot(f"the rule {name} does not load: {class_name} is no dataclass")
    return found


def make(name: str, settings: Mapping[str, Setting]) -> Rule:
    """The rule with its settings. Raises: as `find`, and Misused for a setting that it does not have or take."""
    rule = find(name)
    known = {field.name: field.default for field in fields(rule)}
    for key, value in settings.items():
        where = f"towpath.yaml, checks.rules.{name}.{key}"
        if key not in known:
            raise Misused(f"{where}: no such setting", hint=f"it has {', '.join(known)}")
        if not _fits(value, known[key]):
            raise Misused(f"{where}: expected {_plain(known[key])}, as {known[key]!r}")
    if settings.get("severity", "error") not in SEVERITIES:
        raise Misused(f"towpath.yaml, checks.rules.{name}.severity: expected one of {', '.join(SEVERITIES)}")
    made: Rule = rule(**settings)
    return made


def judge(rules: Mapping[str, Rule], data: Dataset) -> list[Finding]:
    """One finding for each rule, in order of their names; a rule that cannot judge has not passed."""
    return [_judged(name, rules[name], data) for name in sorted(rules)]


def _judged(name: str, rule: Rule, data: Dataset) -> Finding:
    try:
        return rule.judge(data)
    except TowpathError as error:
        why = error.message
    except Exception as error:  # noqa: BLE001 (its message may hold a record's content: only its kind is told)
        why = type(error).__name__
    return Finding(name, "the records", False, f"not assessed: {why}", "a judgement", rule.severity)


def _fits(value: Setting, default: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float)) and 0 <= value <= 1
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, type(default)) and (not isinstance(value, int) or value >= 1)


def _plain(default: object) -> str:
    kinds: Sequence[tuple[type, str]] = (
        (bool, "true or false"),
        (float, "a share from 0 to 1"),
        (int, "a whole number from 1"),
        (tuple, "a list of texts in quotes"),
    )
    return next((words for kind, words in kinds if isinstance(default, kind)), "a text")

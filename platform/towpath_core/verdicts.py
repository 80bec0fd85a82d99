"""Yes or no, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate, rule or comparison said: the subject, what was got, what was expected."""

    gate: str
    passed: bool
    subject: str
    got: str
    expected: str

    @property
    def reason(self) -> str:
        return f"{self.subject} is {self.got}, expected {self.expected}"


def all_passed(verdicts: Iterable[Verdict]) -> bool:
    """False where nobody said anything: nothing asked is not a pass."""
    said = list(verdicts)
    return bool(said) and all(verdict.passed for verdict in said)

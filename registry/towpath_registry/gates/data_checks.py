"""The gate over the data checks."""

from __future__ import annotations

from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate
from towpath_registry.gates._evidence import proven


@dataclass(frozen=True, slots=True)
class DataChecks:
    """The data that the version was made from were checked, and every blocking check passed."""

    kind: str = "data-checks"

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return proven(candidate, "data-checks", self.kind)


gate = DataChecks

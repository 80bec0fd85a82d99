"""The gate over the data checks."""

from __future__ import annotations

from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate
from towpath_registry.gates._evidence import proven


@dataclass(frozen=True, slots=True)
class DataChecks:
    """The data that the version was made from were checked, and every blocking check passed.

    A check that is named in `advisory` does not block at this level. What stage a project lets its own checks block
    from has no say here.
    """

    kind: str = "data-checks"
    advisory: tuple[str, ...] = ()

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        return proven(candidate, "data-checks", self.kind, self.advisory)


gate = DataChecks

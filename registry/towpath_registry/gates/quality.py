"""The gate over the evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate
from towpath_registry.gates._evidence import proven, statements


@dataclass(frozen=True, slots=True)
class Quality:
    """The evaluation held each limit that was fixed before the run, and the model beat the compulsory baseline.

    `baseline` is the finding that compares with the baseline; beside it at least one limit must have been judged.
    """

    kind: str = "quality"
    baseline: str = "better_than_baseline"

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        said = statements(candidate, self.kind)
        gates = [{finding.gate for finding in statement.findings} for statement in said]
        compared = bool(gates) and all(self.baseline in names for names in gates)
        limited = bool(gates) and all(names - {self.baseline} for names in gates)
        return (
            *proven(candidate, "quality", self.kind),
            Verdict("quality", compared, "the comparison with the baseline", _made(compared), "made"),
            Verdict("quality", limited, "the comparison with limits", _made(limited), "made"),
        )


def _made(made: bool) -> str:
    return "made" if made else "not made"


gate = Quality

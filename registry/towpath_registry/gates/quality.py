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
        made = {
            "the comparison with the baseline": all(self.baseline in names for names in gates),
            "the comparison with limits": all(names - {self.baseline} for names in gates),
        }
        expected = "made (limits in the project's towpath.yaml; then towpath run)"
        missing = [Verdict("quality", False, what, "not made", expected) for what, done in made.items() if not done]
        return (*proven(candidate, "quality", self.kind), *missing)


gate = Quality

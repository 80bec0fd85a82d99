"""The gate over the model's files."""

from __future__ import annotations

from dataclasses import dataclass, replace

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """The files are those that were registered, and of a format that loads without running code of theirs."""

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        registered, actual = candidate.version.digest, candidate.digest
        same = bool(actual) and actual == registered
        got, expected = actual[:19] or "none", registered[:19] or "a digest at registration"
        inspected = tuple(replace(verdict, gate="model-format") for verdict in candidate.format)
        if not inspected:
            inspected = (
                Verdict("model-format", False, "the inspection of the files", "not there", "at least one verdict"),
            )
        return (Verdict("model-format", same, "the digest of the files", got, expected), *inspected)


gate = ModelFormat

"""The gate over where a version comes from."""

from __future__ import annotations

from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate
from towpath_registry.nouns import PROVENANCE


@dataclass(frozen=True, slots=True)
class Provenance:
    """The versions behind the model are recorded, all seven of them."""

    required: tuple[str, ...] = PROVENANCE

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        tags = candidate.version.tags
        missing = [name for name in self.required if not tags.get(f"towpath.{name}", "").strip()]
        got = f"without {', '.join(missing)}" if missing else f"recorded: {len(self.required)} of {len(self.required)}"
        known = bool(self.required) and not missing
        return (Verdict("provenance", known, "the provenance", got, f"all of {', '.join(self.required)}"),)


gate = Provenance

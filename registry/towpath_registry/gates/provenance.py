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
        known = {name: tags.get(f"towpath.{name}", "").strip() for name in self.required}
        return tuple(
            Verdict("provenance", bool(value), name, value[:60] or "not recorded", "recorded")
            for name, value in known.items()
        )


gate = Provenance

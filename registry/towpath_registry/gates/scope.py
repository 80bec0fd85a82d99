"""The gate over what a model is for."""

from __future__ import annotations

from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.evidence import DOCUMENTATION
from towpath_registry.gates import Candidate
from towpath_registry.gates._evidence import proven, statements
from towpath_registry.names import folded

PARTS = ("driver", "population", "parent_process", "use_of_output", "error_tolerance", "stop_rule")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Scope:
    """It is written down what the model is for: why, for which records, in which process, how wrong, until when."""

    parts: tuple[str, ...] = PARTS

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        said = [found.documented for found in statements(candidate, DOCUMENTATION) if found.documented]
        verdicts = [_filled(part, documented.scope.get(part, "")) for documented in said for part in self.parts]
        nothing = (
            () if self.parts else (Verdict("scope", False, "the scope", "asked for in no part", "one part or more"),)
        )
        return (*proven(candidate, "scope", DOCUMENTATION), *verdicts, *nothing)


def _filled(part: str, text: str) -> Verdict:
    got = " ".join(text.split())
    shown = got if len(got) <= _SHOWN else f"{got[: _SHOWN - 1]}…"
    expected = f"a sentence (scope.{part} in the project's towpath.yaml; then towpath run)"
    return Verdict("scope", bool(folded(text)), f"the {part.replace('_', ' ')}", shown or "not said", expected)


gate = Scope

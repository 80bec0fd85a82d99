"""The gate over the model card."""

from __future__ import annotations

import re
from dataclasses import dataclass

from towpath_core.verdicts import Verdict
from towpath_registry.gates import Candidate

_HEADING = re.compile(r"^## +(.*?)(?: +#+)? *$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")


@dataclass(frozen=True, slots=True)
class Documentation:
    """A model card lies in the model's folder; each section that people ask for is there and filled in."""

    sections: tuple[str, ...] = ("Purpose", "Data", "Method", "Quality", "Limits", "Contact")
    unfinished: tuple[str, ...] = ("TODO", "…to fill", "… to fill")

    def judge(self, candidate: Candidate) -> tuple[Verdict, ...]:
        if candidate.card is None:
            return (Verdict("documentation", False, "MODEL_CARD.md", "not there", "in the model's folder"),)
        found = _sections(candidate.card)
        return tuple(self._section(name, found.get(name)) for name in self.sections)

    def _section(self, name: str, text: str | None) -> Verdict:
        if text is None:
            got = "not there"
        elif not re.sub(r"^#.*$", "", text, flags=re.MULTILINE).strip():
            got = "empty"
        else:
            got = next((f"unfinished ({mark})" for mark in self.unfinished if mark in text), "filled in")
        return Verdict("documentation", got == "filled in", f"the section {name}", got, "filled in")


def _sections(card: str) -> dict[str, str]:
    """Level-2 heading to the text below it, all sections of one name together; comments are not text."""
    found: dict[str, str] = {}
    name, fenced = "", False
    for line in re.sub(r"<!--.*?(-->|\Z)", "", card, flags=re.DOTALL).splitlines():
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line)
        if heading:
            name = heading[1]
        text = "" if heading else line
        found[name] = f"{found.get(name, '')}{text}\n"
    return found


gate = Documentation

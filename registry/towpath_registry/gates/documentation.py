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
        lacks = {name: lack for name in self.sections if (lack := self._lack(found.get(name)))}
        if lacks or not self.sections:
            return tuple(
                Verdict("documentation", False, f"the section {name}", lack, "filled in")
                for name, lack in lacks.items()
            )
        got = f"filled in: {', '.join(self.sections)}"
        return (Verdict("documentation", True, "the model card", got, "every section filled in"),)

    def _lack(self, text: str | None) -> str:
        """What a section lacks; empty if nothing."""
        if text is None:
            return "not there"
        if not re.sub(r"^#.*$", "", text, flags=re.MULTILINE).strip():
            return "empty"
        return next((f"unfinished ({mark})" for mark in self.unfinished if mark in text), "")


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

"""What one check of the data said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from towpath_core.errors import Misused

Severity = Literal["error", "warning"]
EXAMPLES = 5
# Where a version is in its life while its data are checked; a pipeline always makes a proof of concept.
STAGES = ("proof_of_concept", "valid_solution", "production")
FIRST = STAGES[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's or expectation's answer. `passed` None: not assessed, which is no pass.

    Of `total` records, `count` are not as expected. `examples` are a few record ids or codes, never a record's content.
    A `warning` advises; an `error` that is not passed makes the data unfit. `engine` gave the verdict: compiled,
    great-expectations, spark or towpath. Before the lifecycle stage `blocks_from` it advises; empty: it always blocks.
    """

    gate: str
    subject: str
    passed: bool | None
    got: str
    expected: str
    severity: Severity = "error"
    count: int | None = None
    total: int | None = None
    examples: tuple[str, ...] = ()
    engine: str = ""
    blocks_from: str = ""

    @property
    def blocks(self) -> bool:
        """At the first stage."""
        return self.blocks_at(FIRST)

    def blocks_at(self, stage: str) -> bool:
        """An unknown stage is taken for one that was reached."""
        return self.severity == "error" and self.passed is False and reached(self.blocks_from, stage)

    @property
    def share(self) -> float | None:
        return self.count / self.total if self.count is not None and self.total else None

    def as_dict(self) -> dict[str, Any]:
        return {
            "gate": self.gate,
            "severity": self.severity,
            "passed": self.passed,
            "subject": self.subject,
            "got": self.got,
            "expected": self.expected,
            "count": self.count,
            "total": self.total,
            "share": self.share,
            "examples": list(self.examples),
            "engine": self.engine,
            "blocks_from": self.blocks_from,
        }


def reached(blocks_from: str, stage: str) -> bool:
    """Whether a check that blocks from one stage on blocks at another; it does where either is unknown."""
    if blocks_from not in STAGES or stage not in STAGES:
        return True
    return STAGES.index(stage) >= STAGES.index(blocks_from)


def stage_asked(value: object, where: str) -> str:
    """The stage that somebody set, empty for none. Raises: Misused, with the place, for what is no stage."""
    if value in (None, ""):
        return ""
    if value not in STAGES:
        raise Misused(f"{where}: there is no stage {str(value)[:40]!r}", hint=f"one of {', '.join(STAGES)}")
    return str(value)


def fit(findings: Iterable[Finding], stage: str = FIRST) -> bool:
    """Whether nothing blocks at the stage, and something that could block was assessed."""
    said = list(findings)
    return not any(f.blocks_at(stage) for f in said) and any(f.severity == "error" and f.passed for f in said)


def of_records(count: int, total: int) -> str:
    """4 of 28,516 records (0.014 %)."""
    share = f" ({100 * count / total:.3g} %)" if count and total else ""
    return f"{count:,} of {total:,} records{share}"


def some(examples: Iterable[object]) -> tuple[str, ...]:
    """The first few, as text, each on one line and of a bounded length."""
    first = [str(example) for _, example in zip(range(EXAMPLES), examples, strict=False)]
    return tuple("".join(c if c.isprintable() else "�" for c in text)[:40] for text in first)

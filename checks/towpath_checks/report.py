"""What the checks of one file said, for a terminal, a program and a browser. All three come from one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towpath_checks.findings import Finding, fit

SCHEMA = 1
_ORDER = ("FAIL", "warn", "n/a", "pass")


@dataclass(frozen=True, slots=True)
class Report:
    """The findings about `data`; `inputs` are the digests of everything that they depend on. It holds no time."""

    data: str
    records: int
    inputs: Mapping[str, str]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        return fit(self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each word."""
        return {word: sum(_word(f) == word for f in self.findings) for word in _ORDER}

    @property
    def sentence(self) -> str:
        """The verdict."""
        counts = self.counts
        said = f"{counts['FAIL']} of {len(self.findings)} checks failed" if counts["FAIL"] else "nothing failed"
        parts = [said, f"{counts['pass']} passed"]
        parts += [f"{counts['warn']} advise"] if counts["warn"] else []
        parts += [f"{counts['n/a']} not assessed"] if counts["n/a"] else []
        return f"{self.data} is {'fit' if self.passed else 'NOT fit'}: {', '.join(parts)}."

    def ordered(self) -> list[Finding]:
        """What failed first, then what advises, then what was not assessed, then what passed."""
        return sorted(self.findings, key=lambda finding: _ORDER.index(_word(finding)))


def as_json(report: Report) -> dict[str, Any]:
    counts = report.counts
    return {
        "schema": SCHEMA,
        "verdict": "passed" if report.passed else "failed",
        "sentence": report.sentence,
        "data": {"file": report.data, "records": report.records},
        "inputs": dict(sorted(report.inputs.items())),
        "counts": {
            "failed": counts["FAIL"],
            "warnings": counts["warn"],
            "not_assessed": counts["n/a"],
            "passed": counts["pass"],
        },
        "findings": [finding.as_dict() for finding in report.findings],
        "notes": list(report.notes),
    }


def as_text(report: Report) -> str:
    """The verdict, then what did not pass with all that is known, then a table of what passed."""
    lines = [report.sentence]
    for finding in report.ordered():
        if not finding.passed:
            lines += ["", *_block(finding)]
    passed = [("pass", f.gate, _short(f.subject, 24), _short(f.got, 40)) for f in report.ordered() if f.passed]
    if passed:
        lines += ["", *_table(("", "check", "subject", "got"), passed)]
    return "\n".join([*lines, *([""] if report.notes else []), *report.notes])


def as_html(report: Report) -> str:
    """One page that loads nothing from anywhere."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8"))
    rows = [(_word(finding), finding) for finding in report.ordered()]
    return template.render(report=report, rows=rows, inputs=sorted(report.inputs.items())) + "\n"


def _word(finding: Finding) -> str:
    if finding.passed is None:
        return "n/a"
    if finding.passed:
        return "pass"
    return "FAIL" if finding.severity == "error" else "warn"


def _block(finding: Finding) -> list[str]:
    lines = [f"{_word(finding)}  {finding.gate}: {finding.subject}"]
    lines += [f"      got       {finding.got}", f"      expected  {finding.expected}"]
    lines += [f"      such as   {', '.join(finding.examples)}"] if finding.examples else []
    return [_plain(line) for line in lines]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    whole = [head, *rows]
    widths = [max(len(cell) for cell in column) for column in zip(*whole, strict=True)]
    return ["  ".join(_plain(c).ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in whole]


def _short(text: str, widest: int) -> str:
    return text if len(text) <= widest else text[: widest - 1] + "…"


def _plain(text: str) -> str:
    """Without control characters, which could rewrite a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)

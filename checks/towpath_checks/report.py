"""What the checks of one data set said, for a terminal, a program and a browser. All forms come from one value.

report.schema.json is the JSON Schema of `as_json`; junit.py writes it for a build server.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from towpath_checks.findings import FIRST, Finding, fit

SCHEMA = 2
FAIL, WARN, NOT_ASSESSED, PASS = "FAIL", "warn", "n/a", "pass"
_ORDER = (FAIL, WARN, NOT_ASSESSED, PASS)


@dataclass(frozen=True, slots=True)
class Report:
    """The findings about `data` at a lifecycle stage; `inputs` are the digests of everything that they depend on.

    It holds no time, but in `remembered`: when a verdict that was not found anew was found, empty for a new one.
    """

    data: str
    records: int
    inputs: Mapping[str, str]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())
    stage: str = FIRST
    remembered: str = ""

    @property
    def passed(self) -> bool:
        return fit(self.findings, self.stage)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each word."""
        return {word: sum(self.word(f) == word for f in self.findings) for word in _ORDER}

    @property
    def engines(self) -> dict[str, int]:
        """How many verdicts each engine gave."""
        return dict(sorted(Counter(f.engine for f in self.findings if f.engine).items()))

    @property
    def sentence(self) -> str:
        """The verdict."""
        counts = self.counts
        said = f"{counts[FAIL]} of {len(self.findings)} checks failed" if counts[FAIL] else "nothing failed"
        if not counts[FAIL] and not self.passed:
            said += ", but of the checks that could block none passed"
        parts = [said, f"{counts[PASS]} passed"]
        parts += [f"{counts[WARN]} advise"] if counts[WARN] else []
        parts += [f"{counts[NOT_ASSESSED]} not assessed"] if counts[NOT_ASSESSED] else []
        return f"{self.data} is {'fit' if self.passed else 'NOT fit'}: {', '.join(parts)}."

    @property
    def remarks(self) -> list[str]:
        """What is to be known beside the findings: that they are remembered, who gave them, and the notes."""
        told = f"This verdict is remembered, from {self.remembered}: nothing has changed since."
        lines = [told] if self.remembered else []
        by = ", ".join(f"{engine} {count}" for engine, count in self.engines.items())
        lines += [f"Verdicts by engine: {by}."] if by else []
        lines += [f"What blocks was judged as at the stage {self.stage}."] if self.stage != FIRST else []
        return [*lines, *self.notes]

    def ordered(self) -> list[Finding]:
        """What failed first, then what advises, then what was not assessed, then what passed."""
        return sorted(self.findings, key=lambda finding: _ORDER.index(self.word(finding)))

    def word(self, finding: Finding) -> str:
        if finding.passed is None:
            return NOT_ASSESSED
        if finding.passed:
            return PASS
        return FAIL if finding.blocks_at(self.stage) else WARN

    def later(self, finding: Finding) -> str:
        """The stage from which a finding that advises here blocks, empty for any other."""
        waits = finding.severity == "error" and finding.passed is False and not finding.blocks_at(self.stage)
        return finding.blocks_from if waits else ""


def as_json(report: Report) -> dict[str, Any]:
    """As report.schema.json has it."""
    counts = report.counts
    return {
        "schema": SCHEMA,
        "verdict": "passed" if report.passed else "failed",
        "sentence": report.sentence,
        "stage": report.stage,
        "remembered": report.remembered or None,
        "data": {"file": report.data, "records": report.records},
        "inputs": dict(sorted(report.inputs.items())),
        "counts": {
            "failed": counts[FAIL],
            "warnings": counts[WARN],
            "not_assessed": counts[NOT_ASSESSED],
            "passed": counts[PASS],
        },
        "engines": report.engines,
        "findings": [{**finding.as_dict(), "blocks": finding.blocks_at(report.stage)} for finding in report.findings],
        "notes": list(report.notes),
    }


def kept(report: Report) -> dict[str, Any]:
    """All of it as plain values, to be remembered; `restored` makes the same report of it."""
    return asdict(report)


def restored(content: Mapping[str, Any], *, remembered: str) -> Report:
    """Raise TypeError, KeyError or ValueError for what `kept` has not made."""
    findings = tuple(Finding(**{**found, "examples": tuple(found["examples"])}) for found in content["findings"])
    whole = {**content, "findings": findings, "notes": tuple(content["notes"]), "remembered": remembered}
    return Report(**whole)


def as_text(report: Report) -> str:
    """The verdict, then what did not pass with all that is known, then a table of what passed."""
    lines = [report.sentence]
    for finding in report.ordered():
        if finding.passed is False:
            lines += ["", *_block(report, finding)]
    lines += _not_assessed(report)
    passed = [
        (PASS, _short(f.gate, 48), _short(f.subject, 20), _short(f.got, 32), f.engine)
        for f in report.ordered()
        if f.passed
    ]
    if passed:
        lines += ["", *_table(("", "check", "subject", "got", "engine"), passed)]
    return "\n".join([*lines, *([""] if report.remarks else []), *map(_plain, report.remarks)])


def as_html(report: Report) -> str:
    """One page that loads nothing from anywhere."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8"))
    rows = [(report.word(finding), report.later(finding), finding) for finding in report.ordered()]
    return template.render(report=report, rows=rows, inputs=sorted(report.inputs.items())) + "\n"


def _not_assessed(report: Report) -> list[str]:
    """One line each: what is missing matters, what would be expected does not yet."""
    said = [f for f in report.findings if f.passed is None]
    lines = [f"{NOT_ASSESSED}   {f.gate}: {f.subject}: {f.got.removeprefix('not assessed: ')}" for f in said]
    return [_plain(line) for line in ["", *lines]] if lines else []


def _block(report: Report, finding: Finding) -> list[str]:
    later = report.later(finding)
    lines = [f"{report.word(finding)}  {finding.gate}: {finding.subject}"]
    lines += [f"      got       {finding.got}", f"      expected  {finding.expected}"]
    lines += [f"      such as   {', '.join(finding.examples)}"] if finding.examples else []
    lines += [f"      blocks    from {later} on"] if later else []
    lines += [f"      engine    {finding.engine}"] if finding.engine else []
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

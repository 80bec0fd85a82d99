"""The quality report of one model: one page in the five dimensions of QF4SA, then the annex. All from one value."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks.quality import DIMENSIONS, FAILS, MEETS, NOT_ASSESSED, WATCH, Figure, Status, of_dimension
from towpath_core.errors import Misused

if TYPE_CHECKING:
    import jinja2

    from towpath_checks.measures import Measure

SCHEMA = 1
FILE = "reports/quality_report.json"
# What each dimension asks, in words for who decides.
QUESTIONS = {
    "explainability": "Can people see what its answers rest on?",
    "accuracy": "How close is it to the truth, record by record and in the published figure?",
    "reproducibility": "Can the same result be had again, and does it hang on a choice?",
    "timeliness": "How long does it take to make it, and to use it?",
    "cost effectiveness": "What does a right answer cost?",
}
_WORDS = {MEETS: "meets", WATCH: "watch", FAILS: "FAILS", NOT_ASSESSED: "not assessed"}
# Whether what is met was asked before, or changed after a result was known.
_WHEN = {False: "as asked before the run", True: "as asked now: something was changed after a result was known"}

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Annex:
    """A table behind the page; each row has as many cells as `head`. `sources` are what it can be recomputed from."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """What the registry knows of the version that the report is about; empty before it is registered."""

    ref: str = ""
    stage: str = ""
    levels: tuple[str, ...] = ()
    signed: str = ""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Everything that the page says. `changes` None: the project's history is not known, and neither is what changed.

    `pinned` are the versions behind the model, `inputs` the digests of the files that figures come from, `started` the
    day on which the work began, empty where nobody says.
    """

    model: str
    title: str
    made: str
    digest: str
    records: Mapping[str, int]
    figures: tuple[Figure, ...]
    annexes: tuple[Annex, ...] = ()
    changes: tuple[str, ...] | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    scope: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    started: str = ""

    @property
    def dimensions(self) -> dict[str, Status]:
        return {dimension: of_dimension(self.figures, dimension) for dimension in DIMENSIONS}

    def shown(self, dimension: str) -> list[Figure]:
        """The figures of a dimension that something was asked of, then those that inform."""
        own = [f for f in self.figures if f.dimension == dimension]
        informing = [f for f in own if f.bound is None and f.measure.value is not None]
        return [f for f in own if f.bound is not None] + informing

    def unknown(self, dimension: str) -> list[Measure]:
        """What could not be measured, with the reason in its note."""
        return [f.measure for f in self.figures if f.dimension == dimension and f.measure.value is None]

    @property
    def sentence(self) -> str:
        """The verdict: what is worst comes first, and what was not assessed is never left out."""
        said = self.dimensions
        named = {status: [d for d, s in said.items() if s == status] for status in (FAILS, WATCH, NOT_ASSESSED, MEETS)}
        verbs = {FAILS: "fails in", WATCH: "is to be watched in", NOT_ASSESSED: "is not assessed in", MEETS: "meets"}
        parts = [f"{verbs[status]} {_listed(names)}" for status, names in named.items() if names]
        sentence = f"{self.model} {'; it '.join(parts)}"
        if MEETS not in said.values():
            return f"{sentence}."
        if self.changes is None:
            return f"{sentence}. Whether that was asked before a result was known is not known."
        return f"{sentence}, {_WHEN[bool(self.changes)]}."

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "sentence": self.sentence,
            "dimensions": self.dimensions,
            "model": self.model,
            "title": self.title,
            "made": self.made,
            "digest": self.digest,
            "records": dict(self.records),
            "figures": [figure.as_dict() for figure in self.figures],
            "annexes": [asdict(annex) for annex in self.annexes],
            "changes": None if self.changes is None else list(self.changes),
            "pinned": dict(self.pinned),
            "scope": dict(self.scope),
            "owners": dict(self.owners),
            "inputs": dict(sorted(self.inputs.items())),
            "started": self.started,
        }


def read(content: Any) -> QualityReport:
    """From what `as_json` gave; every status is judged anew. Raises: Misused for what is no such report."""
    figures, annexes = parts(content)
    try:
        return QualityReport(
            **{key: content[key] for key in ("model", "title", "made", "digest", "records")},
            **{key: content[key] for key in ("pinned", "scope", "owners", "inputs", "started")},
            figures=figures,
            annexes=annexes,
            changes=None if content["changes"] is None else tuple(content["changes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _none() from error


def parts(content: Any) -> tuple[tuple[Figure, ...], tuple[Annex, ...]]:
    """The figures and annexes of a report that is not whole yet. Raises: Misused."""
    try:
        if content["schema"] != SCHEMA:
            raise Misused(f"a quality report of schema {content['schema']}, expected {SCHEMA}", hint="upgrade towpath")
        return tuple(Figure.of(r) for r in content["figures"]), tuple(_annex(r) for r in content["annexes"])
    except (KeyError, TypeError, ValueError) as error:
        raise _none() from error


def _none() -> Misused:
    return Misused("this is no quality report of towpath", hint="towpath run makes one")


def as_markdown(report: QualityReport, version: Version) -> str:
    return _rendered("quality_report.md.jinja", report, version, {})


def as_html(report: QualityReport, version: Version, plots: Mapping[str, bytes]) -> str:
    """One page that loads nothing from anywhere; `plots` are PNG files, by their names."""
    return _rendered("quality_report.html.jinja", report, version, plots)


def as_text(report: QualityReport, version: Version) -> str:
    """The page without the annex, for a terminal."""
    lines = [report.sentence]
    if version.ref:
        lines += [f"{version.ref}: {', '.join(version.levels) or version.stage or 'no level'}; {version.signed}"]
    for dimension, status in report.dimensions.items():
        lines += ["", f"{dimension}: {_WORDS[status]}"]
        rows = [_row(figure) for figure in report.shown(dimension)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines += [f"  not assessed: {said.name}: {said.note}" for said in report.unknown(dimension)]
    return "\n".join([*lines, "", *changed(report)])


def changed(report: QualityReport) -> list[str]:
    """What is said of thresholds that were changed after a result was known."""
    if report.changes is None:
        return ["Whether a threshold was changed after a result was known is not known: git's history does not tell."]
    if not report.changes:
        return ["No threshold was changed after a result had been committed."]
    return ["Changed after a result was known:", *(f"- {change}" for change in report.changes)]


def number(value: float | None, unit: str = "") -> str:
    """Three decimals for what lies between 0.001 and 10, whole numbers from 1,000 on; a dash for what is missing."""
    if value is None:
        return "–"
    size = abs(value)
    text = (
        f"{value:.3f}"
        if 0.001 <= size < 10 or value == 0
        else f"{value:.2g}"
        if size < 0.001
        else f"{value:.4g}"
        if size < 1000
        else f"{value:,.0f}"
    )
    return f"{text} {unit}".rstrip()


def interval(said: Measure, unit: str = "") -> str:
    if said.low is None or said.high is None:
        return ""
    return f"{number(said.low)} to {number(said.high, unit)}"


def _row(figure: Figure) -> tuple[str, ...]:
    said, base = figure.measure, figure.baseline
    return (
        _WORDS[figure.status] if figure.status else "",
        said.name,
        number(said.value, figure.unit),
        interval(said),
        f"present {number(base.value, figure.unit)}" if base else "",
        figure.bound.words if figure.bound else "",
    )


def _rendered(name: str, report: QualityReport, version: Version, plots: Mapping[str, bytes]) -> str:
    page = name.endswith(".html.jinja")
    template = _environment(page).from_string(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    pictures = {title: base64.b64encode(content).decode("ascii") for title, content in plots.items()}
    return template.render(report=report, version=version, plots=pictures, questions=QUESTIONS, words=_WORDS) + "\n"


def _environment(page: bool) -> jinja2.Environment:
    import jinja2

    made = jinja2.Environment(
        autoescape=page,  # noqa: S701 (Markdown is escaped cell by cell)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"number": number, "cell": _cell, "piped": _piped}
    made.globals |= {"interval": interval, "changed": changed}
    return made


def _cell(value: Cell) -> str:
    return number(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value or ""


def _piped(text: object) -> str:
    """Fit for a cell of a Markdown table."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _annex(row: Mapping[str, Any]) -> Annex:
    rows = tuple(tuple(cells) for cells in row["rows"])
    head = tuple(row["head"])
    if any(len(cells) != len(head) for cells in rows):
        raise ValueError("a row of another width than its head")
    return Annex(row["title"], head, rows, row["note"], tuple(row["sources"]))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

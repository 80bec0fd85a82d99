"""What a run adds to its evaluation for the quality report: times, the present version, and what was asked when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import assessing, challenging, measuring, thresholds, timing
from towpath.project import FILE, Limit, Project
from towpath_checks import quality_report
from towpath_checks.measures import Measure
from towpath_checks.measures.reproducibility import reproducibility
from towpath_checks.quality import ACCURACY, REPRODUCIBILITY, TIMELINESS, Bound, Figure
from towpath_checks.quality_report import Annex, QualityReport, Version
from towpath_core.clock import stamp
from towpath_core.digests import sha256_file
from towpath_core.errors import TowpathError
from towpath_core.files import read_json, write_json, write_text

if TYPE_CHECKING:
    from towpath_core.verdicts import Verdict
    from towpath_registry.store import Store

EVALUATED = "reports/quality.json"
_SOURCES = (FILE, "params.yaml", "reports/metrics.json", EVALUATED, "reports/checks.json", "dvc.lock")
_PACKAGE = ("package",)
_UNITS = {timing.SECONDS: "s", timing.P50: "ms", timing.P95: "ms", timing.ENERGY: "Wh"}


@dataclass(frozen=True, slots=True)
class Later:
    """What was measured after the pipeline, of the packaged model."""

    figures: tuple[Figure, ...]

    @property
    def flat(self) -> dict[str, float]:
        """Name to value of what was assessed."""
        said = [figure.measure for figure in self.figures]
        return {measure.name: measure.value for measure in said if measure.value is not None}

    def judged(self, project: Project) -> list[Verdict]:
        """A verdict for each limit about what was measured here; the others the evaluation has judged."""
        return measuring.held([figure.measure for figure in self.figures], _limits(project))


def later(project: Project, versions: Mapping[str, str], store: Callable[[], Store]) -> Later:
    """Times, what is pinned, and the comparison with the version in production; a part that fails is not assessed."""
    present = project.settings.quality.timeliness.present_seconds_per_1000_records
    declared = None if present is None else Measure(f"baseline_{timing.SECONDS}", present, None, None, 1, "declared")
    figures = [
        Figure(TIMELINESS, said, None, declared if said.name == timing.SECONDS else None, _PACKAGE, _UNITS[said.name])
        for said in _tried(timing.NAMES, lambda: timing.timed(project))
    ]
    figures += [
        Figure(ACCURACY, said, sources=("data/prepared.parquet", "data/splits.parquet", "package"))
        for said in _tried(challenging.NAMES[:1], lambda: challenging.measures(project, store()))
    ]
    made = reproducibility(versions)
    for said in (made.pinned, made.identical_files, made.largest_difference):
        bound = Bound(at_least=1.0) if said is made.pinned else None
        figures.append(Figure(REPRODUCIBILITY, said, bound, sources=("dvc.lock",)))
    limits = _limits(project)
    return Later(tuple(assessing.asked([*figures, *assessing.without_a_figure(limits, figures)], limits)))


def _limits(project: Project) -> dict[str, Limit]:
    """Those about what is measured here."""
    limits = project.settings.limits
    return {name: limits[name] for name in limits.keys() - assessing.limits_of_evaluation(limits).keys()}


def reported(
    project: Project, digest: str, versions: Mapping[str, str], records: Mapping[str, int], made: datetime, said: Later
) -> QualityReport:
    """The whole report of what the project's files now make."""
    figures, annexes = _evaluated(project)
    settings = project.settings
    plots = sorted(str(path.relative_to(project.root)) for path in (project.reports / "plots").glob("*.png"))
    inputs = {name: sha256_file(project.path(name)) for name in (*_SOURCES, *plots) if project.path(name).is_file()}
    return QualityReport(
        model=project.name,
        title=settings.title,
        made=stamp(made),
        digest=digest,
        records=records,
        figures=(*figures, *said.figures),
        annexes=tuple(annexes),
        changes=_changes(project),
        pinned=versions,
        scope=settings.scope.model_dump(),
        owners=settings.owners.model_dump(),
        inputs=inputs,
        started=settings.quality.timeliness.started,
    )


def write(report: QualityReport, folder: Path, plots: Mapping[str, bytes]) -> None:
    """quality_report.json, .html and .md, below `folder`."""
    target = folder / quality_report.FILE
    write_json(target, report.as_json())
    write_text(target.with_suffix(".html"), quality_report.as_html(report, Version(), plots))
    write_text(target.with_suffix(".md"), quality_report.as_markdown(report, Version()))


def _evaluated(project: Project) -> tuple[Sequence[Figure], Sequence[Annex]]:
    """What the evaluate stage left. A pipeline from before leaves nothing, and then nothing of it is assessed."""
    path = project.path(EVALUATED)
    if not path.is_file():
        return [], []
    content: Any = read_json(path, "the evaluation's quality report")
    return quality_report.parts(content)


def _changes(project: Project) -> tuple[str, ...] | None:
    try:
        return tuple(change.sentence for change in thresholds.changed_after_results(project.root))
    except TowpathError:
        return None


def _tried(names: Sequence[str], measure: Callable[[], Sequence[Measure]]) -> Sequence[Measure]:
    try:
        return measure()
    except TowpathError as no:
        return [assessing.none(name, no.message) for name in names]

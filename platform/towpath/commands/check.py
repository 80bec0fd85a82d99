"""`towpath check`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, with_console
from towpath_core.errors import NotFound

if TYPE_CHECKING:
    from towpath.project import Project


@click.command("check")
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Write the reports to this folder.")
@with_console
def command(console: Console, data: Path | None, output: Path | None) -> int:
    """Check the project's data: expectations and rules.

    Without DATA the prepared data are checked (and prepared first, where their inputs are newer), and reports/ gets
    checks.json, checks.html and gx.json. With DATA, a CSV or Parquet file with the prepared columns is checked in the
    same way, and reports are written only where --output says. Exit code 1: the data are not fit.

    \b
    towpath check
    towpath check new_wave.csv --output new_wave_reports
    """
    from towpath import checking
    from towpath import project as projects
    from towpath_checks.report import as_json, as_text

    project = projects.load()
    if data is None:
        _prepare(project, console)
    path = project.prepared if data is None else data
    console.say(f"Checking {path.name}")
    checked = checking.check(project, path, training=data is None)
    folder = output or (project.reports if data is None else None)
    if folder is not None:
        checking.write(checked, folder)
    report = checked.report
    if data is None and checked.records is not None:
        report = replace(report, findings=(*report.findings, checking.leakage(project, checked.records)), notes=())
    content: dict[str, Any] = {key: value for key, value in as_json(report).items() if key != "schema"}
    places = [f"\nReports: {folder}" if output else "\nReports: reports/checks.html"] if folder is not None else []
    console.result(content, "\n".join([as_text(report), *places]))
    return 0 if report.passed else 1


def _prepare(project: Project, console: Console) -> None:
    """Run the prepare stage where what it made is missing or older than what it is made from."""
    from towpath import pipeline

    raw = project.settings.data.raw
    if not project.path(raw).is_file():
        raise NotFound(f"the raw data {raw} are missing", hint="dvc pull, or dvc checkout")
    if _stale(project):
        pipeline.repro(project, ("prepare",), console.say)


def _stale(project: Project) -> bool:
    if not project.prepared.is_file():
        return True
    if not project.path("dvc.yaml").is_file():
        return False
    made = project.prepared.stat().st_mtime
    return any(path.stat().st_mtime > made for path in _made_from(project) if path.exists())


def _made_from(project: Project) -> list[Path]:
    """The files that dvc.yaml names for the prepare stage, and dvc.yaml itself."""
    from towpath_registry import yamls

    content = yamls.load(project.path("dvc.yaml"), "the pipeline")
    stage = content.get("stages", {}).get("prepare", {}) if isinstance(content, dict) else {}
    params = [
        name for entry in stage.get("params", []) for name in (entry if isinstance(entry, dict) else ["params.yaml"])
    ]
    return [project.path(str(name)) for name in ("dvc.yaml", *stage.get("deps", []), *params)]

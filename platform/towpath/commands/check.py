"""`towpath check`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused, NotFound

if TYPE_CHECKING:
    from towpath.checking import Checked, How
    from towpath.project import Project

_ENGINES = ("auto", "fast", "gx", "spark")
_STAGES = ("proof_of_concept", "valid_solution", "production")
_MEMORY = ".towpath/checks"


@click.command("check")
@click.argument("data", required=False)
@click.option("--suite", type=click.Path(dir_okay=False, path_type=Path), help="Check by this suite alone, no rules.")
@click.option("--init", is_flag=True, help="Propose a suite from DATA, to be pruned, into --output.")
@click.option("--output", type=click.Path(path_type=Path), help="The folder for reports; with --init, the suite file.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML to this file.")
@click.option("--name-column", default="", help="The column whose values name a record.")
@click.option("--engine", type=click.Choice(_ENGINES), default="auto", show_default=True, help="Who answers the suite.")
@click.option("--cross-check", is_flag=True, help="Ask great-expectations too; a different verdict fails.")
@click.option("--stage", type=click.Choice(_STAGES), default=_STAGES[0], show_default=True, help="What blocks then.")
@click.option("--again", is_flag=True, help="Read unchanged data, too, and forget the remembered verdict.")
@click.option("--force", is_flag=True, help="With --init: replace the suite that is there.")
@with_console
def command(
    console: Console,
    data: str | None,
    suite: Path | None,
    init: bool,
    output: Path | None,
    junit: Path | None,
    name_column: str,
    engine: Any,
    cross_check: bool,
    stage: str,
    again: bool,
    force: bool,
) -> int:
    """Check data: expectations and rules.

    Without DATA the project's prepared data are checked (and prepared first, where their inputs are newer), and
    reports/ gets checks.json, checks.html and gx.json. With DATA, another table with the prepared columns is checked in
    the same way, and reports are written only where --output says. With --suite any table is checked by that suite
    alone, in a project or outside. Exit code 1: the data are not fit.

    DATA is a Parquet, CSV, CSV.gz, Arrow or Feather file, a folder of Parquet files, file.duckdb::table, or
    postgresql://host/database::schema.table. A verdict on unchanged data is remembered, and says from when.

    \b
    towpath check
    towpath check new_wave.csv --output new_wave_reports
    towpath check --init reference.parquet --output suite.json
    towpath check delivery.parquet --suite suite.json --junit checks.xml
    """
    from towpath import checking

    if init:
        return _init(console, data, output or Path("checks/suite.json"), name_column, force=force)
    if force:
        raise Misused("--force goes with --init", hint="towpath check --help")
    how = checking.How(engine, cross_check, stage, again=again, say=console.say)
    if suite is not None:
        if data is None:
            raise Misused("--suite asks for DATA", hint=f"towpath check DATA --suite {suite}")
        checked = _by_suite(data, suite, how, name_column)
    else:
        checked, output = _in_project(console, data, how, output)
    _tell(console, checked, output, junit)
    return 0 if checked.report.passed else 1


def _by_suite(data: str, suite: Path, how: How, name: str) -> Checked:
    """Remembered in the home, for there may be no project; what a project declares to name somebody is not shown."""
    from dataclasses import replace

    from towpath import checking, project_root
    from towpath_registry.places import home

    how.say(f"Checking {_shown(data)}")
    place = home(os.environ)
    name = name or "record_id"
    if project_root.find() and name in _identifiers():
        name = ""
    return checking.check_table(data, suite, replace(how, memory=_memory(place / "checks", place)), name=name)


def _identifiers() -> tuple[str, ...]:
    from towpath import project as projects

    return projects.load().settings.data.identifiers


def _in_project(console: Console, data: str | None, how: How, output: Path | None) -> tuple[Checked, Path | None]:
    """What was found, and where the reports go. The project's own reports hold no time."""
    from dataclasses import replace

    from towpath import checking
    from towpath import project as projects
    from towpath_registry.places import home

    project = projects.load()
    how = replace(how, memory=_memory(project.path(_MEMORY), home(os.environ)))
    if data is not None:
        console.say(f"Checking {_shown(data)}")
        return checking.check(project, data, how, training=False), output
    _prepare(project, console)
    console.say(f"Checking {project.prepared.name}")
    checked = checking.check(project, project.prepared, how)
    if output is None:
        checking.write(checking.anew(checked), project.reports)
        console.say("  written    reports/checks.html, checks.json, gx.json")
    return checking.with_leakage(project, checked, how), output


def _tell(console: Console, checked: Checked, output: Path | None, junit: Path | None) -> None:
    from towpath import checking
    from towpath_checks.junit import as_junit
    from towpath_checks.report import as_json, as_text
    from towpath_core.files import write_text

    places = []
    if output is not None:
        checking.write(checked, output)
        places.append(f"Reports: {output}")
    if junit is not None:
        write_text(junit, as_junit(checked.report))
        places.append(f"JUnit: {junit}")
    text = "\n".join([as_text(checked.report), *([""] if places else []), *places])
    console.result(as_json(checked.report), text)


def _init(console: Console, data: str | None, output: Path, name: str, *, force: bool) -> int:
    from towpath import checking
    from towpath import project as projects
    from towpath_core.files import write_json

    root = projects.find()
    project = projects.load() if root else None
    if data is None and project is None:
        raise Misused("--init asks for DATA", hint="towpath check --init reference.parquet --output suite.json")
    if output.exists() and not force:
        raise Misused(f"there is {output} already", hint="give another --output, or --force to replace it")
    console.say(f"Looking at {_shown(data) if data else project.prepared.name}")  # type: ignore[union-attr]
    made = checking.propose(data or project.prepared, project, name=name)  # type: ignore[union-attr]
    write_json(output, made)
    count = len(made["expectations"])
    told = [f"{e['type']}  {e['kwargs'].get('column', 'the table')}\n    {e['notes']}" for e in made["expectations"]]
    next_ = f"{made['notes']}\n\n{count} expectations in {output}. Next: open it, and remove what need not hold."
    console.result({"suite": str(output), **made}, "\n".join([*told, "", next_]))
    return 0


def _memory(folder: Path, home: Path) -> Any:
    from towpath_checks.remembered import open_memory

    return open_memory(folder, home)


def _shown(data: str) -> str:
    """Without folders; a database's address is not told before it is known to hold no password."""
    return "a table of a database" if "://" in data else Path(data).name


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

"""`towpath run`."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from towpath.console import Console, decimals, mark, table, with_console

if TYPE_CHECKING:
    from towpath.running import Result


@click.command("run")
@click.option(
    "--experiment", is_flag=True, help="Write the MLflow run but register nothing; allows uncommitted changes."
)
@with_console
def command(console: Console, experiment: bool) -> int:
    """Run the pipeline and register a candidate version.

    DVC runs the stages that changed (prepare, check, split, train, evaluate, package); then one MLflow run with
    parameters, measures, plots and evidence is written, and the package becomes a version of the model. The evidence
    is signed with your own key, which is made on first use. Nothing changed, and the evidence still counts: nothing is
    done. The files that the run made (dvc.lock, reports/) are committed.

    \b
    towpath run
    towpath run --experiment
    """
    from towpath import project as projects
    from towpath import running
    from towpath_core.clock import utc_now

    project = projects.load()
    console.say(f"Running the pipeline of {project.name}")
    result = running.run(project, experiment=experiment, environ=os.environ, clock=utc_now, say=console.say)
    console.result(_content(result), _text(result))
    return 0


def _content(result: Result) -> dict[str, object]:
    return {
        "model": result.name,
        "version": result.version,
        "new": result.new,
        "run_id": result.run_id,
        "stages": dict(result.stages),
        "measures": result.measures["measures"],
        "threshold": result.measures["threshold"],
        "findings": [asdict(f) for f in result.findings],
    }


def _text(result: Result) -> str:
    if not result.new:
        ref = f"{result.name}/{result.version}"
        return f"Nothing changed: {ref} stands.\nNext: towpath show {ref}"
    rows = [(row["name"], decimals(row["value"]), _interval(row), row["note"]) for row in result.measures["measures"]]
    limits = [(mark(f.passed), f.subject, f.got, f.expected) for f in result.findings]
    parts = [
        table(("measure", "value", "95 % interval", "note"), rows),
        table(("limit", "subject", "got", "expected"), limits),
    ]
    if result.version is None:
        parts.append(f"Experiment {result.run_id} is written; nothing is registered.\nNext: towpath ui")
    else:
        ref = f"{result.name}/{result.version}"
        failed = sum(not finding.passed for finding in result.findings)
        after = f"It does not hold {failed} of its limits: promote will refuse it." if failed else ""
        parts += [result.quality, f"Registered {ref}, a candidate. {after}".rstrip()]
        parts[-1] += f"\nNext: towpath report {ref}" if failed else f"\nNext: towpath promote {ref} --to staging"
    return "\n\n".join(parts)


def _interval(row: dict[str, float | None]) -> str | None:
    return None if row.get("low") is None else f"{row['low']:.3f} to {row['high']:.3f}"

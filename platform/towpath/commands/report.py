"""`towpath report`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused

_KINDS = (".html", ".md")


@click.command("report")
@click.argument("ref", metavar="MODEL[/VERSION|@ALIAS]")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the whole report, with its annex, to this file: .html or .md.",
)
@with_console
def command(console: Console, ref: str, output: Path | None) -> int:
    """Show a version's quality in the five dimensions of QF4SA, the present process beside it.

    Explainability, accuracy, reproducibility, timeliness, cost effectiveness: each meets what was asked before the run,
    is to be watched, fails, or is not assessed. The report was made by the run and is kept with the version; what came
    later (levels, the days between them) is added from the registry. A model's name alone means its newest version.

    \b
    towpath report occupation-coder/1
    towpath report occupation-coder@production --output quality.html
    """
    from towpath import reporting
    from towpath_checks import quality_report

    if output is not None and output.suffix not in _KINDS:
        raise Misused(f"{output.name} is no kind of report", hint=f"name it {' or '.join(_KINDS)}")
    found = reporting.found(os.environ, ref)
    if output is not None:
        reporting.write(found, output)
    content = {**found.report.as_json(), "version": found.version_json()}
    text = quality_report.as_text(found.report, found.version)
    after = f"\nReport: {output}" if output else f"\nNext: towpath report {found.version.ref} --output quality.html"
    console.result({k: v for k, v in content.items() if k != "schema"}, f"{text}\n{after}")
    return 0

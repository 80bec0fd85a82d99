"""`towpath recode`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, table, with_console
from towpath_core.errors import Misused

if TYPE_CHECKING:
    from towpath.recoding import Order, Summary

_KINDS = {
    "current": "of the new version already",
    "1:1": "recoded, one code to one",
    "n:1": "recoded, several codes to one",
    "1:n": "to relabel, one code to several",
    "1:0": "to relabel, the code is gone",
    "unknown": "to relabel, no code of the table",
    "missing": "to relabel, there is no label",
    "other version": "to relabel, of no version that the table is about",
}


@click.command("recode")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--correspondence", required=True, type=click.Path(path_type=Path), help="A CSV with from_code and to_code."
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Write the recoded records here.")
@click.option("--relabel", required=True, type=click.Path(path_type=Path), help="Write the records for people here.")
@click.option("--column", help="The column with the labels; else the project's target.")
@click.option("--version-column", help="The column with each label's version; else the project's data.label_version.")
@click.option("--to-version", help="The new version; else the table's to_version, else the project's nomenclature.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@with_console
def command(
    console: Console,
    data: Path,
    correspondence: Path,
    output: Path,
    relabel: Path,
    column: str | None,
    version_column: str | None,
    to_version: str | None,
    force: bool,
) -> None:
    """Bring labels to a new version of the nomenclature.

    A code with one new code is recoded. A code with several, with none, or that the table does not have is for
    people: those records go to the other file, with the codes to choose from. DATA and both files are CSV (.csv,
    .csv.gz) or all Parquet; each record is in exactly one of the two.

    \b
    towpath recode raw.csv --correspondence soc2010_2020.csv --output recoded.csv --relabel to_relabel.csv
    """
    from towpath import project as projects
    from towpath import recoding
    from towpath_checks import correspondence as correspondences

    project = projects.load() if projects.find() else None
    if project:
        said = project.settings
        column = said.data.target if column is None else column
        version_column = said.data.label_version if version_column is None else version_column
    if not column:
        raise Misused("which column has the labels?", hint="--column code, or cd into a project")
    asked = correspondences.read(correspondence, str(correspondence))
    if project and not to_version and not asked.to_version:
        to_version = project.settings.nomenclature.version
    order = recoding.Order(data, output, relabel, column, version_column or "", to_version or "", force, correspondence)
    summary = recoding.recode(order, asked, console.say)
    console.result(*_told(summary, order))


def _told(summary: Summary, order: Order) -> tuple[dict[str, Any], str]:
    unknown = summary.unknown_codes()
    content = {
        "records": summary.records,
        "output": {"file": str(order.output), "records": summary.written},
        "relabel": {"file": str(order.relabel), "records": summary.to_relabel},
        "counts": dict(summary.counts),
        "split_codes": dict(sorted(summary.split.items())),
        "unknown_codes": {"different": len(summary.unknown), "examples": list(unknown)},
    }
    rows = [(f"{n:,}", kind, _KINDS[kind]) for kind, n in summary.counts.items() if n]
    lines = [table(("records", "kind", ""), rows), ""]
    lines.append(f"{summary.written:,} records in {order.output}, {summary.to_relabel:,} in {order.relabel}")
    if summary.unknown:
        lines.append(f"{len(summary.unknown)} unknown codes" + (f", such as {', '.join(unknown)}" if unknown else ""))
    return content, "\n".join(lines)

"""towpath score"""

from __future__ import annotations

import os
from pathlib import Path

import click

from towpath.console import Console, with_console


@click.command("score")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--model", "ref", metavar="REF", help="A version, as in occupation-coder/3; else the project's in production."
)
@click.option("--strict", is_flag=True, help="Write nothing, and end with 1, if a record is rejected.")
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
@click.option("--record-id", default="record_id", show_default=True, help="The column to keep beside the answers.")
@click.option("--delimiter", default=",", show_default=True, help="What separates the columns of a CSV file.")
@with_console
def command(
    console: Console,
    source: Path,
    target: Path,
    ref: str | None,
    strict: bool,
    force: bool,
    record_id: str,
    delimiter: str,
) -> None:
    """Predict the records of a file.

    IN and OUT are CSV (.csv, .csv.gz) or Parquet (.parquet). Each record gets the most probable labels, the decision
    (auto, review or rejected) with its reason, and the model, digest and threshold that it was decided by. A bad
    record is rejected; it is never dropped.

    \b
    towpath score in.csv out.parquet
    towpath score in.csv.gz out.csv --model occupation-coder/3 --strict
    """
    from towpath import releases, scoring
    from towpath_serve.predictor import Predictor

    order = scoring.Order(source, target, record_id, delimiter, force, strict)
    scoring.check(order)
    with releases.opened(ref, os.environ) as release:
        predictor = Predictor.open(release.folder, digest=release.digest, version=release.ref)
        predictor.prove()
        summary = scoring.score(predictor, order, say=console.say)
    if summary.rejected > scoring.SHOWN:
        more = summary.rejected - scoring.SHOWN
        console.say(f"… and {more} more: all of them are in {target}, with the decision rejected")
    console.result(*scoring.told(summary, order, predictor))

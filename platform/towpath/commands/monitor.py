"""`towpath monitor`."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from towpath.console import Console, mark, table, with_console

if TYPE_CHECKING:
    from towpath.monitoring import Watch
    from towpath.waves import Wave


@click.command("monitor")
@click.argument("ref", required=False)
@click.option("--wave", "waves", multiple=True, help="Only this wave; may be given more than once.")
@with_console
def command(console: Console, ref: str | None, waves: tuple[str, ...]) -> int:
    """Compare arriving waves with the training data.

    REF is a version such as occupation-coder/1 (default: the project's model at production). Each wave of the data
    that was not for training is scored and compared with the profile of training: inputs, answers, confidence, and
    accuracy where labels exist. Exit code 1 says that a limit of towpath.yaml, monitoring, is broken.

    \b
    towpath monitor
    towpath monitor occupation-coder/1 --wave 2016
    """
    from towpath import monitoring
    from towpath import project as projects
    from towpath_core.clock import utc_now
    from towpath_core.refs import ModelRef

    project = projects.load()
    chosen = ModelRef.parse(ref) if ref else ModelRef(project.name, alias="production")
    console.say(f"Monitoring {chosen}")
    watch = monitoring.monitor(project, chosen, waves, environ=os.environ, clock=utc_now, say=console.say)
    console.result(_content(watch), _text(watch))
    return 0 if watch.passed else 1


def _content(watch: Watch) -> dict[str, object]:
    return {
        "model": watch.ref,
        "passed": watch.passed,
        "experiment": watch.experiment,
        "link": watch.link,
        "waves": [
            {
                "wave": wave.name,
                "records": wave.n,
                "passed": wave.passed,
                "measures": dict(wave.measures),
                "findings": [asdict(f) for f in wave.findings],
            }
            for wave in watch.waves
        ],
    }


def _text(watch: Watch) -> str:
    head = (
        "wave",
        "records",
        "accuracy",
        "95 % interval",
        "auto rate",
        "auto accuracy",
        "confidence",
        "worst drift",
        "",
    )
    rows = [
        (
            wave.name,
            wave.n,
            _number(wave, watch.accuracy),
            _interval(wave, watch.accuracy),
            _number(wave, "automatic_coding_rate"),
            _number(wave, "accuracy_automatic"),
            _number(wave, "confidence_mean"),
            _worst(wave),
            mark(wave.passed),
        )
        for wave in watch.waves
    ]
    broken = [wave.sentence for wave in watch.waves if not wave.passed]
    head_line = f"{watch.ref} needs a look: limits are broken." if broken else "No limit is broken."
    verdict = "\n".join([head_line, *broken])
    return f"{table(head, rows)}\n\n{verdict}\n\nCharts: towpath ui, then {watch.link}"


def _number(wave: Wave, key: str) -> str | None:
    value = wave.measures.get(key)
    return None if value is None else f"{value:.3f}"


def _interval(wave: Wave, name: str) -> str | None:
    low, high = wave.measures.get(f"{name}_low"), wave.measures.get(f"{name}_high")
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _worst(wave: Wave) -> str:
    worst = max(wave.drifts, key=lambda found: found.psi)
    return f"{worst.name} {worst.psi:.3f}"

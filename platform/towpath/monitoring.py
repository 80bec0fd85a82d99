"""Arriving waves, compared one by one and kept in MLflow: a run for each wave, a run of the version over time."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import pipeline, stages
from towpath.project import Project
from towpath.waves import Wave, compare, finest, wave_time
from towpath_core.clock import Clock
from towpath_core.errors import Misused, NotFound
from towpath_core.files import read_json, write_json, write_text
from towpath_core.refs import ModelRef
from towpath_registry.actor import actor
from towpath_registry.mlflow_views import saved_view, view_link
from towpath_registry.places import artifacts, tracking_uri
from towpath_registry.store import open_store

if TYPE_CHECKING:
    import pandas as pd

    from towpath_core.manifest import Manifest
    from towpath_registry.mlflow_door import Tracking
    from towpath_registry.nouns import ModelVersion

_VIEW = "towpath-monitoring"


@dataclass(frozen=True, slots=True)
class Watch:
    """The waves of one model version, the name of its finest accuracy, and where MLflow shows them."""

    ref: str
    accuracy: str
    waves: tuple[Wave, ...]
    experiment: str
    link: str

    @property
    def passed(self) -> bool:
        return bool(self.waves) and all(wave.passed for wave in self.waves)


def monitor(
    project: Project, ref: ModelRef, names: Sequence[str], *, environ: Mapping[str, str], clock: Clock,
    say: Callable[[str], None],
) -> Watch:  # fmt: skip
    """Compare the waves (all that are not for training, or the named ones) and write what was found to MLflow.

    Raises: NotFound for an unknown version or without arrived waves, Misused for a wave that is not in the data and
    for a model of other inputs.
    """
    from towpath_registry.mlflow_door import Tracking
    from towpath_serve.predictor import Predictor

    store = open_store(environ)
    version = store.version(ref)
    pipeline.repro(project, ["prepare"])  # a wave that has just arrived is in the raw data only
    records, steps = _arrived(project, names)
    tracking = Tracking(tracking_uri(environ), artifacts(environ), actor(environ))
    with tempfile.TemporaryDirectory(prefix="towpath-monitor-") as temporary:
        reference = _reference(tracking, version, Path(temporary))
        with store.model_folder(version) as folder:
            predictor = Predictor.open(folder, digest=version.digest, version=version.ref)
            _same_inputs(project, predictor.manifest, version.ref)
            waves = []
            for name, frame in records.items():
                waves.append(compare(project, predictor, reference, name, frame))
                say(f"  {name:<10} {'nothing unusual' if waves[-1].passed else 'limits are broken'}")
    floor = reference["accuracy"] - project.settings.monitoring.accuracy_drop
    experiment, series, link = _write(project, tracking, version, waves, steps, clock())
    if len(waves) == len(steps):  # the picture of some waves would take the place of the picture of all
        _draw_over_time(tracking, series, waves, finest(project), floor)
    return Watch(version.ref, finest(project), tuple(waves), experiment, link)


def _arrived(project: Project, names: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The records of each wave asked for, and the place of every arrived wave in time."""
    data = project.settings.data
    records = stages.prepared(project)
    arrived = sorted(set(records[data.wave]) - set(data.train_waves))
    if unknown := sorted(set(names) - set(arrived)):
        raise Misused(f"no wave {', '.join(unknown)} has arrived", hint=f"arrived: {', '.join(arrived) or 'none'}")
    if not arrived:
        raise NotFound(
            f"every record has a {data.wave} that the model was trained on",
            hint="add the new wave to the raw data (dvc add), then towpath run",
        )
    by_wave = dict(tuple(records.groupby(data.wave)))
    in_time = sorted(arrived, key=lambda name: (wave_time(name), name))
    frames = {name: by_wave[name].reset_index(drop=True) for name in (names or arrived)}
    return frames, {name: step for step, name in enumerate(in_time)}


def _same_inputs(project: Project, manifest: Manifest, ref: str) -> None:
    takes = [field.name for field in manifest.inputs]
    if (takes, manifest.task) != (project.input_names(), project.settings.task):
        raise Misused(
            f"{ref} is no model of these data: it takes {', '.join(takes)}; the project has "
            f"{', '.join(project.input_names())}",
            hint=f"towpath show {project.name}",
        )


def _reference(tracking: Tracking, version: ModelVersion, scratch: Path) -> dict[str, Any]:
    path = tracking.download(version.run_id, "reports/profile.json", scratch)
    content: dict[str, Any] = read_json(path, "the training profile")
    return content


def _write(
    project: Project,
    tracking: Tracking,
    version: ModelVersion,
    waves: Sequence[Wave],
    steps: Mapping[str, int],
    now: datetime,
) -> tuple[str, str, str]:
    """The ids of the experiment and of the run over time, and the link of the charts.

    What an earlier call wrote is found and left as it is.
    """
    from towpath_registry.mlflow_door import Point, RunRecord

    keys = sorted({key for wave in waves for key, value in wave.measures.items() if value is not None})
    sections = _sections(keys)
    view = f"{_VIEW}-{version.version}"
    tag = saved_view(view, f"Monitoring of {version.ref}", sections, f"attributes.run_name = '{version.ref}'", now)
    kind = {"mlflow.experimentKind": "custom_model_development", "towpath.model": project.name}
    experiment = tracking.experiment(f"{project.name}/monitoring", {**kind, tag[0]: tag[1]})
    series_tags = {"towpath.series": "true", "towpath.digest": version.digest, "towpath.version": version.ref}
    found = tracking.find_runs(experiment, series_tags)
    series = next(iter(found), "") or tracking.log_run(
        experiment, RunRecord(version.ref, now, now, {**series_tags, "mlflow.note.content": _note(version)})
    )
    limits = project.settings.monitoring
    for wave in sorted(waves, key=lambda wave: steps[wave.name]):
        step = steps[wave.name]
        tags = {"towpath.wave": wave.name, "towpath.wave_digest": wave.digest, "towpath.digest": version.digest}
        # other limits may give another verdict, which is another run
        tags["towpath.limits"] = f"psi {limits.psi}, accuracy_drop {limits.accuracy_drop}"
        if tracking.find_runs(experiment, tags):
            continue
        points = [Point(key, value, wave.time, step) for key, value in wave.measures.items() if value is not None]
        tracking.log_points(series, points)
        with tempfile.TemporaryDirectory(prefix="towpath-wave-") as temporary:
            _artifacts(Path(temporary), wave)
            extra = {"towpath.version": version.ref, "towpath.outcome": wave.sentence[:5000]}
            tracking.log_run(
                experiment,
                RunRecord(f"{version.ref} wave {wave.name}", now, now, {**tags, **extra}, metrics=points,
                          artifacts=Path(temporary), parent=series),
            )  # fmt: skip
    link = view_link(experiment, view)
    described = version.description.split("\n\n[Monitoring")[0] + f"\n\n[Monitoring: charts over time]({link})\n"
    tracking.describe_version(version.name, version.version, {"towpath.monitoring": link}, described)
    return experiment, series, link


def _draw_over_time(tracking: Tracking, series: str, waves: Sequence[Wave], name: str, floor: float) -> None:
    """The accuracy of the labelled waves with intervals and limit, which MLflow's own charts cannot draw."""
    from towpath import plots

    rows = [
        (wave.name, wave.measures[name], wave.measures[f"{name}_low"], wave.measures[f"{name}_high"])
        for wave in sorted(waves, key=lambda wave: (wave.time, wave.name))
        if wave.measures.get(name) is not None and wave.measures.get(f"{name}_low") is not None
    ]
    if not rows:
        return
    with tempfile.TemporaryDirectory(prefix="towpath-series-") as temporary:
        names, values, low, high = zip(*rows, strict=True)
        plots.over_time(Path(temporary) / "accuracy.png", f"{name} of the waves", names, values, low, high, floor)
        tracking.add_files(series, Path(temporary))


def _sections(keys: Sequence[str]) -> dict[str, list[str]]:
    """The charts' headings: what a methodologist looks at first comes first."""
    whole = [key for key in keys if not key.endswith(("_low", "_high"))]
    chosen = {
        "Accuracy": [k for k in whole if k.startswith(("accuracy", "top_", "macro_f1"))],
        "Automatic coding and confidence": [k for k in whole if k.startswith(("automatic", "confidence", "ece"))],
        "Drift": [k for k in whole if k.startswith("drift/")],
        "Volume": [k for k in whole if k in ("records", "labelled")],
    }
    return {heading: metrics for heading, metrics in chosen.items() if metrics}


def _note(version: ModelVersion) -> str:
    return f"Every measure of {version.ref} over its waves. The waves themselves are the runs below this one."


def _artifacts(folder: Path, wave: Wave) -> None:
    from towpath import plots

    content = {
        "schema": 1,
        "wave": wave.name,
        "records": wave.n,
        "passed": wave.passed,
        "measures": dict(wave.measures),
        "drift": [asdict(found) for found in wave.drifts],
        "findings": [asdict(finding) for finding in wave.findings],
    }
    write_json(folder / "wave.json", content)
    write_text(folder / "drift.html", _html(wave))
    names = list(wave.shares)[:25]
    if names:
        plots.compared_shares(
            folder / "answers.png", f"Answers in wave {wave.name}", names,
            [wave.shares[name][0] for name in names], [wave.shares[name][1] for name in names],
        )  # fmt: skip
    plots.ranked(
        folder / "drift.png", f"Drift of wave {wave.name}", [d.name for d in wave.drifts], [d.psi for d in wave.drifts],
        [max(d.limit, d.null_limit) for d in wave.drifts],
    )  # fmt: skip


def _html(wave: Wave) -> str:
    """The drift table, complete in itself."""
    rows = "".join(
        f"<tr class={'drifted' if d.drifted else 'quiet'}><td>{html.escape(d.name)}<td>{html.escape(d.kind)}"
        f"<td>{d.psi:.4f}<td>{d.limit:.3f}<td>{d.null_limit:.4f}<td>{'drifted' if d.drifted else 'no'}"
        for d in wave.drifts
    )
    return (
        "<!doctype html><meta charset=utf-8><title>Drift</title><style>body{font:15px system-ui;margin:2em}"
        "table{border-collapse:collapse}td,th{padding:.3em .9em;border-bottom:1px solid #ddd;text-align:left}"
        ".drifted td{color:#a33;font-weight:600}</style>"
        f"<h1>Wave {html.escape(wave.name)}</h1><p>{html.escape(wave.sentence)}<table><tr><th>feature<th>kind<th>PSI"
        f"<th>limit<th>limit by chance (99 %)<th>verdict</tr>{rows}</table>\n"
    )

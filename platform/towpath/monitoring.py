"""Arriving waves against the training data: inputs, answers, confidence, and accuracy where labels exist.

What a wave is compared with is the profile that evaluation made: counts, no records. Each wave is one MLflow run; a
further run of the model version holds every measure over time.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import stages, tasks
from towpath.project import Project
from towpath_core.clock import Clock
from towpath_core.digests import sha256_bytes
from towpath_core.errors import Misused, NotFound
from towpath_core.files import read_json, write_json, write_text
from towpath_core.refs import ModelRef
from towpath_core.verdicts import Verdict
from towpath_registry.actor import actor
from towpath_registry.mlflow_views import saved_view, view_link
from towpath_registry.places import artifacts, tracking_uri
from towpath_registry.store import open_store

if TYPE_CHECKING:
    import pandas as pd

    from towpath_checks.drift import Drift
    from towpath_checks.measures import Measure
    from towpath_registry.mlflow_door import Tracking
    from towpath_registry.nouns import ModelVersion
    from towpath_serve.predictor import Predictor

_VIEW = "towpath-monitoring"


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave, compared: drift of each feature, measures (None: not assessed), and what passed a limit."""

    name: str
    time: datetime
    digest: str
    n: int
    drifts: tuple[Drift, ...]
    measures: Mapping[str, float | None]
    findings: tuple[Verdict, ...]
    shares: Mapping[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def sentence(self) -> str:
        """What a person needs to know of the wave."""
        drifted = sorted((found for found in self.drifts if found.drifted), key=lambda found: -found.psi)
        names = ", ".join(f"{found.name.replace('_', ' ')} (PSI {found.psi:.2f})" for found in drifted)
        reasons = [f"drift in {names}"] if drifted else []
        reasons += [f.reason for f in self.findings if not f.passed and not f.gate.startswith("drift/")]
        return f"Wave {self.name}, {self.n} records: {'; '.join(reasons) or 'nothing unusual'}."


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

    Raises: NotFound for an unknown version or without arrived waves, Misused for a wave that is not in the data.
    """
    from towpath_registry.mlflow_door import Tracking
    from towpath_serve.predictor import Predictor

    store = open_store(environ)
    version = store.version(ref)
    records = _arrived(project, names)
    tracking = Tracking(tracking_uri(environ), artifacts(environ), actor(environ))
    with tempfile.TemporaryDirectory(prefix="towpath-monitor-") as temporary:
        reference = _reference(tracking, version, Path(temporary))
        with store.model_folder(version) as folder:
            predictor = Predictor.open(folder, digest=version.digest, version=version.ref)
            waves = []
            for name, frame in records.items():
                waves.append(compare(project, predictor, reference, name, frame))
                say(f"  {waves[-1].sentence}")
    experiment, link = _write(project, tracking, version, waves, clock())
    return Watch(version.ref, finest(project), tuple(waves), experiment, link)


def _arrived(project: Project, names: Sequence[str]) -> dict[str, pd.DataFrame]:
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
    return {name: by_wave[name].reset_index(drop=True) for name in (names or arrived)}


def _reference(tracking: Tracking, version: ModelVersion, scratch: Path) -> dict[str, Any]:
    path = tracking.download(version.run_id, "reports/profile.json", scratch)
    content: dict[str, Any] = read_json(path, "the training profile")
    return content


def compare(
    project: Project, predictor: Predictor, reference: Mapping[str, Any], name: str, frame: pd.DataFrame
) -> Wave:
    """One wave against the training profile. Nothing is written."""
    import pandas as pd

    from towpath import measuring
    from towpath_checks import drift

    settings = project.settings
    task = tasks.find(settings.task)
    said = measuring.Answered(predictor.probabilities(frame[project.input_names()]), predictor.classes)
    features, _ = task.features(project, frame, reference["features"])
    answered = measuring.answer_frame(project, said)
    limit = float(settings.monitoring.psi)
    drifts = [
        *drift.compare(reference["inputs"], features, limit=limit),
        *drift.compare(reference["answers"], answered, limit=limit),
    ]
    threshold = predictor.manifest.threshold
    truth = frame[settings.data.target].fillna("").astype(str).to_numpy(dtype=str)
    labelled = truth != ""
    measured = []
    if labelled.any():
        known = measuring.Answered(said.probabilities[labelled], said.classes)
        measured = measuring.measures(truth[labelled], known, settings.nomenclature.levels, threshold.value)
    findings = [_drift_finding(found) for found in drifts]
    findings += _accuracy_findings(project, measured, reference["accuracy"], threshold.target)
    flat = {
        **measuring.flat(measured),
        "records": float(len(frame)),
        "labelled": float(labelled.sum()),
        "confidence_mean": float(said.score.mean()),
        "automatic_coding_rate": float((said.score >= threshold.value).mean()) if threshold.value is not None else 0.0,
        **{f"drift/{found.name}": found.psi for found in drifts},
    }
    shares = _shares(reference["answers"], answered)
    hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
    return Wave(name, wave_time(name), sha256_bytes(hashed), len(frame), tuple(drifts), flat, tuple(findings), shares)


def wave_time(name: str) -> datetime:
    """The start of the period that the wave's name begins with (2016, 2016-07, 2016-07-01), UTC; else the epoch.

    The charts' time axis is the period of the data, not the moment of the comparison.
    """
    found = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?(?!\d)", name)
    year, month, day = (int(part or 1) for part in found.groups()) if found else (1970, 1, 1)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _drift_finding(found: Drift) -> Verdict:
    return Verdict(
        f"drift/{found.name}",
        not found.drifted,
        f"the {found.name.replace('_', ' ')} of {found.n} records",
        f"PSI {found.psi:.3f}",
        f"at most {max(found.limit, found.null_limit):.3f}"
        + (" (what chance alone gives for so few records)" if found.null_limit > found.limit else ""),
    )


def _accuracy_findings(project: Project, measured: Sequence[Measure], reference: float, target: float) -> list[Verdict]:
    """A limit is broken when the whole 95 % interval lies below it: a small wave is not called bad by chance."""
    floors = {
        finest(project): ("accuracy", reference - project.settings.monitoring.accuracy_drop),
        "accuracy_automatic": ("accuracy of the automatically coded", target),
    }
    findings = []
    for measure in measured:
        if measure.name in floors and measure.value is not None and measure.high is not None:
            what, floor = floors[measure.name]
            got = f"{measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})"
            findings.append(
                Verdict(measure.name, bool(measure.high >= floor), f"the {what}", got, f"at least {floor:.3f}")
            )
    return findings


def finest(project: Project) -> str:
    """The name of the accuracy of the whole label."""
    levels = project.settings.nomenclature.levels
    return f"accuracy_{levels[-1]}" if levels else "accuracy"


def _shares(profile: Mapping[str, Any], answered: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Each answer of the reference: its share there, and in the wave."""
    column = profile["columns"]["answer"]
    counts = answered["answer"].value_counts()
    named = zip(column["values"], column["counts"], strict=True)
    return {
        value: (count / profile["records"], float(counts.get(value, 0)) / len(answered))
        for value, count in sorted(named)
    }


def _write(
    project: Project,
    tracking: Tracking,
    version: ModelVersion,
    waves: Sequence[Wave],
    now: datetime,
) -> tuple[str, str]:
    """The experiment's id and the link of its charts. What an earlier call wrote is found and left as it is."""
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
    for step, wave in enumerate(sorted(waves, key=lambda wave: (wave.time, wave.name))):
        tags = {"towpath.wave": wave.name, "towpath.wave_digest": wave.digest, "towpath.digest": version.digest}
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
    return experiment, link


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
        "findings": [
            {"gate": f.gate, "passed": f.passed, "subject": f.subject, "got": f.got, "expected": f.expected}
            for f in wave.findings
        ],
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

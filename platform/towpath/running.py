"""One run: the pipeline by DVC, then one MLflow run made from what the stages left, then a candidate version.

The stages are pure files and know nothing of MLflow. A run that was interrupted is taken up by the next: DVC keeps the
finished stages, and nothing is registered before the last step.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import environment, git, pipeline, stages, tasks
from towpath.project import FILE, Project
from towpath_core.clock import Clock, short
from towpath_core.digests import dir_hash, sha256_file
from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_core.files import read_json, write_json
from towpath_core.verdicts import Verdict
from towpath_registry import evidence
from towpath_registry.mlflow_views import run_link
from towpath_registry.places import artifacts, ensure_home, tracking_uri
from towpath_registry.store import open_store

if TYPE_CHECKING:
    from towpath_registry.mlflow_door import Point, RunRecord
    from towpath_registry.nouns import ModelVersion

_MADE_BY_RUN = ("dvc.lock", "reports")
_PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to: the version it registered or found, or none for an experiment."""

    name: str
    version: int | None
    run_id: str
    new: bool
    findings: tuple[Verdict, ...]
    measures: Mapping[str, Any]
    stages: Mapping[str, str]


def run(
    project: Project, *, experiment: bool, environ: Mapping[str, str], clock: Clock, say: Callable[[str], None]
) -> Result:
    """Run the pipeline and register a candidate; with `experiment`, write the MLflow run only.

    Raises: Refused for a dirty tree (unless `experiment`) and when a stage says no, CouldNot for what is missing.
    """
    tasks.find(project.settings.task)
    if not experiment:
        _refuse_dirty(project)
    started = clock()
    with _alone(project):
        outcome = pipeline.repro(project, on_line=_warming_up(say))
        digest = dir_hash(project.package)
        if not experiment:
            if git.commit(project.root, _MADE_BY_RUN, f"Run the pipeline: package {digest[7:19]}"):
                say("  committed  dvc.lock and reports/")
            _refuse_dirty(project)
        measured = read_json(project.reports / "metrics.json", "the evaluation's report")
        findings = tuple(Verdict(**finding) for finding in measured["findings"])
        versions = provenance(project, measured["threshold"]["value"])
        known = None if experiment else _known(project.name, digest, versions, environ)
        if known is not None:
            return Result(project.name, known.version, known.run_id, False, findings, measured, outcome.stages)
        for difference in environment.differences(project.path("requirements.lock")):
            say(f"  note: {difference}")
        written = _write(project, outcome, digest, versions, measured, findings, experiment, environ, started, clock)
    run_id, version = written
    return Result(project.name, version, run_id, True, findings, measured, outcome.stages)


def provenance(project: Project, threshold: float | None) -> dict[str, str]:
    """The seven versions behind the model that the project's files now make."""
    data, nomenclature = project.settings.data, project.settings.nomenclature
    return {
        "commit": git.head(project.root),
        "data": pipeline.tracked(project, project.path(data.raw)),
        "params": sha256_file(project.path("params.yaml")),
        "environment": sha256_file(project.path("requirements.lock")),
        "pipeline": sha256_file(project.path("dvc.lock")),
        "nomenclature": f"{nomenclature.name} {nomenclature.version} {sha256_file(project.path(nomenclature.file))}",
        "threshold": "none: every record goes to a person" if threshold is None else f"p1 >= {threshold!r}",
    }


def _refuse_dirty(project: Project) -> None:
    if paths := git.changed(project.root, but=_MADE_BY_RUN):
        shown = ", ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
        raise Refused(
            f"the project has changes that no commit holds: {shown}",
            hint="git add -A && git commit, then towpath run; or towpath run --experiment, which registers nothing",
        )


@contextlib.contextmanager
def _alone(project: Project) -> Iterator[None]:
    """One run at a time in one project; the system lets the lock go when the process ends, however it ends."""
    path = project.path(".dvc/tmp/towpath.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CouldNot("another towpath run works on this project", hint="wait for it to end") from error
        yield


def _warming_up(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say each line; from the first stage that runs on, import MLflow beside it, which then costs no time."""
    begun = False

    def on_line(line: str) -> None:
        nonlocal begun
        if "running" in line and not begun:
            begun = True
            threading.Thread(target=_import_mlflow, daemon=True).start()
        say(line)

    return on_line


def _import_mlflow() -> None:
    with contextlib.suppress(Exception):  # whoever needs it next meets the same error, and says so
        import mlflow  # noqa: F401


def _known(name: str, digest: str, versions: Mapping[str, str], environ: Mapping[str, str]) -> ModelVersion | None:
    """The version that already holds these bytes, made by this pipeline lock in this environment."""
    try:
        listed = open_store(environ).versions(name)
    except NotFound:
        return None
    same = {"towpath.digest": digest, **{f"towpath.{key}": versions[key] for key in ("pipeline", "environment")}}
    return next((v for v in listed if all(v.tags.get(key) == value for key, value in same.items())), None)


def _write(
    project: Project,
    outcome: pipeline.Outcome,
    digest: str,
    versions: Mapping[str, str],
    measured: Mapping[str, Any],
    findings: tuple[Verdict, ...],
    experiment: bool,
    environ: Mapping[str, str],
    started: datetime,
    clock: Clock,
) -> tuple[str, int | None]:
    from towpath_registry.mlflow_door import Point, Tracking

    ensure_home(environ)
    tracking = Tracking(tracking_uri(environ), artifacts(environ), actor(environ))
    now = clock()
    values = {key: value for key, value in measured["flat"].items() if value is not None}
    seconds = {f"seconds/{stage}": spent for stage, spent in outcome.seconds.items()}
    points = [Point(key, float(value), now) for key, value in {**values, **seconds}.items()]
    experiment_id = tracking.experiment(project.name, {"mlflow.experimentKind": "custom_model_development"})
    with tempfile.TemporaryDirectory(prefix="towpath-run-") as temporary:
        folder = Path(temporary)
        _gather(project, folder)
        _write_evidence(project, folder, digest, measured, findings, now, actor(environ))
        record = _record(project, outcome, versions, points, folder, experiment, started, now)
        run_id = tracking.log_run(experiment_id, record)
    model_id = tracking.log_model(experiment_id, run_id, project.name, project.package, points)
    if experiment:
        return run_id, None
    tags = {f"towpath.{key}": value for key, value in versions.items()}
    tags |= {"towpath.digest": digest, "towpath.task": project.settings.task}
    description = _description(project, measured, findings, experiment_id, run_id)
    return run_id, tracking.register(project.name, model_id, run_id, tags, description)


def _record(
    project: Project,
    outcome: pipeline.Outcome,
    versions: Mapping[str, str],
    points: list[Point],
    folder: Path,
    experiment: bool,
    started: datetime,
    now: datetime,
) -> RunRecord:
    from towpath_registry.mlflow_door import RunRecord, Source

    tags = {f"towpath.{key}": value for key, value in versions.items()}
    tags |= {f"towpath.stage.{stage}": what for stage, what in outcome.stages.items()}
    tags |= {"mlflow.source.git.commit": versions["commit"], "mlflow.runColor": "#1f6f8b"}
    if experiment:
        changed = git.changed(project.root)
        tags |= {"towpath.experiment": "true", "towpath.changed_files": str(len(changed))}
    raw = project.settings.data.raw
    return RunRecord(
        name=f"{short(started)} {versions['commit'][:7]}{'*' if experiment else ''}",
        started=started,
        ended=now,
        tags=tags,
        params=_flat(stages.params_of(project)),
        metrics=points,
        artifacts=folder,
        sources=[Source(raw, f"https://towpath.invalid/dvc/{raw}", versions["data"].removeprefix("md5:"))],
    )


def _gather(project: Project, folder: Path) -> None:
    """What an auditor wants beside the model: settings, lock, reports, plots."""
    for name in (FILE, "params.yaml", "dvc.yaml", "dvc.lock", "requirements.lock"):
        _put(project.path(name), folder / "pipeline" / name)
    for path in sorted(project.reports.glob("*.*")):
        _put(path, folder / "reports" / path.name)
    for path in sorted((project.reports / _PLOTS).glob("*.*")):
        _put(path, folder / _PLOTS / path.name)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_evidence(
    project: Project,
    folder: Path,
    digest: str,
    measured: Mapping[str, Any],
    findings: tuple[Verdict, ...],
    now: datetime,
    by: str,
) -> None:
    made = pipeline.outputs(pipeline.lock(project))
    inputs = {path: made[path] for path in (project.settings.data.prepared, project.settings.data.splits) if path in made}
    inputs["dvc.lock"] = sha256_file(project.path("dvc.lock"))
    checks = checked(project)
    common: dict[str, Any] = {"model": project.name, "digest": digest, "inputs": inputs, "made": now, "by": by}
    quality = evidence.statement("quality", findings=findings, measures=measured["flat"], **common)
    data = evidence.statement("data-checks", findings=checks, measures={"findings": float(len(checks))}, **common)
    for name, content in (("quality", quality), ("data-checks", data)):
        write_json(folder / evidence.FOLDER / f"{name}.json", content)


def checked(project: Project) -> tuple[Verdict, ...]:
    """The blocking findings of the data checks and of the split, from the stages' reports."""
    report = read_json(project.reports / "checks.json", "the data checks' report")
    leakage = read_json(project.reports / "leakage.json", "the split's report")
    rows = [finding for finding in [*report["findings"], leakage] if finding["severity"] == "error"]
    return tuple(Verdict(f["gate"], f["passed"], f["subject"], f["got"], f["expected"]) for f in rows)


def _description(
    project: Project, measured: Mapping[str, Any], findings: tuple[Verdict, ...], experiment_id: str, run_id: str
) -> str:
    """Markdown for the version's page in the MLflow UI."""
    rows = "\n".join(
        f"| {row['name']} | {row['value']:.3f} | {_between(row)} |" for row in measured["measures"] if row["value"] is not None
    )
    failed = [f"- {finding.reason}" for finding in findings if not finding.passed]
    verdict = "All limits of towpath.yaml hold." if not failed else "Limits that do not hold:\n" + "\n".join(failed)
    return (
        f"**{project.settings.title}**\n\n{verdict}\n\n| measure | value | 95 % interval |\n|---|---|---|\n{rows}\n\n"
        f"[Run, plots and evidence]({run_link(experiment_id, run_id)})\n"
    )


def _between(row: Mapping[str, Any]) -> str:
    return "–" if row.get("low") is None else f"{row['low']:.3f} to {row['high']:.3f}"


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


"""One run: the pipeline by DVC, then one MLflow run made from what the stages left, then a candidate version.

The stages are pure files and know nothing of MLflow. A run that was interrupted is taken up by the next: DVC keeps the
finished stages, and nothing is registered before the last step.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import environment, git, pipeline, quality, stages, tasks
from towpath.console import decimals
from towpath.project import FILE, Project
from towpath_checks import quality_report
from towpath_core.clock import Clock, short
from towpath_core.digests import dir_hash, sha256_file
from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_core.files import read_json
from towpath_core.verdicts import Verdict
from towpath_registry import dsse, evidence, keys, yamls
from towpath_registry.actor import actor
from towpath_registry.evidence import Documented
from towpath_registry.governing import desk, record_registered
from towpath_registry.mlflow_door import warm_up
from towpath_registry.mlflow_views import run_link
from towpath_registry.places import artifacts, ensure_home, tracking_uri
from towpath_registry.store import open_store

if TYPE_CHECKING:
    from towpath_checks.quality_report import QualityReport
    from towpath_registry.governing import Desk
    from towpath_registry.keys import PrivateKey, PublicKey
    from towpath_registry.mlflow_door import Point, RunRecord
    from towpath_registry.nouns import ModelVersion

_MADE_BY_RUN = ("dvc.lock", "reports")
_PLOTS = "plots"


@dataclass(frozen=True, slots=True)
class Made:
    """What the stages left, read once: everything that the MLflow run and the version are made from."""

    project: Project
    outcome: pipeline.Outcome
    digest: str
    versions: Mapping[str, str]
    measured: Mapping[str, Any]
    findings: tuple[Verdict, ...]
    later: quality.Later
    experiment: bool
    by: str
    started: datetime
    ended: datetime

    @property
    def values(self) -> dict[str, float]:
        """Name to value of everything that was assessed."""
        flat = {name: value for name, value in self.measured["flat"].items() if value is not None}
        return {**flat, **self.later.flat}

    def report(self) -> QualityReport:
        records = self.measured["records"]
        return quality.reported(self.project, self.digest, self.versions, records, self.ended, self.later)


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
    quality: str = ""


def run(
    project: Project, *, experiment: bool, environ: Mapping[str, str], clock: Clock, say: Callable[[str], None]
) -> Result:
    """Run the pipeline and register a candidate; with `experiment`, write the MLflow run only.

    Raises: Refused for a dirty tree (unless `experiment`) and when a stage says no, CouldNot for what is missing.
    """
    tasks.find(project.settings.task)
    differences = environment.differences(project.path("requirements.lock"))
    if not experiment:
        _refuse_dirty(project)
    # before the work: it may ask for a passphrase. An experiment proves nothing, and nobody signs that it does.
    key = None if experiment else keys.home_key(environ, keys.EVIDENCE)
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
        if key and (known := _known(project, digest, versions, key, environ, clock)):
            record_registered(environ, project.name, known.version)  # in case a run was killed just before
            return Result(project.name, known.version, known.run_id, False, findings, measured, outcome.stages)
        for difference in differences:
            say(f"  note: {difference}")
        say("  measuring  how long it takes, and against the version in production")
        later = quality.later(project, versions, lambda: open_store(environ, clock))
        findings += tuple(later.judged(project))
        by = actor(environ)
        made = Made(project, outcome, digest, versions, measured, findings, later, experiment, by, started, clock())
        report = made.report()
        run_id, version = _write(made, report, key, environ)
    return Result(project.name, version, run_id, True, findings, measured, outcome.stages, report.sentence)


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
            hint="commit them (git add -A && git commit) or undo them (git restore .), then towpath run; "
            "towpath run --experiment registers nothing and takes them as they are",
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
            threading.Thread(target=warm_up, daemon=True).start()
        say(line)

    return on_line


def _known(
    project: Project,
    digest: str,
    versions: Mapping[str, str],
    key: PrivateKey,
    environ: Mapping[str, str],
    clock: Clock,
) -> ModelVersion | None:
    """The version that already holds these bytes, made by this pipeline lock in this environment, still proven."""
    at = desk(environ, clock)
    try:
        listed = at.store.versions(project.name)
    except NotFound:
        return None
    same = {"towpath.digest": digest, **{f"towpath.{name}": versions[name] for name in ("pipeline", "environment")}}
    known = next((v for v in listed if all(v.tags.get(tag) == value for tag, value in same.items())), None)
    return known if known and not _lapsed(at, known, _documented(project), key.public, clock()) else None


def _lapsed(at: Desk, version: ModelVersion, documented: Documented, key: PublicKey, now: datetime) -> bool:
    """Whether evidence that we would sign now proves more than what there is: the run then makes a version anew.

    So it is when evidence is missing, too old, says other owners or another scope than the project does, or cannot be
    trusted while what this key signs can be.
    """
    policy = at.policy()
    found = {read.kind: read for read in at.evidence(version)}
    if not found.keys() >= {evidence.QUALITY, evidence.DATA_CHECKS, evidence.DOCUMENTATION}:
        return True
    for kind, read in found.items():
        said, rule = read.statement, policy.evidence.get(kind)
        if said is None:
            if policy.own_keys or key in [signer.public for signer in policy.signers]:
                return True
        elif said.documented not in (None, documented) or (rule and now >= rule.until(said.made, read.recorded)):
            return True
    return False


def _write(
    made: Made, report: QualityReport, key: PrivateKey | None, environ: Mapping[str, str]
) -> tuple[str, int | None]:
    """The run's id and the version's number; the version is made last, so an interrupted write leaves none."""
    from towpath_registry.mlflow_door import Point, Tracking

    ensure_home(environ)
    project = made.project
    tracking = Tracking(tracking_uri(environ), artifacts(environ), made.by)
    seconds = {f"seconds/{stage}": spent for stage, spent in made.outcome.seconds.items()}
    points = [Point(_metric(key), float(value), made.ended) for key, value in {**made.values, **seconds}.items()]
    experiment_id = tracking.experiment(project.name, {"mlflow.experimentKind": "custom_model_development"})
    with tempfile.TemporaryDirectory(prefix="towpath-run-") as temporary:
        folder = Path(temporary)
        _gather(project, folder)
        quality.write(report, folder, _plots(project))
        if key:
            _write_evidence(made, key, folder)
        run_id = tracking.log_run(experiment_id, _record(made, points, folder))
    model_id = tracking.log_model(experiment_id, run_id, project.name, project.package, points)
    if made.experiment:
        return run_id, None
    tags = {f"towpath.{key}": value for key, value in made.versions.items()}
    tags |= {"towpath.digest": made.digest, "towpath.task": project.settings.task}
    link = run_link(experiment_id, run_id)
    version = tracking.register(project.name, model_id, run_id, tags, _description(made, link))
    record_registered(environ, project.name, version)
    return run_id, version


def _record(made: Made, points: list[Point], folder: Path) -> RunRecord:
    from towpath_registry.mlflow_door import RunRecord, Source

    tags = {f"towpath.{key}": value for key, value in made.versions.items()}
    tags |= {f"towpath.stage.{stage}": what for stage, what in made.outcome.stages.items()}
    tags["mlflow.source.git.commit"] = made.versions["commit"]
    if made.experiment:
        changed = git.changed(made.project.root)
        tags |= {"towpath.experiment": "true", "towpath.changed_files": str(len(changed))}
    raw = made.project.settings.data.raw
    return RunRecord(
        name=f"{short(made.started)} {made.versions['commit'][:7]}{' experiment' if made.experiment else ''}",
        started=made.started,
        ended=made.ended,
        tags=tags,
        params={key: str(value) for key, value in yamls.flat(stages.params_of(made.project)).items()},
        metrics=points,
        artifacts=folder,
        sources=[Source(raw, f"https://towpath.invalid/dvc/{raw}", made.versions["data"].removeprefix("md5:"))],
    )


def _gather(project: Project, folder: Path) -> None:
    """What an auditor wants beside the model: settings, lock, reports, plots."""
    for name in (FILE, "params.yaml", "dvc.yaml", "dvc.lock", "requirements.lock"):
        _put(project.path(name), folder / "pipeline" / name)
    for path in sorted(project.reports.glob("*.*")):
        _put(path, folder / "reports" / path.name)
    for path in sorted((project.reports / _PLOTS).glob("*.*")):
        _put(path, folder / _PLOTS / path.name)


def _plots(project: Project) -> dict[str, bytes]:
    """The evaluation's plots, by their names."""
    return {path.stem: path.read_bytes() for path in sorted((project.reports / _PLOTS).glob("*.png"))}


def _metric(name: str) -> str:
    """A name that MLflow takes: a column may be called anything."""
    return re.sub(r"[^\w.\- :/]", "_", name)[:250]


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_evidence(made: Made, key: PrivateKey, gathered: Path) -> None:
    """One signed envelope for each kind; what it speaks of, it names by digest, so that it dies when that changes.

    That of the quality names the report among what was `gathered`, so that its figures are signed.
    """
    folder = gathered / evidence.FOLDER
    folder.mkdir()
    project, settings = made.project, made.project.settings
    outputs = pipeline.outputs(pipeline.lock(project))
    inputs = {path: outputs[path] for path in (settings.data.prepared, settings.data.splits) if path in outputs}
    versions = {"dvc.lock": "pipeline", "params.yaml": "params", "requirements.lock": "environment", "commit": "commit"}
    inputs |= {name: made.versions[version] for name, version in versions.items()}
    reported = {quality_report.FILE: sha256_file(gathered / quality_report.FILE)}
    checks, documented = checked(project), _documented(project)
    said: dict[str, tuple[Sequence[Verdict], Mapping[str, float | None], Documented | None]] = {
        evidence.QUALITY: (made.findings, {**made.measured["flat"], **made.later.flat}, None),
        evidence.DATA_CHECKS: (checks, {"findings": float(len(checks))}, None),
        evidence.DOCUMENTATION: ((_recorded(documented),), {}, documented),
    }
    for kind, (findings, measures, content) in said.items():
        payload = evidence.statement(
            kind,
            model=project.name,
            digest=made.digest,
            findings=findings,
            measures=measures,
            inputs={**inputs, **(reported if kind == evidence.QUALITY else {})},
            made=made.ended,
            by=made.by,
            documented=content,
        )
        (folder / f"{kind}{evidence.SUFFIX}").write_bytes(dsse.seal(payload, key))


def _documented(project: Project) -> Documented:
    owners = project.settings.owners.model_dump()
    return Documented(owners, owners.pop("next_review"), project.settings.scope.model_dump())


def _recorded(said: Documented) -> Verdict:
    """Whether that is enough is for the gates to say; here it is written down, empty or not."""
    filled = sum(bool(text.strip()) for text in (*said.owners.values(), *said.scope.values()))
    got = f"{filled} of {len(said.owners) + len(said.scope)} filled in"
    return Verdict("recorded", True, f"owners and scope in {FILE}", got, "written down as they are")


def checked(project: Project) -> tuple[Verdict, ...]:
    """The findings of the data checks and of the split that are errors, whatever stage the project lets them block
    from: that is for the registry's policy to say. What was not assessed has not passed.
    """
    report = read_json(project.reports / "checks.json", "the data checks' report")
    leakage = read_json(project.reports / "leakage.json", "the split's report")
    found = [*report["findings"], leakage, *leakage.get("others", ())]
    rows = [finding for finding in found if finding["severity"] == "error"]
    return tuple(Verdict(f["gate"], f["passed"] is True, f["subject"], f["got"], f["expected"]) for f in rows)


def _description(made: Made, link: str) -> str:
    """Markdown for the version's page in the MLflow UI."""
    measured = [row for row in made.measured["measures"] if row["value"] is not None]
    rows = "\n".join(f"| {row['name']} | {decimals(row['value'])} | {_between(row)} |" for row in measured)
    failed = [f"- {finding.reason}" for finding in made.findings if not finding.passed]
    verdict = "Limits that do not hold:\n" + "\n".join(failed) if failed else "All limits of towpath.yaml hold."
    return (
        f"**{made.project.settings.title}**\n\n{verdict}\n\n"
        f"| measure | value | 95 % interval |\n|---|---|---|\n{rows}\n\n[Run, plots and evidence]({link})\n"
    )


def _between(row: Mapping[str, Any]) -> str:
    return "–" if row.get("low") is None else f"{row['low']:.3f} to {row['high']:.3f}"

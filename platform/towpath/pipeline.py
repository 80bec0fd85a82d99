"""The door to DVC: runs the project's stages, and reads `dvc.lock` without it."""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towpath.project import Project, stage_environment
from towpath_core.errors import CouldNot, Misused, Refused
from towpath_core.processes import group
from towpath_registry import yamls

_RUNNING = re.compile(r"Running stage '(\S+)':")
_UNCHANGED = re.compile(r"Stage '(\S+)' didn't change, skipping")
_CACHED = re.compile(r"Stage '(\S+)' is cached - skipping run")
_FAILED = re.compile(r"failed to reproduce '([^']+)'.*exited with (-?\d+)")
_NO_PARAMETER = re.compile(r"Parameters? .* (?:is|are) missing from '([^']+)'")
_LEFT_LOCK = re.compile(r"WARNING: .*(?:had been killed|Auto removed)|is busy, it is being blocked by")
_HUSHED = re.compile(
    r"^(> |Updating lock file|Generating lock file|Use `dvc push`|To (track|enable)|\s*git add|\s*dvc config"
    r"|Data and pipelines are up to date|\s*$)"
)


@dataclass(slots=True)
class Outcome:
    """What DVC did with each stage: `run`, `cached` (restored from an earlier run) or `unchanged`.

    `seconds` is how long each stage that ran took, DVC's own part included.
    """

    stages: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(what != "unchanged" for what in self.stages.values())


def repro(project: Project, targets: Sequence[str] = (), on_line: Callable[[str], None] = lambda line: None) -> Outcome:
    """Bring the stages up to date, all of them or the named ones and what they need; `on_line` gets the progress.

    Raises: Refused when a stage says no (it ended with 1), Misused for 2, CouldNot for the rest.
    An interrupt ends DVC and the stage with it; a stage is done or not done.
    """
    if not project.path("dvc.yaml").is_file():
        raise CouldNot("the project has no dvc.yaml", hint="git checkout dvc.yaml")
    for name in ("dvc.yaml", "dvc.lock", "params.yaml"):  # DVC tells neither file nor line in one sentence
        if project.path(name).is_file():
            yamls.load(project.path(name), "the pipeline")
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    outcome, said, since = Outcome(), [], time.monotonic()
    with group(command, cwd=project.root, env=stage_environment()) as process:
        assert process.stdout is not None
        for line in map(str.rstrip, process.stdout):
            if told := _progress(line, outcome):
                since = _timed(outcome, since)
                on_line(told)
            elif not _HUSHED.match(line) and not _LEFT_LOCK.search(line) and "didn't change" not in line:
                said.append(line)
                if not line.startswith("ERROR"):
                    on_line(f"    {line}")
        code = process.wait()
    _timed(outcome, since, last=True)
    if code != 0:
        raise _failure(said)
    return outcome


def _timed(outcome: Outcome, since: float, last: bool = False) -> float:
    """Give the time since `since` to the stage that ran until now."""
    now, names = time.monotonic(), list(outcome.stages)
    before = names[-1:] if last else names[-2:-1]
    for name in before:
        if outcome.stages[name] == "run":
            outcome.seconds[name] = round(now - since, 3)
    return now


def _progress(line: str, outcome: Outcome) -> str:
    for pattern, what in ((_RUNNING, "run"), (_UNCHANGED, "unchanged"), (_CACHED, "cached")):
        if found := pattern.search(line):
            outcome.stages[found[1]] = what
            return f"  {found[1]:<10} {'running …' if what == 'run' else what}"
    return ""


def _failure(said: list[str]) -> Exception:
    text = "\n".join(said)
    if found := _FAILED.search(text):
        stage, code = found[1], int(found[2])
        reasons = [line.removeprefix("Error: ") for line in said if line.startswith("Error: ")]
        said_no = code == 1 and reasons  # a stage that breaks ends with 1 as well, but says no sentence of ours
        told = f"the stage {stage} {'said no' if said_no else f'ended with {code}'}"
        told += f": {reasons[-1]}" if reasons else ""
        hint = next((line.removeprefix("Next:  ") for line in said if line.startswith("Next:  ")), "")
        kind = Refused if said_no else Misused if code == 2 and reasons else CouldNot
        return kind(told, hint=hint or "read the stage's own words above, mend, and run again: towpath run")
    if "is busy" in text:
        return CouldNot("another run works on this project", hint="wait for it, or end it; then towpath run")
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR")]
    hint = "dvc checkout; or dvc pull, if the project has a remote" if "missing" in text else "dvc status"
    if found := _NO_PARAMETER.search(text):
        hint = f"mend {found[1]}, or git checkout {found[1]}"
    return CouldNot(f"dvc: {errors[-1] if errors else 'ended without a word'}", hint=hint)


def lock(project: Project) -> dict[str, Any]:
    """The stages of dvc.lock. Raises: CouldNot before the first run, Misused for a broken file."""
    content = yamls.load(project.path("dvc.lock"), "the pipeline's lock")
    stages = content.get("stages") if isinstance(content, dict) else None
    if not isinstance(stages, dict) or not stages:
        raise Misused("dvc.lock names no stages", hint="towpath run")
    return stages


def outputs(stages: dict[str, Any]) -> dict[str, str]:
    """Path to `md5:<hex>` of everything that the stages made."""
    return {out["path"]: f"md5:{out['md5']}" for stage in stages.values() for out in stage.get("outs", ())}


def tracked(project: Project, data: Path) -> str:
    """`md5:<hex>` of a file as its .dvc file states it. Raises: CouldNot or Misused if it does not."""
    path = data.with_name(data.name + ".dvc")
    content = yamls.load(path, "the data's DVC file")
    try:
        return f"md5:{content['outs'][0]['md5']}"
    except (KeyError, IndexError, TypeError) as error:
        raise Misused(
            f"{path.relative_to(project.root)} names no md5", hint=f"dvc add {data.relative_to(project.root)}"
        ) from error


def cached(project: Project, digest: str) -> bytes:
    """The bytes that DVC keeps under `md5:<hex>`. Raises: CouldNot where it has none, or others."""
    hexed = digest.removeprefix("md5:")
    try:
        content = project.path(f".dvc/cache/files/md5/{hexed[:2]}/{hexed[2:]}").read_bytes()
    except OSError as error:
        raise CouldNot(f"DVC's cache has no {digest}", hint="dvc fetch --all-commits") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != hexed:
        raise CouldNot(f"DVC's cache has other bytes under {digest}", hint="dvc fetch --all-commits")
    return content

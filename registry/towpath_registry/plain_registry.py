"""What a plain MLflow registry holds, as far as an import is concerned; and digests of it, to compare two of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from towpath_registry.nouns import DIGEST as MODEL_DIGEST
from towpath_registry.nouns import IMPORTED_FROM, MONITORING, PROVENANCE

FROM = IMPORTED_FROM
# Of a run or a logged model: which one it was, what was read at the source, and as of which state.
WHICH, DIGEST, STATE = "towpath.imported", "towpath.imported_digest", "towpath.imported_state"
_MARKS = (FROM, WHICH, DIGEST, STATE)
# Our tags that a version keeps under their own names; any other would be taken for something that we said here.
_KEPT = (MODEL_DIGEST, MONITORING, "towpath.task", *(f"towpath.{name}" for name in PROVENANCE))

Value = tuple[str, str, int, int]  # of a metric: key, value as Python writes it, milliseconds, step
LinkedValue = tuple[str, str, int, int, str, str, str]  # the same, run, name and digest of a data set


@dataclass(frozen=True, slots=True)
class Experiment:
    id: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """`latest` are the metrics' last values; `used` and `made` are logged models, with the step that made one."""

    id: str
    experiment: Experiment
    name: str
    status: str
    started: int
    ended: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    latest: tuple[tuple[str, str], ...]
    uri: str
    datasets: tuple[Dataset, ...]
    used: tuple[str, ...]
    made: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """A logged model."""

    id: str
    experiment: Experiment
    name: str
    run: str
    kind: str
    status: str
    created: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    uri: str
    values: frozenset[LinkedValue]


@dataclass(frozen=True, slots=True)
class Version:
    """`stage` is one of MLflow's old stages, empty for none."""

    name: str
    number: int
    run: str
    source: str
    stage: str
    created: int
    tags: Mapping[str, str]
    description: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    versions: tuple[Version, ...]


def run_digest(run: Run, values: Iterable[Value], files: Mapping[str, str]) -> str:
    """Of everything that a run says and holds, whatever its id."""
    content = {
        "name": run.name,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "tags": dict(run.tags),
        "params": dict(run.params),
        "datasets": [_plain(one) for one in run.datasets],
        "used": list(run.used),
        "made": [list(one) for one in run.made],
        "values": sorted(map(list, values)),
        "files": dict(files),
    }
    return _digest(content)


def state(run: Run) -> str:
    """Of what is quickly read of a run; it changes when somebody goes on with the run."""
    facts = [run.name, run.status, run.ended, dict(run.tags), dict(run.params), [list(one) for one in run.latest]]
    return _digest([*facts, [_plain(one) for one in run.datasets], list(run.used), [list(one) for one in run.made]])


def whole(here: Run, run: Run) -> bool:
    """Whether the run was copied to its end, and is the same at the source since."""
    return DIGEST in here.tags and here.tags.get(STATE) == state(run)


def as_asked(got: Run, wanted: Run) -> Run:
    """The run that is here, without what was added to it here."""
    return replace(
        got,
        tags={key: got.tags.get(key, "") for key in wanted.tags},
        params={key: got.params.get(key, "") for key in wanted.params},
        datasets=tuple(one for one in got.datasets if one in wanted.datasets),
        used=tuple(one for one in got.used if one in wanted.used),
        made=tuple(one for one in got.made if one in wanted.made),
    )


def logged_content(got: Logged, wanted: Logged) -> dict[str, Any]:
    return {
        "facts": (got.name, got.kind, got.status, got.run),
        "tags": {key: got.tags.get(key) for key in wanted.tags},
        "params": {key: got.params.get(key) for key in wanted.params},
        "values": got.values & wanted.values,
    }


def renamed(tags: Mapping[str, str], ours: Callable[[str], bool] = _MARKS.__contains__) -> dict[str, str]:
    """Tags that an earlier registry wrote say so where they would be taken for something that was said here."""
    return {f"imported.{key}" if ours(key) else key: value for key, value in tags.items()}


def of_ours(key: str) -> bool:
    return key.startswith("towpath.")


def of_a_version(key: str) -> bool:
    return of_ours(key) and key not in _KEPT


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _plain(dataset: Dataset) -> list[Any]:
    return [getattr(dataset, name) for name in Dataset.__dataclass_fields__]

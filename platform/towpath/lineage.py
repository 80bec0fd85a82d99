"""What a version was made from and what came of it; and which version made an answer.

One row that `towpath score` wrote is enough: it names the version, its digest and its threshold. Where the registry
holds other bytes under that name, nothing is claimed about the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import record_files
from towpath.console import one_line
from towpath.promoting import request_content
from towpath_core.clock import short, stamp
from towpath_core.errors import Mismatch, Misused, NotFound, Refused
from towpath_core.files import read_json
from towpath_core.refs import ModelRef
from towpath_registry import places, requests
from towpath_registry.nouns import IMPORTED_FROM, Approval, LedgerEntry, ModelVersion, Question

if TYPE_CHECKING:
    from towpath.standings import Standing
    from towpath_registry.evidence import Read
    from towpath_registry.requests import Promotion
    from towpath_registry.store import Store

# The columns of an answer that tell where it comes from.
_MODEL, _DIGEST, _THRESHOLD = "model", "model_digest", "threshold"
_NEEDED = (_MODEL, _DIGEST, _THRESHOLD, "row")
_MORE = ("record_id", "decision", "scored_at")


@dataclass(frozen=True, slots=True)
class Answer:
    """Where one row of answers says that it comes from; `where` is how a person finds it."""

    file: str
    record: str
    where: str
    model: str
    digest: str
    threshold: float | None
    scored_at: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the drawing, and what hangs on it."""

    text: str
    branches: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """`deployments` are those that this machine knows of."""

    version: ModelVersion
    evidence: tuple[Read, ...]
    requests: tuple[Promotion, ...]
    standings: tuple[Standing, ...]
    deployments: tuple[Mapping[str, Any], ...] = field(default=())

    def content(self, answer: Answer | None, now: datetime) -> dict[str, Any]:
        """For --json."""
        version = self.version
        return {
            "model": version.name,
            "version": version.version,
            "digest": version.digest,
            "prediction": asdict(answer) if answer else None,
            "made_from": version.provenance(),
            "imported_from": version.tags.get(IMPORTED_FROM, ""),
            "run_id": version.run_id,
            "evidence": [_evidence(read) for read in self.evidence],
            "requests": [request_content(asked) for asked in self.requests],
            "levels": [standing.content(now) for standing in self.standings],
            "deployments": [dict(found) for found in self.deployments],
        }

    def drawn(self, answer: Answer | None) -> str:
        """The tree, for a terminal."""
        version = self.version
        seven = [(name, value or "not recorded") for name, value in version.provenance().items()]
        origin = version.tags.get(IMPORTED_FROM)
        branches = [
            *([Branch(f"made an answer: {answer.where} of {answer.file}")] if answer else []),
            Branch("made from", tuple(Branch(f"{name:<12}  {value}") for name, value in seven)),
            *([Branch(f"imported from {origin}")] if origin else []),
            Branch(f"by the run {version.run_id or 'that nobody recorded'}"),
            Branch(
                f"as the model {version.digest or 'without a digest'}",
                tuple(_proof(read, version) for read in self.evidence),
            ),
            *(_asked(request) for request in self.requests),
            *(_stands(standing) for standing in self.standings),
            *(_runs(found) for found in self.deployments),
        ]
        return "\n".join([version.ref, *_lines(branches)])


def lineage(
    store: Store,
    version: ModelVersion,
    evidence: tuple[Read, ...],
    standings: tuple[Standing, ...],
    environ: Mapping[str, str],
) -> Lineage:
    """Put together what the registry and this machine know of a version.

    Raises: Mismatch when the ledger tells of the version with another digest than it has.
    """
    entries = store.ledger(version.name, Question(version=version.version))
    _refuse_other_digest(version, entries)
    asked: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        if entry.request:
            asked.setdefault(entry.request, []).append(entry)
    told = tuple(requests.folded(group) for group in asked.values())
    return Lineage(version, evidence, told, standings, _deployments(version, environ))


# The version behind an answer -----------------------------------------------------------------------------------------


def answer_in(path: Path, record: str) -> Answer:
    """The one answer of that record_id, or row number where the file has none.

    Raises: NotFound; Misused for a file that is none of answers; Refused for a row that does not say which model made
    it, or where the same record was answered by several.
    """
    with record_files.reading(path) as reader:
        if lacking := [name for name in _NEEDED if name not in reader.columns]:
            raise Misused(
                f"{path} is no file of answers: it has no column {', '.join(lacking)}",
                hint="give a file that towpath score wrote",
            )
        key = "record_id" if "record_id" in reader.columns else "row"
        wanted = [*_NEEDED, *(name for name in _MORE if name in reader.columns)]
        found = [
            {name: values[place] for name, values in chunk.columns.items()}
            for chunk in reader.chunks(wanted)
            for place, value in enumerate(chunk.columns[key])
            if value is not None and str(value) == record
        ]
    if not found:
        raise NotFound(f"{path} has no answer with the {key} {record}", hint="--record names one, as it stands there")
    answers = [_answer(path, record, row) for row in found]
    if len({(answer.model, answer.digest, answer.threshold) for answer in answers}) > 1:
        raise Refused(f"{path} has {len(answers)} answers with the {key} {record}, by more than one model")
    return answers[0]


def behind(answer: Answer, store: Store) -> ModelVersion:
    """The version that made the answer.

    Raises: Mismatch when the registry's version of that name has another digest or threshold; NotFound.
    """
    try:
        version = store.version(ModelRef.parse(answer.model))
    except Misused as error:
        raise Refused(f"{answer.where} of {answer.file} names no version: {answer.model!r}") from error
    if not version.digest or version.digest != answer.digest:
        raise Mismatch(
            f"{answer.where} of {answer.file} was made by {answer.model} with the digest {answer.digest}; the "
            f"registry's {version.ref} has {version.digest or 'none'}",
            hint="set MLFLOW_TRACKING_URI or TOWPATH_HOME to the registry that the answer was made with",
        )
    threshold = version.tags.get("towpath.threshold", "")
    if threshold.startswith("p1 >= ") and threshold != f"p1 >= {answer.threshold!r}":
        raise Mismatch(
            f"{answer.where} of {answer.file} was decided with the threshold {answer.threshold}, and {version.ref} has "
            f"{threshold}"
        )
    return version


def refuse_other(answer: Answer, version: ModelVersion) -> None:
    """Raise Mismatch unless the answer was made by this version."""
    if answer.model != version.ref:
        raise Mismatch(f"{answer.where} of {answer.file} was made by {answer.model}, not by {version.ref}")


def _answer(path: Path, record: str, row: Mapping[str, Any]) -> Answer:
    where = f"row {row['row']}"
    model, digest = str(row[_MODEL] or ""), str(row[_DIGEST] or "")
    if not model or not digest:
        raise Refused(
            f"{where} of {path.name} does not say which version made it",
            hint="towpath score names it when it answers by a version of a registry",
        )
    try:
        threshold = None if row[_THRESHOLD] in (None, "") else float(row[_THRESHOLD])
    except ValueError as error:
        raise Refused(f"{where} of {path.name} has a threshold that is no number") from error
    scored = row.get("scored_at")
    at = stamp(scored) if isinstance(scored, datetime) else str(scored or "")
    return Answer(path.name, record, where, model, digest, threshold, at)


# Parts of the whole ---------------------------------------------------------------------------------------------------


def _refuse_other_digest(version: ModelVersion, entries: Sequence[LedgerEntry]) -> None:
    for entry in entries:
        if version.digest and entry.digest and entry.digest != version.digest and not _remade(entry, version):
            raise Mismatch(
                f"{version.ref} has the digest {version.digest}, and entry {entry.seq} of the ledger tells of it with "
                f"{entry.digest}",
                hint=f"towpath history {version.name}",
            )


def _remade(entry: LedgerEntry, version: ModelVersion) -> bool:
    """Whether the entry is about an earlier version of the same name and number, which was deleted."""
    return entry.time < version.created


def _deployments(version: ModelVersion, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], ...]:
    folder = places.home(environ) / "deployments"
    found = [read_json(path, "a deployment") for path in sorted(folder.glob("*.json"))]
    return tuple(d for d in found if (d.get("model"), d.get("digest")) == (version.ref, version.digest))


def _evidence(read: Read) -> dict[str, Any]:
    return {
        "kind": read.kind,
        "verdict": ("passed" if read.statement.passed else "failed") if read.statement else "not trusted",
        "problem": read.problem,
        "signed_by": list(read.owners),
        "recorded": stamp(read.recorded) if read.recorded else None,
        "envelope": read.sha256,
    }


def _proof(read: Read, version: ModelVersion) -> Branch:
    said = read.statement
    if said is None:
        return Branch(f"{read.kind}: not to be trusted, {read.problem}")
    about = "" if (said.model, said.digest) == (version.name, version.digest) else ", about other bytes"
    verdict = "passed" if said.passed else "failed"
    recorded = f", recorded {short(read.recorded)}" if read.recorded else ""
    return Branch(f"{read.kind}: {verdict}{about}, signed by {' and '.join(read.owners)}{recorded}")


def _asked(asked: Promotion) -> Branch:
    ended = f" by {asked.ended_by}" if asked.ended_by else ""
    what = f"request {asked.id} to {asked.level}, by {asked.requester} on {short(asked.requested)}"
    return Branch(f"{what}: {asked.state}{ended}", _approvals(asked.approvals))


def _approvals(approvals: Sequence[Approval]) -> tuple[Branch, ...]:
    return tuple(Branch(f"approved by {a.by} ({a.role or 'any role'}) on {short(a.time)}") for a in approvals)


def _stands(standing: Standing) -> Branch:
    entry = standing.entry
    if entry is None:
        return Branch(f"level {standing.level}: no entry of the ledger tells who put it there")
    how = entry.event.replace("_", " ")
    what = f"level {standing.level}: {how} by {entry.actor} on {short(entry.time)}, ledger entry {entry.seq}"
    return Branch(what, () if entry.request else _approvals(entry.approvals))  # those of a request hang on the request


def _runs(found: Mapping[str, Any]) -> Branch:
    where = f"port {found.get('port')} of this machine since {str(found.get('since'))[:10]}"
    return Branch(f"deployed as {found.get('name')}: {found.get('target')}, {where}")


def _lines(branches: Sequence[Branch]) -> list[str]:
    """The branches with their lines, each below the one that it hangs on."""
    lines = []
    for branch in branches:
        last = branch is branches[-1]
        text = one_line(branch.text)  # a line more would be a branch more
        lines.append(f"{'└─' if last else '├─'} {text}")
        lines += [f"{'   ' if last else '│  '}{line}" for line in _lines(branch.branches)]
    return lines

"""A version's quality report, as it was made by its run, with what the registry has come to know since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from towpath.assessing import none
from towpath.standings import retired
from towpath_checks import quality_report
from towpath_checks.measures import Measure
from towpath_checks.measures.timeliness import development_days
from towpath_checks.quality import TIMELINESS, Figure
from towpath_checks.quality_report import QualityReport, Version
from towpath_core.digests import sha256_bytes
from towpath_core.errors import Mismatch, Misused, NotFound
from towpath_core.files import write_text
from towpath_core.refs import ModelRef, check_name
from towpath_registry import evidence
from towpath_registry.governing import desk
from towpath_registry.nouns import PROMOTED, REGISTERED, ModelVersion, Question

if TYPE_CHECKING:
    from towpath_registry.governing import Desk
    from towpath_registry.promotion import About

_REPORTS, _PLOTS = "reports/", "reports/plots/"
_START, _CANDIDATE = "the start", "candidate"
_LEDGER = ("the ledger",)


@dataclass(frozen=True, slots=True)
class Found:
    """The report, what the registry says of the version, and the pictures of its run, by name."""

    report: QualityReport
    version: Version
    plots: Mapping[str, bytes]

    def version_json(self) -> dict[str, Any]:
        return asdict(self.version)


def found(environ: Mapping[str, str], text: str) -> Found:
    """The report of the version that a person named.

    Raises: NotFound where its run made none, Mismatch where it is not what was signed.
    """
    at = desk(environ)
    about = at.about(ModelRef.parse(_ref(at, text)))
    version = about.version
    content = at.store.run_file(version, quality_report.FILE)
    if content is None:
        raise NotFound(f"{version.ref} has no quality report", hint="towpath run makes a version that has one")
    signed = _signed(about, content)
    report = quality_report.read(_json(content, version.ref))
    if (report.model, report.digest) != (version.name, version.digest):
        raise Mismatch(f"the quality report of {version.ref} is about {report.model}, {report.digest[:19]}")
    levels = tuple(sorted(version.aliases))
    standing = Version(version.ref, _stage(at, about), levels, signed)
    figures = (*report.figures, *_days(at, about, report))
    return Found(replace(report, figures=figures), standing, _pictures(at, version, report))


def write(found: Found, output: Path) -> None:
    """The whole report as a page or as Markdown, by the file's name."""
    if output.suffix == ".html":
        write_text(output, quality_report.as_html(found.report, found.version, found.plots))
    else:
        write_text(output, quality_report.as_markdown(found.report, found.version))


def _ref(at: Desk, text: str) -> str:
    if "/" in text or "@" in text:
        return text
    versions = at.store.versions(check_name(text))
    if not versions:
        raise NotFound(f"{text} has no version", hint="towpath run (in the project's folder)")
    return versions[0].ref


def _stage(at: Desk, about: About) -> str:
    """Empty where no policy says what the levels are."""
    if about.policy is None:
        return ""
    aliases = about.version.aliases
    placed = any(level.name in aliases for level in about.policy.levels)
    return about.policy.stage_of(aliases, retired=not placed and retired(at.store, about.version))


def _signed(about: About, content: bytes) -> str:
    """Who vouches for the report's bytes. Raises: Mismatch where signed evidence speaks of other bytes."""
    if about.policy is None:
        return f"Whether somebody signed this report is not known: {about.note}."
    digest = sha256_bytes(content)
    read = [one for one in about.evidence if one.kind == evidence.QUALITY]
    said = [(one, one.statement.inputs.get(quality_report.FILE)) for one in read if one.statement]
    told = [(one, named) for one, named in said if named is not None]
    if any(named != digest for _, named in told):
        ref = about.version.ref
        raise Mismatch(f"the quality report of {ref} is not the one that was signed", hint="towpath audit")
    if not told:
        problem = next((f" Its evidence: {one.problem}." for one in read if one.problem), "")
        return f"Nobody has signed this report.{problem}"
    return f"Signed by {', '.join(sorted({owner for one, _ in told for owner in one.owners}))}."


def _pictures(at: Desk, version: ModelVersion, report: QualityReport) -> dict[str, bytes]:
    """Those that the report names, by digest. Raises: Mismatch where one is another than when it was made."""
    found = {}
    for name, digest in report.inputs.items():
        path = name.removeprefix(_REPORTS)
        content = at.store.run_file(version, path) if name.startswith(_PLOTS) else None
        if content is None:
            continue
        if digest != sha256_bytes(content):
            raise Mismatch(
                f"{path} of {version.ref} is not the one that the report was made with", hint="towpath audit"
            )
        found[PurePosixPath(path).stem] = content
    return found


def _days(at: Desk, about: About, report: QualityReport) -> list[Figure]:
    """How long it took from one stage to the next, by the ledger, and from the day on which the work began."""
    version = about.version
    entries = at.store.ledger(version.name, Question(events=(REGISTERED, PROMOTED), version=version.version))
    reached: dict[str, datetime] = {}
    for entry in entries:
        reached.setdefault(entry.level if entry.event == PROMOTED else _CANDIDATE, entry.time)
    if report.started:
        reached[_START] = datetime.combine(date.fromisoformat(report.started), time(), UTC)
    levels = [level.name for level in about.policy.levels] if about.policy else []
    pairs = [(_START, _CANDIDATE), *((_CANDIDATE, level) for level in levels[:1])]
    pairs += [(_START, level) for level in levels[-1:]]
    asked = [Figure(TIMELINESS, _between(reached, *pair), sources=_LEDGER, unit="days") for pair in pairs]
    return [figure for figure in asked if figure.measure.name not in {f.measure.name for f in report.figures}]


def _between(reached: Mapping[str, datetime], start: str, end: str) -> Measure:
    """Where the declared start lies after the end, that is said, and nothing else is lost."""
    try:
        return development_days(reached, start, end)
    except Misused as no:
        name = development_days({}, start, end).name
        return none(name, no.message)


def _json(content: bytes, ref: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise Misused(f"the quality report of {ref} is no JSON", hint="towpath run makes a new version") from error

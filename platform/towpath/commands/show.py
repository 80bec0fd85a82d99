"""`towpath show`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, decimals, mark, table, with_console
from towpath_core.clock import short, stamp, utc_now
from towpath_core.errors import Misused

if TYPE_CHECKING:
    from datetime import datetime

    from towpath.standings import Standing
    from towpath_core.refs import ModelRef
    from towpath_registry.evidence import Read
    from towpath_registry.gates import EvidenceRule
    from towpath_registry.governing import Desk
    from towpath_registry.nouns import ModelVersion
    from towpath_registry.requests import Promotion


@click.command("show")
@click.argument("ref", metavar="[MODEL[/VERSION|@ALIAS]]", required=False)
@click.option("--lineage", is_flag=True, help="Draw what the version was made from, and what came of it.")
@click.option(
    "--prediction",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --lineage: the version that made an answer in this file, which towpath score wrote.",
)
@click.option("--record", metavar="ID", help="With --prediction: the answer's record_id, else its row's number.")
@with_console
def command(console: Console, ref: str | None, lineage: bool, prediction: Path | None, record: str | None) -> None:
    """Show a version: provenance, measures, evidence, levels, requests. With a model's name alone: its versions.

    \b
    towpath show occupation-coder
    towpath show occupation-coder@production --json
    towpath show occupation-coder/1 --lineage
    towpath show --lineage --prediction answers.parquet --record 00471
    """
    from towpath_core.refs import ModelRef, check_name
    from towpath_registry.store import open_store

    if lineage or prediction or record:
        _show_lineage(console, ref, prediction, record, drawn=lineage)
        return
    if ref is None:
        raise Misused("no model is named", hint="towpath list; towpath show occupation-coder/1")
    if "/" not in ref and "@" not in ref:
        versions = open_store(os.environ).versions(check_name(ref))
        console.result({"model": ref, "versions": [_brief(version) for version in versions]}, _model(ref, versions))
        return
    from towpath_registry.governing import desk

    found = gathered(desk(os.environ), ModelRef.parse(ref))
    shown = _content(found)
    console.result(shown, _text(shown, found))


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the registry knows of a version. `note` says why its evidence could not be judged; empty if it was."""

    version: ModelVersion
    metrics: Mapping[str, float]
    now: datetime
    stage: str
    standings: tuple[Standing, ...]
    evidence: tuple[Read, ...]
    rules: Mapping[str, EvidenceRule]
    requests: tuple[Promotion, ...]
    note: str = ""


def gathered(at: Desk, ref: ModelRef) -> Gathered:
    from towpath.standings import retired, standings
    from towpath_registry.nouns import LEVELS

    about = at.about(ref)
    store, now, version, policy = at.store, utc_now(), about.version, about.policy
    if policy is None:
        stands = standings(store, version.name, version.version, [a for a in version.aliases if a in LEVELS])
        return Gathered(version, about.metrics, now, "", stands, (), {}, (), about.note)
    levels = [level.name for level in policy.levels if level.name in version.aliases]
    return Gathered(
        version,
        about.metrics,
        now,
        policy.stage_of(version.aliases, retired=not levels and retired(store, version)),
        standings(store, version.name, version.version, levels),
        about.evidence,
        policy.evidence,
        about.requests,
    )


def _show_lineage(
    console: Console, ref: str | None, prediction: Path | None, record: str | None, *, drawn: bool
) -> None:
    from towpath import lineage
    from towpath_core.refs import ModelRef
    from towpath_registry.governing import desk

    if not drawn or (prediction is None) != (record is None) or (ref is None and prediction is None):
        raise Misused(
            "a lineage is drawn of a version, or of the version behind one answer",
            hint="towpath show occupation-coder/1 --lineage, or --lineage --prediction FILE --record ID",
        )
    at = desk(os.environ)
    store = at.store
    if prediction is None or record is None:
        answer, version = None, store.version(ModelRef.parse(ref or ""))
    else:
        answer = lineage.answer_in(prediction, record)
        version = lineage.behind(answer, store)
        if ref is not None:
            lineage.refuse_other(answer, store.version(ModelRef.parse(ref)))
    found = gathered(at, ModelRef(version.name, version=version.version))
    whole = lineage.lineage(store, version, found.evidence, found.standings, os.environ)
    console.result(whole.content(answer, found.now), whole.drawn(answer))


def _brief(version: ModelVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "created": stamp(version.created),
        "aliases": list(version.aliases),
        "digest": version.digest,
        "commit": version.tags.get("towpath.commit", ""),
    }


def _model(name: str, versions: list[ModelVersion]) -> str:
    rows = [
        (
            v.version,
            short(v.created),
            ", ".join(v.aliases) or None,
            v.digest[7:19],
            v.tags.get("towpath.commit", "")[:10],
        )
        for v in versions
    ]
    if not rows:
        return f"{name} has no version.\nNext: towpath run"
    head = ("version", "created", "aliases", "digest", "commit")
    return f"{name}\n\n{table(head, rows)}\n\nNext: towpath show {versions[0].ref}"


def _content(found: Gathered) -> dict[str, Any]:
    from towpath.promoting import request_content
    from towpath_registry.mlflow_views import version_link
    from towpath_registry.nouns import IMPORTED_FROM, MONITORING
    from towpath_registry.places import ui_address

    version = found.version
    ui, monitoring = ui_address(os.environ), version.tags.get(MONITORING, "")
    return {
        "model": version.name,
        **_brief(version),
        "task": version.tags.get("towpath.task", ""),
        "stage": found.stage,
        "levels": [standing.content(found.now) for standing in found.standings],
        "provenance": version.provenance(),
        "measures": _measures(found.metrics),
        "evidence": [_evidence(found, read) for read in found.evidence],
        "evidence_note": found.note,
        "requests": [request_content(asked) for asked in found.requests],
        "run_id": version.run_id,
        "imported_from": version.tags.get(IMPORTED_FROM, ""),
        "source": version.source,
        "page": f"{ui}/{version_link(version.name, version.version)}",
        "monitoring": f"{ui}/{monitoring}" if monitoring.startswith("#/") else monitoring,
    }


def _measures(metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each measure once, with its interval and the baseline's value beside it; times are no measures."""
    parts = {f"{name}_{end}" for name in metrics for end in ("low", "high")}
    named = [name for name in metrics if name not in parts and "/" not in name]
    baselines = {name for name in named if name.removeprefix("baseline_") in named and name.startswith("baseline_")}
    return [
        {
            "name": name,
            "value": metrics[name],
            "low": metrics.get(f"{name}_low"),
            "high": metrics.get(f"{name}_high"),
            "baseline": metrics.get(f"baseline_{name}"),
        }
        for name in named
        if name not in baselines
    ]


def _evidence(found: Gathered, read: Read) -> dict[str, Any]:
    """What one envelope says; `counts` tells whether a gate over its kind could rely on it today."""
    said, version, rule = read.statement, found.version, found.rules.get(read.kind)
    about = bool(said and version.digest and (said.model, said.digest) == (version.name, version.digest))
    expires = rule.until(said.made, read.recorded) if said and rule else None
    signed = bool(rule and len(read.owners) >= rule.signatures)
    return {
        "kind": read.kind,
        "verdict": ("passed" if said.passed else "failed") if said else "not trusted",
        "counts": bool(said and said.passed and about and signed and expires and found.now < expires),
        "problem": read.problem if rule or read.problem else "the policy has no rule for evidence of this kind",
        "about_this_version": about,
        "signed_by": list(read.owners),
        "signatures_asked": rule.signatures if rule else None,
        "made": stamp(said.made) if said else None,
        "by": said.by if said else "",
        "recorded": stamp(read.recorded) if read.recorded else None,
        "expires": stamp(expires) if expires else None,
        "expired": bool(expires and found.now >= expires),
        "envelope": read.sha256,
        "findings": [asdict(finding) for finding in said.findings] if said else [],
    }


def _text(shown: Mapping[str, Any], found: Gathered) -> str:
    facts = [
        ("stage", shown["stage"].replace("_", " ") or None),
        ("aliases", ", ".join(shown["aliases"]) or None),
        ("created", shown["created"][:16].replace("T", " ") + " UTC"),
        ("digest", shown["digest"] or None),
        ("task", shown["task"] or None),
        ("run", shown["run_id"] or None),
        *([("imported", f"from {shown['imported_from']}")] if shown["imported_from"] else []),
        ("page", shown["page"]),
        ("monitoring", shown["monitoring"] or None),
    ]
    seven = [(name, value or None) for name, value in shown["provenance"].items()]
    measures = [(m["name"], decimals(m["value"]), _interval(m), decimals(m["baseline"])) for m in shown["measures"]]
    warnings = [clean(told) for standing in found.standings if (told := standing.warning(found.now))]
    parts = [
        f"{shown['model']}/{shown['version']}",
        table(("", ""), facts).partition("\n")[2],
        *([_levels(shown["levels"])] if shown["levels"] else []),
        table(("provenance", ""), seven),
        table(("measure", "value", "95 % interval", "baseline"), measures) if measures else "No measures.",
        found.note or _evidence_text(shown["evidence"]),
        *([_requests(shown["requests"])] if shown["requests"] else []),
        "\n".join([*warnings, "The pages are MLflow's; towpath ui opens them."]),
    ]
    return "\n\n".join(parts)


def _levels(levels: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            stands["level"],
            _day(stands["since"]),
            stands["by"] or None,
            stands["event"].replace("_", " ") or None,
            _day(stands["review_by"]),
        )
        for stands in levels
    ]
    return table(("level", "since", "put there by", "how", "review by"), rows)


def _requests(requests: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            asked["id"],
            asked["level"],
            asked["requester"],
            _day(asked["requested"]),
            asked["waits_for"].removeprefix("it waits for ") or "to be applied",
        )
        for asked in requests
    ]
    return table(("open request", "to", "asked by", "asked", "waits for"), rows)


def _evidence_text(evidence: list[dict[str, Any]]) -> str:
    if not evidence:
        return "No evidence: every gate refuses this version."
    rows = []
    told = []
    for said in evidence:
        passed = sum(finding["passed"] for finding in said["findings"])
        known = said["verdict"] != "not trusted"
        rows.append(
            (
                said["kind"],
                mark(said["counts"]),
                f"{passed} of {len(said['findings'])}" if known else None,
                ("this version" if said["about_this_version"] else "other bytes") if known else None,
                _signed(said),
                _day(said["recorded"]) or "not yet",
                f"{_day(said['expires'])}{' (over)' if said['expired'] else ''}" if said["expires"] else None,
            )
        )
        told += [
            f"  {f['subject']} is {f['got']}, expected {f['expected']}" for f in said["findings"] if not f["passed"]
        ]
        told += [f"  {said['kind']} is not to be relied on: {said['problem']}"] if said["problem"] else []
    head = ("evidence", "verdict", "findings passed", "about", "signed by", "recorded", "counts until")
    return "\n".join([table(head, rows), *map(clean, told)])


def _signed(said: Mapping[str, Any]) -> str:
    names = ", ".join(said["signed_by"])
    asked = said["signatures_asked"]
    lacking = f" ({len(said['signed_by'])} of {asked})" if names and asked and len(said["signed_by"]) < asked else ""
    return f"{names}{lacking}" if names else "nobody who is trusted"


def _day(text: str | None) -> str | None:
    return text[:10] if text else None


def _interval(measure: Mapping[str, Any]) -> str | None:
    return None if measure["low"] is None else f"{measure['low']:.3f} to {measure['high']:.3f}"

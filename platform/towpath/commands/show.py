"""`towpath show`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, decimals, mark, table, with_console
from towpath_core.clock import short, stamp

if TYPE_CHECKING:
    from towpath_registry.evidence import Statement
    from towpath_registry.nouns import ModelVersion


@click.command("show")
@click.argument("ref", metavar="MODEL[/VERSION|@ALIAS]")
@with_console
def command(console: Console, ref: str) -> None:
    """Show a version: provenance, measures, evidence, aliases, run. With a model's name alone: its versions.

    \b
    towpath show occupation-coder
    towpath show occupation-coder/1
    towpath show occupation-coder@production --json
    """
    from towpath_core.refs import ModelRef, check_name
    from towpath_registry.store import open_store

    store = open_store(os.environ)
    if "/" not in ref and "@" not in ref:
        versions = store.versions(check_name(ref))
        console.result({"model": ref, "versions": [_brief(version) for version in versions]}, _model(ref, versions))
        return
    version = store.version(ModelRef.parse(ref))
    shown = _content(version, store.metrics(version), store.evidence(version))
    console.result(shown, _version(shown))


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


def _content(version: ModelVersion, metrics: Mapping[str, float], statements: list[dict[str, Any]]) -> dict[str, Any]:
    from towpath_registry.mlflow_views import version_link
    from towpath_registry.nouns import MONITORING
    from towpath_registry.places import ui_address

    ui, monitoring = ui_address(os.environ), version.tags.get(MONITORING, "")

    return {
        "model": version.name,
        **_brief(version),
        "task": version.tags.get("towpath.task", ""),
        "provenance": version.provenance(),
        "measures": _measures(metrics),
        "evidence": [_evidence(version, content) for content in statements],
        "run_id": version.run_id,
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


def _evidence(version: ModelVersion, content: dict[str, Any]) -> dict[str, Any]:
    from towpath_registry.evidence import Statement

    try:
        said: Statement = Statement.parse(content)
    except ValueError as error:
        return {"kind": "", "verdict": "unreadable", "why": str(error), "findings": [], "about_this_version": False}
    findings = [asdict(f) for f in said.findings]
    about = bool(version.digest) and said.subjects == ((version.name, version.digest),)
    return {
        "kind": said.kind,
        "verdict": "passed" if said.passed else "failed",
        "made": said.made,
        "by": said.by,
        "about_this_version": about,
        "findings": findings,
    }


def _version(shown: Mapping[str, Any]) -> str:
    facts = [
        ("aliases", ", ".join(shown["aliases"]) or None),
        ("created", shown["created"][:16].replace("T", " ") + " UTC"),
        ("digest", shown["digest"] or None),
        ("task", shown["task"] or None),
        ("run", shown["run_id"] or None),
        ("page", shown["page"]),
        ("monitoring", shown["monitoring"] or None),
    ]
    seven = [(name, value or None) for name, value in shown["provenance"].items()]
    measures = [(m["name"], decimals(m["value"]), _interval(m), decimals(m["baseline"])) for m in shown["measures"]]
    parts = [
        f"{shown['model']}/{shown['version']}",
        table(("", ""), facts).partition("\n")[2],
        table(("provenance", ""), seven),
        table(("measure", "value", "95 % interval", "baseline"), measures) if measures else "No measures.",
        _evidence_text(shown["evidence"]),
        "The pages are MLflow's; towpath ui opens them.",
    ]
    return "\n\n".join(parts)


def _evidence_text(evidence: list[dict[str, Any]]) -> str:
    if not evidence:
        return "No evidence: every gate refuses this version."
    rows = []
    failed = []
    for statement in evidence:
        passed = sum(finding["passed"] for finding in statement["findings"])
        verdict = mark(statement["verdict"] == "passed" and statement["about_this_version"])
        about = "this version" if statement["about_this_version"] else "other bytes"
        rows.append((statement["kind"] or None, verdict, f"{passed} of {len(statement['findings'])}", about))
        failed += [
            f"  {f['subject']} is {f['got']}, expected {f['expected']}"
            for f in statement["findings"]
            if not f["passed"]
        ]
        failed += [f"  {statement['why']}"] if "why" in statement else []
    return "\n".join([table(("evidence", "verdict", "findings passed", "about"), rows), *map(clean, failed)])


def _interval(measure: Mapping[str, Any]) -> str | None:
    return None if measure["low"] is None else f"{measure['low']:.3f} to {measure['high']:.3f}"

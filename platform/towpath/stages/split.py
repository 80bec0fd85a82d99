"""Divide the training waves into train, validation and test; equal records are kept together."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from towpath import holdouts, stages, tasks
from towpath import project as projects
from towpath.holdouts import COLUMN, Holdout
from towpath_core.errors import Misused, Refused
from towpath_core.files import write_json, written_whole

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project
    from towpath_checks.findings import Finding


def main() -> None:
    split(projects.load())


def split(project: Project) -> None:
    """Write data/splits.parquet (record id and part) and reports/leakage.json. Raises: Refused on leakage.

    A record without a part is left out: for the model it is the same as a record of an earlier part.
    """
    from towpath import checking

    holdout = Holdout.read(stages.params_of(project))
    data = project.settings.data
    records = stages.prepared(project)
    everything = records
    records = records[records[data.wave].isin(data.train_waves)].reset_index(drop=True)
    if not len(records):
        raise Misused(
            f"no record has a {data.wave} of {', '.join(data.train_waves)}",
            hint="mend towpath.yaml, data.train_waves",
        )
    keys = tasks.find(project.settings.task).keys(project, records)
    parts = holdouts.parts(holdout, keys, records[data.target], _units(project, holdout, records))
    table = records[[data.record_id]].assign(part=parts)
    with written_whole(project.splits) as part:
        table.to_parquet(part, index=False)
    sys.stderr.write(_told(holdout, table["part"]))
    findings = [_as_asked(finding, holdout) for finding in checking.leakage(project, everything)]
    write_json(project.reports / "leakage.json", _report(findings))
    if leaks := [finding for finding in findings if finding.severity == "error" and not finding.passed]:
        raise Refused(f"the split leaks: {'; '.join(f'{f.gate}: {f.got}' for f in leaks)}", hint=_way_out(leaks))


def _way_out(leaks: list[Finding]) -> str:
    if any(finding.passed is None for finding in leaks):
        return "mend towpath.yaml, data, or src/…/prepare.py"
    ways = {"leakage_by_group": "grouped", "leakage_by_time": "temporal"}
    kinds = [ways[finding.gate] for finding in leaks if finding.gate in ways]
    return f"params.yaml, split.kind: {' or '.join(kinds)}" if kinds else ""


def _units(project: Project, holdout: Holdout, records: pd.DataFrame) -> pd.Series[Any] | None:
    """The column that the kind of split goes by. Raises: Misused where towpath.yaml or the records have none."""
    if holdout.kind == "stratified":
        return None
    setting = COLUMN[holdout.kind]
    column = getattr(project.settings.data, setting)
    if not column:
        raise Misused(
            f"params.yaml, split.kind is {holdout.kind}, but towpath.yaml, data.{setting} names no column",
            hint=f"name the column in towpath.yaml, data.{setting}",
        )
    if column not in records.columns:
        raise Misused(f"the prepared data lack {column}, towpath.yaml, data.{setting}", hint="mend src/…/prepare.py")
    units: pd.Series[Any] = records[column]
    return units


def _as_asked(finding: Finding, holdout: Holdout) -> Finding:
    """Of a temporal split, a test record that is not later than training is an error."""
    if finding.gate == "leakage_by_time" and holdout.kind == "temporal":
        return replace(finding, severity="error")
    return finding


def _report(findings: list[Finding]) -> dict[str, Any]:
    """The finding about equal records, and under `others` those about groups and time."""
    own = next(finding for finding in findings if finding.gate == "leakage")
    return {**own.as_dict(), "others": [finding.as_dict() for finding in findings if finding is not own]}


def _told(holdout: Holdout, parts: pd.Series[Any]) -> str:
    counts = ", ".join(f"{part} {int((parts == part).sum()):,}" for part in stages.PARTS)
    left = int(parts.isna().sum())
    more = f"; {left:,} left out, as an earlier part has the same for the model" if left else ""
    return f"split: {holdout.kind}, {counts}{more}\n"


if __name__ == "__main__":
    main()

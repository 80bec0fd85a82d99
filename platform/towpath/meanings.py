"""What a project says of its data beside their columns: meanings, correspondence table, the version before, the day."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from towpath import git, tasks
from towpath_checks import correspondence as correspondences
from towpath_checks import previous
from towpath_checks.dataset import Columns, Previous
from towpath_core.clock import Clock, utc_now
from towpath_core.digests import sha256_bytes
from towpath_core.errors import CouldNot, NotFound, Refused
from towpath_core.files import write_json

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project

KEPT = "reports/data_profile.json"


def known(project: Project, records: pd.DataFrame, clock: Clock = utc_now) -> dict[str, Any]:
    """What a Dataset takes beside the project's own columns, by the names of its fields.

    Raises: as correspondence.read does, for a table that is named.
    """
    settings, before = project.settings, _before(project)
    table = settings.nomenclature.correspondence
    features = None
    if before:
        features, _ = tasks.find(settings.task).features(project, records, before.profile.get("features"))
    return {
        "categories": tuple(field.name for field in settings.data.inputs if field.type == "category"),
        "columns": columns(project),
        "version": settings.nomenclature.version,
        "correspondence": correspondences.read(project.path(table), table) if table else None,
        "today": clock().date(),
        "features": features,
        "previous": before,
    }


def columns(project: Project) -> Columns:
    data = project.settings.data
    return Columns(**{name: getattr(data, name) for name in Columns.__dataclass_fields__})


def keep(project: Project, records: pd.DataFrame) -> None:
    """Write the profile with which the next version of the data is compared; git keeps it. Counts only.

    Records of which no profile can be made leave none, rather than that of others.
    """
    try:
        features, reference = tasks.find(project.settings.task).features(project, records)
        made = previous.profile(features, records[project.settings.data.target], reference)
    except Refused:
        project.path(KEPT).unlink(missing_ok=True)
        return
    write_json(project.path(KEPT), made)


def settled(project: Project, clock: Clock = utc_now) -> dict[str, str]:
    """What verdicts depend on beside files: the last committed profile, and the day where a rule counts from it."""
    before = _committed(project)
    data = project.settings.data
    return {
        "previous": sha256_bytes(before.encode()) if before else "",
        "today": clock().date().isoformat() if data.period else "",
    }


def _before(project: Project) -> Previous | None:
    content = _committed(project)
    if not content:
        return None
    try:
        made = json.loads(content)
    except ValueError:
        made = None
    commit = git.git(project.root, "log", "-1", "--format=%h", "--abbrev=12", "--", KEPT).strip()
    return Previous(f"commit {commit}", made if isinstance(made, dict) else {})


def _committed(project: Project) -> str:
    """The last committed profile; empty where there is none, or no git."""
    try:
        return git.content(project.root, "HEAD", KEPT)
    except (CouldNot, NotFound):
        return ""

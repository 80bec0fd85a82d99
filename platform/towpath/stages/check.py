"""Stop the pipeline where the data are not fit to learn from; say why in reports/ either way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from towpath import project as projects
from towpath_core.errors import Refused

if TYPE_CHECKING:
    from towpath.project import Project


def main() -> None:
    check(projects.load())


def check(project: Project) -> None:
    """Write reports/checks.json, checks.html and gx.json, and a profile of data that are fit.

    Raises: Refused when the prepared data are not fit.
    """
    from towpath import checking, meanings, stages

    checked = checking.check(project, project.prepared)
    checking.write(checked, project.reports)
    report = checked.report
    for finding in report.ordered():
        if finding.blocks:
            told = f"{finding.gate}: {finding.subject}: {finding.got}; expected {finding.expected}"
            sys.stderr.write(told + (f"; for example {', '.join(finding.examples)}" * bool(finding.examples)) + "\n")
    if not report.passed:
        raise Refused(report.sentence, hint="open reports/checks.html")
    meanings.keep(project, stages.prepared(project))


if __name__ == "__main__":
    main()

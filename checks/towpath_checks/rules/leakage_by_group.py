from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import PARTS, Dataset, unsaid
from towpath_checks.findings import Finding, Severity, of_records
from towpath_checks.rules.leakage import in_two, parts_of


@dataclass(frozen=True, slots=True)
class LeakageByGroup:
    """No group of records that belong together (a household, an enterprise) stands in more than one part of the split.

    The group is the column of data.group; a record without one is a group of its own.
    """

    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        subject, expected = "records of a group that stands in another part too", "none"
        if not data.columns.group:
            return unsaid("leakage_by_group", "group", expected, subject)
        if data.splits is None:
            got = "not assessed until the split exists"
            return Finding("leakage_by_group", subject, None, got, expected, self.severity)
        group, part = data.texts_of("group"), parts_of(data)
        placed = part.notna() & (group != "")
        shared = in_two(group[placed], part[placed])
        leaking = placed & group.isin(shared) & (part != PARTS[0])
        total = int((part.notna() & (part != PARTS[0])).sum())
        return Finding(
            "leakage_by_group",
            subject,
            shared.empty,
            f"{shared.nunique():,} groups, {of_records(int(leaking.sum()), total)} of {' and '.join(PARTS[1:])}",
            expected,
            self.severity,
            int(leaking.sum()),
            total,
            data.ids(leaking),
        )

from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import PARTS, Dataset, unsaid
from towpath_checks.findings import Finding, Severity, of_records
from towpath_checks.periods import ends
from towpath_checks.rules.leakage import parts_of


@dataclass(frozen=True, slots=True)
class LeakageByTime:
    """No test record is about a time before the end of what the model was trained on.

    The time is the column of data.period. A split at random leaks in this way by design, so the rule advises; with a
    temporal split let it block: severity error.
    """

    severity: Severity = "warning"

    def judge(self, data: Dataset) -> Finding:
        subject, expected = "test records that are no later than the last training record", "none"
        if not data.columns.period:
            return unsaid("leakage_by_time", "period", expected, subject)
        if data.splits is None:
            got = "not assessed until the split exists"
            return Finding("leakage_by_time", subject, None, got, expected, self.severity)
        day, part = ends(data.column("period")).reset_index(drop=True), parts_of(data)
        train, test = part == PARTS[0], part == PARTS[2]
        timeless = (train | test) & day.isna()
        early = test & ~(day > day[train].max())
        got = f"{of_records(int(early.sum()), int(test.sum()))} of {PARTS[2]}"
        if timeless.any():
            got += f", {of_records(int(timeless.sum()), int((train | test).sum()))} have no period that can be read"
        return Finding(
            "leakage_by_time",
            subject,
            not early.any() and not timeless.any(),
            got,
            expected,
            self.severity,
            int((early | timeless).sum()),
            int((train | test).sum()),
            data.ids(early | timeless),
        )

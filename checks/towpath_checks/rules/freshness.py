from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from towpath_checks.dataset import Dataset, unsaid
from towpath_checks.findings import Finding, Severity, of_records
from towpath_checks.periods import ends, starts


@dataclass(frozen=True, slots=True)
class Freshness:
    """The newest record is about a time that ended at most `within_days` ago, and none about a time to come.

    The time is the column of data.period. Without `within_days` only records about a time to come are faults: how old
    is too old, nobody else can say.
    """

    within_days: int = 0
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        subject = "how old the data are"
        bound = f"the newest at most {self.within_days} days old, and " if self.within_days else ""
        expected = f"{bound}none from the future"
        if not data.columns.period:
            return unsaid("freshness", "period", expected, subject)
        if data.today is None:
            got = "not assessed: no day was given to compare with"
            return Finding("freshness", subject, None, got, expected, "warning")
        import pandas as pd

        period = ends(data.column("period")).reset_index(drop=True)
        unread = period.isna()
        if unread.all():
            got = f"no period that can be read in {of_records(len(period), len(period))}"
            return Finding("freshness", subject, False, got, expected, self.severity, len(period), len(period))
        # A period that has begun and is not over is no future. Somewhere it is tomorrow already.
        begun = starts(data.column("period")).reset_index(drop=True)
        future = begun > pd.Timestamp(data.today + timedelta(days=1))
        newest = period[~future].max()
        old = bool(self.within_days) and not newest >= pd.Timestamp(data.today - timedelta(days=self.within_days))
        got = f"the newest is of {newest.date().isoformat()}" if newest == newest else "all from the future"  # noqa: PLR0124
        got += f", {of_records(int(future.sum()), len(future))} from the future" if future.any() else ""
        got += f", {of_records(int(unread.sum()), len(unread))} without a period" if unread.any() else ""
        wrong = future | unread
        return Finding(
            "freshness", subject, not old and not wrong.any(), f"{got}, seen from {data.today.isoformat()}", expected,
            self.severity, int(wrong.sum()), len(period), data.ids(wrong),
        )  # fmt: skip

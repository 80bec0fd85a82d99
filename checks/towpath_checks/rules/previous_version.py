from __future__ import annotations

from dataclasses import dataclass

from towpath_checks import previous
from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class PreviousVersion:
    """Features and label are distributed as in the version of the data that was accepted before: PSI up to `psi`.

    What chance explains is no drift. It advises: data may well change, but somebody should know.
    """

    psi: float = 0.2
    severity: Severity = "warning"

    def judge(self, data: Dataset) -> Finding:
        subject, expected = "change since the previous version of the data", f"a PSI of at most {self.psi:g} in each"
        if data.previous is None or data.features is None:
            got = "not assessed: there is no accepted version before this"
            return Finding("previous_version", subject, None, got, expected, "warning")
        found = previous.compare(data.previous.profile, data, self.psi)
        drifted = [one for one in found if one.drifted]
        told = ", ".join(f"{one.name} (PSI {one.psi:.3g})" for one in drifted)
        return Finding(
            "previous_version",
            subject,
            bool(found) and not drifted,
            (f"other than in {data.previous.shown}: {told}" if drifted else f"as in {data.previous.shown}"),
            expected,
            self.severity,
            len(drifted),
            len(found),
        )

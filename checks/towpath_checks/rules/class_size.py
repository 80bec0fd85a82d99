from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class ClassSize:
    """Each class but the `accepted` has at least `minimum` examples to train on; there are two classes or more."""

    minimum: int = 2
    accepted: tuple[str, ...] = ()
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        expected = f"at least {self.minimum} examples of each, and at least 2 classes"
        if self.accepted:
            expected += f"; accepted as they are: {', '.join(self.accepted)}"
        subject = "classes of the records to train on"
        if data.training is None:
            got = "not assessed: no record here is meant for training"
            return Finding("class_size", subject, None, got, expected, "warning")
        sizes = data.labels[data.training.to_numpy()].value_counts()
        small = sizes[(sizes < self.minimum) & ~sizes.index.isin(list(self.accepted))]
        got = f"{len(small)} of {len(sizes)} classes with fewer" if len(sizes) > 1 else f"{len(sizes)} classes in all"
        return Finding(
            "class_size",
            subject,
            len(sizes) > 1 and small.empty,
            got,
            expected,
            self.severity,
            int(small.sum()),
            int(sizes.sum()),
            data.shown_codes(sorted(map(str, small.index))),
        )

from __future__ import annotations

from dataclasses import dataclass

from towpath_checks.dataset import Dataset, plain, unsaid
from towpath_checks.findings import Finding, Severity, of_records

SOURCES = ("human", "double_human", "arbiter", "rule", "ml_auto", "llm")


@dataclass(frozen=True, slots=True)
class LabelProvenance:
    """Each label says who or what gave it, and none that a machine gave is learnt from, but of the `accepted` sources.

    The source is the column of data.label_source: human, double_human, arbiter, rule, ml_auto or llm. Where
    data.label_date and data.label_version name columns, each label has those too.
    """

    automatic: tuple[str, ...] = ("rule", "ml_auto", "llm")
    accepted: tuple[str, ...] = ()
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        subject = "where labels come from"
        expected = f"one of {', '.join(SOURCES)}; to train on, none of {', '.join(self._barred())}"
        if not data.columns.label_source:
            return unsaid("label_provenance", "label_source", expected, subject)
        labelled, source = plain(data.labels) != "", data.texts_of("label_source")
        missing, unknown = labelled & (source == ""), labelled & (source != "") & ~source.isin(SOURCES)
        faults = [(missing, "without a source"), (unknown, "with a source that is none of these")]
        for key, what in (("label_date", "date"), ("label_version", "version of the nomenclature")):
            if getattr(data.columns, key):
                faults.append((labelled & (data.texts_of(key) == ""), f"without a {what}"))
        barred = labelled & source.isin(self._barred())
        if data.training is not None:
            faults.append((barred & data.training.to_numpy(), "to train on were labelled automatically"))
        wrong = missing.copy()
        for which, _ in faults:
            wrong |= which
        told = [f"{of_records(int(which.sum()), len(labelled))} {what}" for which, what in faults if which.any()]
        return Finding(
            "label_provenance",
            subject,
            not wrong.any() and bool(labelled.any()),
            ", ".join(told) or f"{int(labelled.sum()):,} labels with a source",
            expected,
            self.severity,
            int(wrong.sum()),
            len(labelled),
            data.ids(wrong),
        )

    def _barred(self) -> list[str]:
        return [source for source in self.automatic if source not in self.accepted]

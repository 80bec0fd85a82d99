from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from towpath_checks.dataset import Dataset, like, plain, unsaid
from towpath_checks.findings import Finding, Severity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class DomainSize:
    """Each domain has at least `minimum` examples to train on, and of each class at least `minimum_per_class`.

    The domains are the values of the columns of data.domains. Without `minimum_per_class` the classes with under two
    examples in a domain are counted and told, not judged.
    """

    minimum: int = 30
    minimum_per_class: int = 0
    accepted: tuple[str, ...] = ()
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        expected, subject = f"at least {self.minimum} examples in each domain", "domains of the records to train on"
        expected += f", {self.minimum_per_class} of each class" if self.minimum_per_class else ""
        if not data.columns.domains:
            return unsaid("domain_size", "domains", expected, subject)
        if data.training is None:
            got = "not assessed: no record here is meant for training"
            return Finding("domain_size", subject, None, got, expected, "warning")
        training, labels = data.training.to_numpy(), plain(data.labels)
        small, cells, all_cells, counted, named = 0, 0, 0, 0, []
        for name in data.columns.domains:
            every = plain(data.named(name, "domains"))
            domain = every[training]
            sizes = domain.value_counts().reindex(sorted(set(every)), fill_value=0)
            few = sizes[(sizes < self.minimum) & ~sizes.index.isin([*self.accepted])]
            thin = _thin(domain, labels[training], max(self.minimum_per_class, 2))
            named += [f"{name} {value or 'missing'}" for value in _names(few, every)]
            small, counted = small + len(few), counted + len(sizes)
            cells, all_cells = cells + thin, all_cells + len(sizes) * labels[training].nunique()
        got = f"{small} of {counted} domains with fewer, {cells:,} of {all_cells:,} classes by domain with "
        got += f"fewer than {max(self.minimum_per_class, 2)}"
        passed = counted > 0 and not small and not (cells and self.minimum_per_class)
        return Finding("domain_size", subject, passed, got, expected, self.severity, small, counted, tuple(named[:5]))


def _thin(domain: pd.Series[str], labels: pd.Series[str], minimum: int) -> int:
    """How many cells of class by domain have fewer, empty ones too."""
    import pandas as pd

    table = pd.DataFrame({"domain": domain, "label": labels}).value_counts()
    return int(domain.nunique() * labels.nunique() - (table >= minimum).sum())


def _names(few: pd.Series[int], every: pd.Series[str]) -> list[str]:
    """The domains in question that look like those of many records: a text that strayed in is not told."""
    sizes = every.value_counts()
    missing = [""] if "" in few.index else []
    return [*like([value for value in few.index if value], map(str, sizes[sizes >= 30].index)), *missing]

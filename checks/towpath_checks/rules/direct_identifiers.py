from __future__ import annotations

from dataclasses import dataclass

from towpath_checks import identifiers
from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity, of_records


@dataclass(frozen=True, slots=True)
class DirectIdentifiers:
    """No column holds what names a person: e-mail, telephone, IBAN, national numbers, by form and check digits.

    The columns of data.identifiers are identifiers whatever they look like, so the model may not see them; they and the
    `accepted` may hold them. Numbers that meet a check digit no oftener than chance does are told, not judged.
    """

    accepted: tuple[str, ...] = ()
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        declared = data.columns.identifiers
        for name in declared:
            data.named(name, "identifiers")
        seen = [name for name in declared if name in data.inputs]
        told = [f"{name}: an identifier that the model would see" for name in seen]
        by_chance, count = [], 0
        for name in map(str, data.frame.columns):
            if name in (*declared, *self.accepted):
                continue
            for found in identifiers.found(data.frame[name]):
                words = f"{name}: {found.kind} in {of_records(found.count, len(data.frame))}"
                if found.explained_by_chance:
                    by_chance.append(f"{words}, which may be chance")
                else:
                    told, count = [*told, words], max(count, found.count)
        return Finding(
            "direct_identifiers",
            "what names a person or an enterprise",
            not told,
            "; ".join([*told, *by_chance]) or "none found",
            "none, but in the columns of data.identifiers, and those not an input",
            self.severity,
            count,
            len(data.frame),
        )

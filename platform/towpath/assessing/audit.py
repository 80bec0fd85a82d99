"""The probability audit sample: a CSV that people filled in, and what it says of the published totals."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from towpath_checks.measures import Measure
from towpath_core.errors import NotFound, Refused

if TYPE_CHECKING:
    from towpath.project import Project
    from towpath_checks.measures.misclassification import CorrectedTotals

COLUMNS = ("record_id", "predicted", "true", "inclusion_probability")
PERIOD = "period"
_SMALLEST = 1e-9  # one of a thousand million records: less is a slip of the pen


def corrected(project: Project, name: str) -> tuple[Measure, CorrectedTotals, str]:
    """The accuracy in the whole, the corrected class totals, and of which period and which class sizes they are.

    The file has a row for each audited record: record_id, predicted, true, inclusion_probability (more than 0, at most
    1), and may have period. `<name>.totals.csv` (class, records) beside it says how many records were put into each
    class; without it that is estimated by the sum of 1 / inclusion_probability (Horvitz and Thompson 1952).
    Raises: NotFound, and Refused for a file that is no such sample.
    """
    from towpath_checks.measures.misclassification import audited_accuracy, corrected_totals

    rows = _rows(project, name)
    chances = [_chance(row["inclusion_probability"], name) for row in rows]
    predicted, true = [row["predicted"] for row in rows], [row["true"] for row in rows]
    known = _totals(project, name)
    sizes = known or _estimated(predicted, chances)
    period = " and ".join(sorted({row.get(PERIOD) or "an unknown period" for row in rows}))
    period += "" if known else ", class sizes estimated from it (their error is in no standard error here)"
    right = [one == other for one, other in zip(predicted, true, strict=True)]
    accuracy = audited_accuracy(sizes, predicted, right, inclusion=chances)
    return accuracy, corrected_totals(sizes, predicted, true, inclusion=chances), period


def largest_bias(totals: CorrectedTotals) -> Measure:
    """The largest distance of a counted class total from the corrected, as a share of all records."""
    known = [row for row in totals.classes if row.bias.value is not None]
    if not known:
        return Measure("largest_bias", None, None, None, totals.audited, "no class total was corrected")
    worst = max(known, key=lambda row: abs(row.bias.value or 0.0))
    note = f"class {worst.code}; no interval: the largest of many is biased upwards"
    value = abs(worst.bias.value or 0.0) / totals.records
    return Measure("largest_bias", value, None, None, totals.audited, note)


def _rows(project: Project, name: str) -> list[dict[str, str]]:
    rows = _csv(project, name, COLUMNS)
    if len({row["record_id"] for row in rows}) < len(rows):
        raise Refused(f"{name}: a record_id stands twice")
    return rows


def _csv(project: Project, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    path = project.path(name)
    if not path.is_file():
        raise NotFound(f"there is no file {name}", hint="dvc pull, or mend towpath.yaml, quality.audit_sample")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            read = csv.DictReader(stream, strict=True)
            rows, head = list(read), list(read.fieldnames or [])
    except (UnicodeDecodeError, csv.Error):
        raise Refused(f"{name} is no CSV file in UTF-8") from None
    if not rows:
        raise Refused(f"{name} has no rows")
    if missing := [column for column in columns if column not in rows[0]]:
        raise Refused(f"{name} has no column {', '.join(missing)}")
    if twice := [column for column in columns if head.count(column) > 1]:
        raise Refused(f"{name} has the column {', '.join(twice)} twice")
    stripped = [{key: value.strip() for key, value in row.items() if key and value} for row in rows]
    for number, row in enumerate(stripped, 2):
        if empty := [column for column in columns if not row.get(column)]:
            raise Refused(f"{name}, line {number}: {', '.join(empty)} is empty")
    return stripped


def _chance(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not _SMALLEST <= value <= 1:
        raise Refused(f"{name}: an inclusion_probability is no number above 0 and up to 1")
    return value


def _totals(project: Project, name: str) -> Mapping[str, float]:
    beside = f"{name.removesuffix('.csv')}.totals.csv"
    if not project.path(beside).is_file():
        return {}
    rows = _csv(project, beside, ("class", "records"))
    if len({row["class"] for row in rows}) < len(rows):
        raise Refused(f"{beside}: a class stands twice")
    try:
        totals = {row["class"]: float(row["records"]) for row in rows}
    except ValueError:
        raise Refused(f"{beside}: records holds what is no number") from None
    if not all(math.isfinite(value) and value > 0 for value in totals.values()):
        raise Refused(f"{beside}: records holds what is no number above 0")
    return totals


def _estimated(predicted: list[str], chances: list[float]) -> Mapping[str, float]:
    totals: defaultdict[str, float] = defaultdict(float)
    for label, chance in zip(predicted, chances, strict=True):
        totals[label] += 1 / chance
    return totals

"""What is measured of a model's answers, by the field's names, for evaluation and monitoring alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from towpath_checks.measures import Measure
from towpath_checks.measures.accuracy import accuracy
from towpath_checks.measures.automatic_coding import automatic_coding_accuracy, automatic_coding_rate
from towpath_checks.measures.calibration import brier, expected_calibration_error
from towpath_checks.measures.comparison import accuracy_difference, mcnemar_p
from towpath_checks.measures.f1 import macro_f1, weighted_f1
from towpath_checks.measures.top_k import top_k_accuracy
from towpath_core.errors import Mismatch
from towpath_core.verdicts import Verdict

if TYPE_CHECKING:
    from towpath.project import Limit, Project

Array = np.ndarray[Any, Any]
BASELINE = "better_than_baseline"


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to n records: their probabilities, shape (n, classes), and the classes, shape (classes,), text."""

    probabilities: Array
    classes: Array

    @property
    def labels(self) -> Array:
        """The most probable label of each record, shape (n,)."""
        labels: Array = self.classes[self.probabilities.argmax(axis=1)]
        return labels

    @property
    def score(self) -> Array:
        """p1, the probability of the first answer, shape (n,)."""
        score: Array = np.minimum(self.probabilities.max(axis=1), 1.0)
        return score


def answered(project: Project, model: Any, frame: pd.DataFrame) -> Answered:
    """What a trained model says to n records. Raises: Mismatch unless that is a probability for each class."""
    probabilities = model.predict_proba(frame[project.input_names()])
    if probabilities.shape != (len(frame), len(model.classes_)) or not np.isfinite(probabilities).all():
        raise Mismatch(f"the model gives no probability for each class of each of {len(frame)} records")
    return Answered(probabilities.astype(float), model.classes_.astype(str))


def measures(truth: Array, said: Answered, levels: Sequence[int], threshold: float | None) -> list[Measure]:
    """All measures of the answers against the truth, shape (n,), text; `levels` are prefix lengths, the finest last."""
    labels, score = said.labels, said.score
    right = labels == truth
    per_level = [replace(accuracy(truth, labels, level=level), name=f"accuracy_{level}") for level in levels]
    ranked = [] if len(said.classes) < 10 else [top_k_accuracy(truth, said.probabilities, said.classes, k=5)]
    return [
        *(per_level or [accuracy(truth, labels)]),
        macro_f1(truth, labels),
        weighted_f1(truth, labels),
        *[replace(measure, name="top_5") for measure in ranked],
        expected_calibration_error(score, right),
        brier(truth, said.probabilities, said.classes),
        automatic_coding_rate(score, threshold),
        replace(automatic_coding_accuracy(score, right, threshold), name="accuracy_automatic"),
    ]


def against_baseline(truth: Array, labels: Array, baseline: Array, levels: Sequence[int]) -> list[Measure]:
    """The baseline's own accuracy and macro F1, and the paired difference of accuracy, all on the same records."""
    per_level = [replace(accuracy(truth, baseline, level=level), name=f"baseline_accuracy_{level}") for level in levels]
    return [
        *(per_level or [replace(accuracy(truth, baseline), name="baseline_accuracy")]),
        replace(macro_f1(truth, baseline), name="baseline_macro_f1"),
        replace(accuracy_difference(truth, labels, baseline), name="gain_over_baseline"),
        mcnemar_p(truth, labels, baseline),
    ]


def judged(measured: Iterable[Measure], limits: Mapping[str, Limit]) -> list[Verdict]:
    """One verdict for each limit, and one that the model beats its baseline beyond chance.

    A limit for what was not measured, or could not be assessed, is not held.
    """
    said = list(measured)
    verdicts = held(said, limits)
    gain = next(measure for measure in said if measure.name == "gain_over_baseline")
    better = gain.low is not None and gain.low > 0
    got = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" if gain.low is not None else "not assessed"
    expected = "an interval above 0, on the same records"
    return [*verdicts, Verdict(BASELINE, better, "the gain in accuracy over the baseline", got, expected)]


def held(measured: Iterable[Measure], limits: Mapping[str, Limit]) -> list[Verdict]:
    """One verdict for each limit."""
    by_name = {measure.name: measure for measure in measured}
    return [_limit(name, by_name.get(name), limit) for name, limit in limits.items()]


def _limit(name: str, measure: Measure | None, limit: Limit) -> Verdict:
    bounds = {"at least": limit.at_least, "at most": limit.at_most}
    expected = " and ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)
    if measure is None:
        return Verdict(name, False, name, "not measured", f"{expected} (see reports/metrics.json for the names)")
    if measure.value is None:
        return Verdict(name, False, name, f"not assessed: {measure.note}", expected)
    low = limit.at_least is None or measure.value >= limit.at_least
    high = limit.at_most is None or measure.value <= limit.at_most
    return Verdict(name, bool(low and high), name, f"{measure.value:.3f}", expected)


def rows(measured: Iterable[Measure]) -> list[dict[str, Any]]:
    """For a report, in the given order."""
    return [asdict(measure) for measure in measured]


def flat(measured: Iterable[Measure]) -> dict[str, float | None]:
    """Name to value, with `<name>_low` and `<name>_high` where there is an interval."""
    found: dict[str, float | None] = {}
    for measure in measured:
        found[measure.name] = measure.value
        if measure.low is not None:
            found |= {f"{measure.name}_low": measure.low, f"{measure.name}_high": measure.high}
    return found


def answer_frame(project: Project, said: Answered) -> pd.DataFrame:
    """What a profile of the answers is made of: the coarsest level of each answer, and its score; n rows."""
    levels = project.settings.nomenclature.levels
    coarse = [label[: levels[0]] for label in said.labels] if levels else list(said.labels)
    return pd.DataFrame({"answer": coarse, "confidence": said.score})

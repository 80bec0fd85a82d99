"""Accuracy: close to the truth, for each class, each domain and spoilt records, and in the published total."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from towpath.assessing import SETTINGS, TESTED, Assessment, Evaluated, named, none, texts, tried
from towpath_checks.measures import Measure
from towpath_checks.quality import ACCURACY, Bound, Figure
from towpath_checks.quality_report import Annex
from towpath_core.errors import NotFound, Refused, TowpathError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath_checks.measures.misclassification import CorrectedTotals
    from towpath_checks.measures.subgroups import Subgroups

_BASE = "baseline_"
_SEED = 20_260_101
_STRESS_ROWS = 2_000
_TOLD = 3
_RATES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05)


def assess(evaluated: Evaluated) -> Assessment:
    figures = [*_measured(evaluated.measured), *_process(evaluated), *_hierarchy(evaluated)]
    annexes = [_classes(evaluated), _confused(evaluated), _thresholds(evaluated)]
    for part in (_domains, _stress, _audit):
        found, tables = part(evaluated)
        figures, annexes = figures + found, annexes + tables
    return figures, [annex for annex in annexes if annex.rows]


def _measured(measured: tuple[Measure, ...]) -> list[Figure]:
    """What the evaluation measured, each beside the baseline's own; that it beats the baseline is always asked."""
    figures = []
    for measure in measured:
        if measure.name.startswith(_BASE):
            continue
        bound = Bound(above=0.0) if measure.name == "gain_over_baseline" else None
        figures.append(Figure(ACCURACY, measure, bound, named(measured, _BASE + measure.name), TESTED))
    return figures


def _process(evaluated: Evaluated) -> list[Figure]:
    from towpath_checks.measures.process_accuracy import process_accuracy

    reviewers = evaluated.project.settings.quality.reviewer_accuracy
    if reviewers is None:
        why = f"how right reviewers are is not declared: {SETTINGS}, quality.reviewer_accuracy"
        return [Figure(ACCURACY, none("process_accuracy", why))]
    score, right, threshold = evaluated.said.score, evaluated.right, evaluated.threshold
    sources = (*TESTED, SETTINGS)
    return tried(ACCURACY, "process_accuracy", lambda: [process_accuracy(score, right, threshold, reviewers)], sources)


def _thresholds(evaluated: Evaluated) -> Annex:
    """The process at thresholds between all and nothing coded automatically."""
    from towpath_checks.measures.automatic_coding import automatic_coding_curve

    declared = evaluated.project.settings.quality.reviewer_accuracy
    reviewers = 1.0 if declared is None else declared
    curve = automatic_coding_curve(evaluated.said.score, evaluated.right)
    places = dict.fromkeys(int((curve.rate >= share).sum()) - 1 for share in _RATES)
    points = [(float(curve.threshold[i]), float(curve.rate[i]), float(curve.accuracy[i])) for i in places if i >= 0]
    known = "are always right, which nobody is" if declared is None else f"are right in {declared:g} of the cases"
    return Annex(
        "The process at other thresholds",
        ("threshold", "coded automatically", "of those right", "right in all"),
        tuple((t, rate, right, rate * right + (1 - rate) * reviewers) for t, rate, right in points),
        f"On the test records; reviewers {known} ({SETTINGS}, quality.reviewer_accuracy). The threshold in use was "
        "chosen on other records: choosing one here would make it look better than it is.",
        (*TESTED, SETTINGS),
    )


def _hierarchy(evaluated: Evaluated) -> list[Figure]:
    from towpath_checks.measures.hierarchical_f1 import hierarchical_f1

    levels = evaluated.project.settings.nomenclature.levels
    if len(levels) < 2:
        return []
    labels = evaluated.said.labels
    return tried(ACCURACY, "hierarchical_f1", lambda: [hierarchical_f1(evaluated.truth, labels, levels)], TESTED)


def _classes(evaluated: Evaluated) -> Annex:
    from towpath_checks.measures.per_class import per_class

    rows = per_class(evaluated.truth, evaluated.said.labels)
    return Annex(
        "Accuracy by class",
        ("class", "records", "answered so", "precision", "interval", "recall", "interval of recall", "F1"),
        tuple(
            (
                row.code,
                counted(row.true),
                counted(row.predicted),
                _value(row.precision),
                _ends(row.precision),
                _value(row.recall),
                _ends(row.recall),
                _value(row.f1),
            )
            for row in rows
        ),
        "A class of few test records is not assessable; one or two records are not counted.",
        TESTED,
    )


def _confused(evaluated: Evaluated) -> Annex:
    from towpath_checks.measures.confusions import confusions

    rows = confusions(evaluated.truth, evaluated.said.labels)
    return Annex(
        "Classes that are taken for one another",
        ("class", "answered as", "records", "share of the class", "interval"),
        tuple((r.truth, r.predicted, r.records, _value(r.share), _ends(r.share)) for r in rows),
        "The most frequent wrong answers; pairs of fewer than five records are not told.",
        TESTED,
    )


def _domains(evaluated: Evaluated) -> Assessment:
    from towpath_checks.measures.subgroups import subgroups

    columns = evaluated.project.settings.data.domains
    if not columns:
        why = f"no domain is declared: {SETTINGS}, data.domains"
        return [Figure(ACCURACY, none("worst_domain_accuracy", why))], []
    figures, annexes = [], []
    for column in columns:
        try:
            found = subgroups(evaluated.right, texts(evaluated.test, column), domain=column)
        except Refused as no:
            figures.append(Figure(ACCURACY, none(f"accuracy_gap_{column}", no.message)))
            continue
        gap = replace(found.gap, name=f"accuracy_gap_{column}")
        figures += [Figure(ACCURACY, said, sources=TESTED) for said in (_worst(found), gap)]
        annexes.append(_of_domain(found))
    return figures, annexes


def _worst(found: Subgroups) -> Measure:
    worst = next((measure for group, measure in found.groups if group == found.worst), None)
    name = f"worst_accuracy_{found.domain}"
    if worst is None:
        return none(name, "no group has enough records")
    left = len(found.not_assessable)
    note = f"{found.worst}; picked because it is the lowest of {len(found.groups) - left} groups"
    return replace(worst, name=name, note=f"{note}; {left} more have too few records to be assessed" if left else note)


def _of_domain(found: Subgroups) -> Annex:
    """A group of one or two records is not named: its name may be somebody's."""
    told = [(group, said) for group, said in found.groups if said.n >= _TOLD]
    few = len(found.groups) - len(told)
    named_rows = tuple((group, said.n, _value(said), _ends(said), said.note) for group, said in told)
    return Annex(
        f"Accuracy by {found.domain}",
        (found.domain, "records", "accuracy", "interval", "note"),
        (*named_rows, *([(f"(groups of under {_TOLD} records: {few})", "", "not assessable", "", "")] if few else [])),
        "Groups of few records are not assessable, and have no part in the gap.",
        TESTED,
    )


def _stress(evaluated: Evaluated) -> Assessment:
    """The declared stress set, where there is one, and the test records spoilt in each way that fits their columns."""
    from towpath_checks.measures.stress import KINDS, stressed

    data = evaluated.project.settings.data
    free = [field.name for field in data.inputs if field.type == "string"]
    others = [field.name for field in data.inputs if field.type != "string" and not field.required]
    test = evaluated.test[evaluated.project.input_names()]
    chosen = test.sample(min(len(test), _STRESS_ROWS), random_state=_SEED).sort_index()
    truth = evaluated.truth[chosen.index.to_numpy()]
    figures: list[Figure] = _stress_set(evaluated)
    for kind in KINDS:
        if not (others if kind == "missing_covariates" else free):
            continue
        found = stressed(
            lambda frame: evaluated.ask(frame).labels,
            chosen,
            truth,
            kind,
            texts=free,
            covariates=others,
            seed=_SEED,
        )
        figures += [Figure(ACCURACY, measure, sources=TESTED) for measure in found.measures]
    return figures, []


def _stress_set(evaluated: Evaluated) -> list[Figure]:
    from towpath_checks.measures.stress import stress_set

    project = evaluated.project
    name = project.settings.quality.stress
    if not name:
        why = f"there is no labelled stress set: {SETTINGS}, quality.stress"
        return [Figure(ACCURACY, none("stress_accuracy", why))]

    def measured() -> tuple[Measure, ...]:
        records = _labelled(evaluated, name)
        truth = texts(records, project.settings.data.target)
        if unlabelled := truth.count(""):
            raise Refused(f"{name}: {unlabelled} of {len(truth)} records have no label")
        found = stress_set(truth, _answers(evaluated, records, name), evaluated.right)
        return tuple(_noted(said, _learnt(evaluated, records)) for said in found.measures)

    return tried(ACCURACY, "stress_accuracy", measured, (name, "model/model.skops"))


def _labelled(evaluated: Evaluated, name: str) -> pd.DataFrame:
    from towpath import checking

    path = evaluated.project.path(name)
    if not path.is_file():
        raise NotFound(f"there is no file {name}", hint=f"dvc pull, or mend {SETTINGS}, quality")
    frame = checking.read(evaluated.project, path)
    inputs = evaluated.project.settings.data.inputs
    numbers = {field.name: _numbers(frame, field.name, name) for field in inputs if field.type == "number"}
    return frame.assign(**numbers, **{f.name: texts(frame, f.name) for f in inputs if f.type == "string"})


def _answers(evaluated: Evaluated, records: pd.DataFrame, name: str) -> np.ndarray[Any, Any]:
    try:
        return evaluated.ask(records).labels
    except TowpathError:
        raise
    except Exception as error:  # noqa: BLE001 # a model of anybody; its words may quote records
        raise Refused(f"the model does not answer {name}: {type(error).__name__}") from None


def _learnt(evaluated: Evaluated, records: pd.DataFrame) -> str:
    """How many of the records are, for the model, the same as one that it was trained on."""
    columns = evaluated.project.input_names()
    trained, asked = ([*zip(*(texts(f, c) for c in columns), strict=True)] for f in (evaluated.parts["train"], records))
    known = set(trained)
    same = sum(row in known for row in asked)
    return f"{same} of {len(records)} have the inputs of a record that the model was trained on" if same else ""


def _noted(said: Measure, note: str) -> Measure:
    return replace(said, note="; ".join(part for part in (said.note, note) if part))


def _numbers(frame: pd.DataFrame, column: str, name: str) -> pd.Series[float]:
    import pandas as pd

    found = pd.to_numeric(frame[column], errors="coerce").astype(float)
    if (found.isna() & frame[column].notna()).any():
        raise Refused(f"{name}: {column} holds what is no number")
    return found


def _audit(evaluated: Evaluated) -> Assessment:
    """Class totals without the bias of wrong answers, from the declared probability sample."""
    name = evaluated.project.settings.quality.audit_sample
    if not name:
        why = f"no probability audit sample is declared: {SETTINGS}, quality.audit_sample"
        return [Figure(ACCURACY, none("audited_accuracy", why)), Figure(ACCURACY, none("largest_bias", why))], []
    from towpath.assessing import audit

    try:
        accuracy, totals, period = audit.corrected(evaluated.project, name)
    except (Refused, NotFound) as no:
        return [Figure(ACCURACY, none(what, no.message)) for what in ("audited_accuracy", "largest_bias")], []
    figures = [accuracy, audit.largest_bias(totals)]
    return [Figure(ACCURACY, said, sources=(name,)) for said in figures], [_totals(totals, name, period)]


def _totals(found: CorrectedTotals, name: str, period: str) -> Annex:
    return Annex(
        "Class totals, counted and corrected",
        ("class", "counted", "corrected", "standard error", "interval", "bias"),
        tuple(
            (row.code, row.naive, row.total.value, row.standard_error, _ends(row.total), row.bias.value)
            for row in found.classes
        ),
        f"The calibration estimator (Kloos et al. 2020) over {found.audited:,} audited records of {period}: counting "
        "answers is biased even where most are right. A sample of another period corrects nothing." + _merged(found),
        (name,),
    )


def _merged(found: CorrectedTotals) -> str:
    if not found.merged:
        return ""
    return f" Of too few audited records each, and taken together: {', '.join(found.merged)}."


def counted(n: int) -> int | str:
    """A count, or that it is too small to be told: one or two records may be somebody."""
    return n if n == 0 or n >= _TOLD else f"under {_TOLD}"


def _value(said: Measure) -> float | str | None:
    return "not assessable" if said.value is None else said.value


def _ends(said: Measure) -> str:
    from towpath_checks.quality_report import interval

    return interval(said)

"""Explainability: what the answers rest on. It tells of associations; none of it says that one thing causes another."""

from __future__ import annotations

from collections.abc import Sequence

from towpath import explaining
from towpath.assessing import SETTINGS, TESTED, Assessment, Evaluated, none
from towpath_checks.measures import Measure, share_right
from towpath_checks.measures.importance_stability import stability_of
from towpath_checks.measures.permutation_importance import Importance, permutation_importance
from towpath_checks.quality import EXPLAINABILITY, Figure
from towpath_checks.quality_report import Annex, interval
from towpath_core.errors import TowpathError

_SEEDS = (0, 1, 2)
_SHOWN = 30
_WEIGHED = "of the 20 largest classes, those with a feature that may be told; no interval: a count"


def assess(evaluated: Evaluated) -> Assessment:
    figures: list[Figure] = []
    annexes: list[Annex] = []
    parts = {
        "largest_importance": _columns,
        "largest_word_importance": _words,
        "classes_explained": _weights,
        "examples_explained": _examples,
    }
    for name, part in parts.items():
        try:
            found, tables = part(evaluated)
        except TowpathError as no:
            found, tables = [Figure(EXPLAINABILITY, none(name, no.message))], []
        figures, annexes = figures + found, annexes + tables
    return figures, [annex for annex in annexes if annex.rows]


def _columns(evaluated: Evaluated) -> Assessment:
    columns = evaluated.project.input_names()
    metric = share_right(evaluated.said.classes, evaluated.level)
    runs = [
        permutation_importance(
            lambda frame: evaluated.ask(frame).probabilities,
            evaluated.test[columns],
            evaluated.truth,
            metric,
            repeats=2,
            seed=seed,
        )
        for seed in (_SEEDS if len(columns) > 2 else _SEEDS[:1])
    ]
    figures = [Figure(EXPLAINABILITY, one.fall, sources=TESTED) for one in runs[0]]
    if len(columns) > 2:
        figures.append(Figure(EXPLAINABILITY, stability_of(runs), sources=TESTED))
    return figures, [_importances(runs[0])]


def _words(evaluated: Evaluated) -> Assessment:
    found = explaining.words(evaluated.project, evaluated.ask, evaluated.test)
    rows = tuple(
        (one.word, one.records, one.fall.value, interval(one.fall), one.changed.value) for one in found[:_SHOWN]
    )
    return [], [
        Annex(
            "Words that carry the answer",
            (
                "word",
                "records with it",
                "fall of the probability without it",
                "interval",
                "share that gets another answer",
            ),
            rows,
            "Words that stand in many test records; a rarer word may be somebody's own, and is not told.",
            TESTED,
        )
    ]


def _weights(evaluated: Evaluated) -> Assessment:
    found = explaining.weights(evaluated.project, evaluated.model, evaluated.parts["train"])
    rows = tuple((one.label, one.n, _told(one.speaks_for), _told(one.against)) for one in found)
    told = sum(bool(one.speaks_for) for one in found)
    said = Measure("classes_explained", told / len(found), None, None, len(found), _WEIGHED) if found else None
    figures = [Figure(EXPLAINABILITY, said, sources=TESTED)] if said else []
    return figures, [
        Annex(
            "What speaks for a class, and against it",
            ("class", "training records", "for it", "against it"),
            rows,
            "The largest classes, and the features with the largest weights of those that stand in enough records.",
            TESTED,
        )
    ]


def _examples(evaluated: Evaluated) -> Assessment:
    found = explaining.examples(evaluated.project, evaluated.model, evaluated.ask, evaluated.parts["train"])
    rows = tuple(
        (
            one.number,
            one.label,
            one.probability,
            ", ".join(f"{why.what} {why.adds:+.2f}" for why in one.reasons),
            ", ".join(f"{near.label} ({near.record_id})" for near in one.nearest),
        )
        for one in found
    )
    kind = "weight times value, exact" if all(one.exact for one in found) else "Shapley values, sampled"
    return [], [
        Annex(
            "Why the examples got their answers",
            ("example of towpath.yaml", "answer", "probability", "what speaks for it and against it", "most alike"),
            rows,
            f"Reasons: {kind}. The training records most alike are told by their ids and labels.",
            (*TESTED, SETTINGS),
        )
    ]


def _importances(found: list[Importance]) -> Annex:
    return Annex(
        "What the answers rest on",
        ("input", "fall of the accuracy", "interval", "within noise"),
        tuple((one.column, one.fall.value, interval(one.fall), _said(one.within_noise)) for one in found),
        "How far the accuracy falls when the input's values are given to other records. It tells what the model uses, "
        "not what causes what; inputs that say the same cover for one another.",
        TESTED,
    )


def _told(features: Sequence[Measure]) -> str:
    return ", ".join(f"{one.name} {one.value:+.2f}" for one in features if one.value is not None)


def _said(within_noise: bool | None) -> str:
    return "not assessed" if within_noise is None else "yes" if within_noise else "no"

"""Measure the trained model on the test part, against the baseline and the limits that were fixed before."""

from __future__ import annotations

import functools
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from towpath import project as projects
from towpath import stages, tasks
from towpath_core.files import write_json

if TYPE_CHECKING:
    import pandas as pd

    from towpath.measuring import Answered
    from towpath.project import Project
    from towpath_checks.measures.automatic_coding import Curve


def main() -> None:
    evaluate(projects.load())


def evaluate(project: Project) -> None:
    """Write reports/metrics.json, quality.json, profile.json and the plots.

    The threshold is chosen on the validation part, everything is measured on the test part.
    """
    import numpy as np

    from towpath import assessing, measuring
    from towpath.assessing import Evaluated
    from towpath_checks.measures.automatic_coding import automatic_coding_curve, choose_threshold
    from towpath_checks.measures.calibration import reliability
    from towpath_serve.predictor import load_model

    settings = project.settings
    model = load_model(project.trained)
    parts = {part: stages.part_of(project, part) for part in stages.PARTS}
    truth = {part: stages.labels(project, frame) for part, frame in parts.items()}
    ask = functools.partial(measuring.answered, project, model)
    said = {part: ask(parts[part]) for part in ("validation", "test")}
    validation, test = said["validation"], said["test"]
    promise = settings.threshold
    right = validation.labels == truth["validation"]
    threshold = choose_threshold(validation.score, right, promise.target, promise.confidence)
    levels = settings.nomenclature.levels
    baseline = tasks.find(settings.task).baseline(project, parts["train"], parts["test"])
    measured = measuring.measures(truth["test"], test, levels, threshold)
    measured += measuring.against_baseline(truth["test"], test.labels, baseline, levels)
    known = tuple(measured)
    evaluated = Evaluated(project, parts, truth["test"], test, baseline, threshold, ask, model, known)
    figures, annexes = assessing.assess(evaluated)
    measured += [figure.measure for figure in figures if figure.measure not in known]
    flat = measuring.flat(measured)
    shown = [measure for measure in measured if measure in known or measure.name in settings.limits]
    content = {
        "schema": 1,
        "records": {part: len(frame) for part, frame in parts.items()},
        "threshold": {"value": threshold, "score": "p1", "target": promise.target, "confidence": promise.confidence},
        "measures": measuring.rows(shown),
        "flat": flat,
        "findings": [asdict(v) for v in measuring.judged(measured, assessing.limits_of_evaluation(settings.limits))],
    }
    write_json(project.reports / "metrics.json", content)
    write_json(project.reports / "quality.json", assessing.as_json(figures, annexes))
    held = np.flatnonzero(test.labels == truth["test"])
    write_json(project.reports / "profile.json", _profile(project, parts, said, len(held) / len(test.labels)))
    curve = automatic_coding_curve(test.score, test.labels == truth["test"])
    bins = [b for b in reliability(test.score, test.labels == truth["test"]) if b.n]
    _draw(project, curve, flat, bins)


def _profile(
    project: Project, parts: dict[str, pd.DataFrame], said: dict[str, Answered], accuracy: float
) -> dict[str, Any]:
    """Counts of the inputs and answers of the records that training did not see: the reference for monitoring."""
    import pandas as pd

    from towpath.measuring import answer_frame
    from towpath_checks.drift import profile

    task = tasks.find(project.settings.task)
    _, features = task.features(project, parts["train"])
    unseen = [parts[part] for part in ("validation", "test")]
    inputs, _ = task.features(project, pd.concat(unseen, ignore_index=True), features)
    return {
        "schema": 1,
        "accuracy": accuracy,
        "features": features,
        "inputs": profile(inputs),
        "answers": profile(answer_frame(project, said["test"])),
    }


def _draw(project: Project, curve: Curve, flat: dict[str, float | None], bins: list[Any]) -> None:
    from towpath import plots

    rate, accuracy = flat["automatic_coding_rate"], flat["accuracy_automatic"]
    point = (rate, accuracy) if rate is not None and accuracy is not None else None
    folder = project.reports / "plots"
    target = project.settings.threshold.target
    plots.automatic_coding(folder / "automatic_coding.png", curve.rate, curve.accuracy, point, target)
    plots.reliability(
        folder / "reliability.png",
        [b.confidence for b in bins],
        [b.accuracy for b in bins],
        [b.n for b in bins],
        flat["ece"] or 0.0,
    )


if __name__ == "__main__":
    main()

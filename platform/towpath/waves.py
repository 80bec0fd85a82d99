"""One arriving wave against the training data: inputs, answers, confidence, and accuracy where labels exist.

What it is compared with is the profile that evaluation made: counts, no records. Nothing is written here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from towpath import tasks
from towpath.project import Project
from towpath_core.digests import sha256_bytes
from towpath_core.verdicts import Verdict, all_passed

if TYPE_CHECKING:
    import pandas as pd

    from towpath_checks.drift import Drift
    from towpath_checks.measures import Measure
    from towpath_serve.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave, compared: drift of each feature, measures (None: not assessed), and what passed a limit."""

    name: str
    time: datetime
    digest: str
    n: int
    drifts: tuple[Drift, ...]
    measures: Mapping[str, float | None]
    findings: tuple[Verdict, ...]
    shares: Mapping[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        return all_passed(self.findings)

    @property
    def sentence(self) -> str:
        """What a person needs to know of the wave."""
        drifted = sorted((found for found in self.drifts if found.drifted), key=lambda found: -found.psi)
        names = ", ".join(f"{found.name.replace('_', ' ')} (PSI {found.psi:.2f})" for found in drifted)
        reasons = [f"drift in {names}"] if drifted else []
        reasons += [f.reason for f in self.findings if not f.passed and not f.gate.startswith("drift/")]
        return f"Wave {self.name}, {self.n} records: {'; '.join(reasons) or 'nothing unusual'}."


def compare(
    project: Project, predictor: Predictor, reference: Mapping[str, Any], name: str, frame: pd.DataFrame
) -> Wave:
    """One wave against the training profile. Nothing is written."""
    import pandas as pd

    from towpath import measuring
    from towpath_checks import drift

    settings = project.settings
    task = tasks.find(settings.task)
    said = measuring.Answered(predictor.probabilities(frame[project.input_names()]), predictor.classes)
    features, _ = task.features(project, frame, reference["features"])
    answered = measuring.answer_frame(project, said)
    limit = float(settings.monitoring.psi)
    drifts = [
        *drift.compare(reference["inputs"], features, limit=limit),
        *drift.compare(reference["answers"], answered, limit=limit),
    ]
    threshold = predictor.manifest.threshold
    truth = frame[settings.data.target].fillna("").astype(str).to_numpy(dtype=str)
    labelled = truth != ""
    measured = []
    if labelled.any():
        known = measuring.Answered(said.probabilities[labelled], said.classes)
        measured = measuring.measures(truth[labelled], known, settings.nomenclature.levels, threshold.value)
    findings = [_drift_finding(found) for found in drifts]
    findings += _accuracy_findings(project, measured, reference["accuracy"], threshold.target)
    flat = {
        **measuring.flat(measured),
        "records": float(len(frame)),
        "labelled": float(labelled.sum()),
        "confidence_mean": float(said.score.mean()),
        "automatic_coding_rate": float((said.score >= threshold.value).mean()) if threshold.value is not None else 0.0,
        **{f"drift/{found.name}": found.psi for found in drifts},
    }
    shares = _shares(reference["answers"], answered)
    hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()
    return Wave(name, wave_time(name), sha256_bytes(hashed), len(frame), tuple(drifts), flat, tuple(findings), shares)


def wave_time(name: str) -> datetime:
    """The start of the period that the wave's name begins with (2016, 2016-07, 2016-07-01), UTC; else the epoch.

    The charts' time axis is the period of the data, not the moment of the comparison.
    """
    found = re.match(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?(?!\d)", name)
    year, month, day = (int(part or 1) for part in found.groups()) if found else (1970, 1, 1)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)


def _drift_finding(found: Drift) -> Verdict:
    return Verdict(
        f"drift/{found.name}",
        not found.drifted,
        f"the {found.name.replace('_', ' ')} of {found.n} records",
        f"PSI {found.psi:.3f}",
        f"at most {max(found.limit, found.null_limit):.3f}"
        + (" (what chance alone gives for so few records)" if found.null_limit > found.limit else ""),
    )


def _accuracy_findings(project: Project, measured: Sequence[Measure], reference: float, target: float) -> list[Verdict]:
    """A limit is broken when the whole 95 % interval lies below it: a small wave is not called bad by chance."""
    floors = {
        finest(project): ("accuracy", reference - project.settings.monitoring.accuracy_drop),
        "accuracy_automatic": ("accuracy of the automatically coded", target),
    }
    findings = []
    for measure in measured:
        if measure.name in floors and measure.value is not None and measure.high is not None:
            what, floor = floors[measure.name]
            got = f"{measure.value:.3f} ({measure.low:.3f} to {measure.high:.3f})"
            findings.append(
                Verdict(measure.name, bool(measure.high >= floor), f"the {what}", got, f"at least {floor:.3f}")
            )
    return findings


def finest(project: Project) -> str:
    """The name of the accuracy of the whole label."""
    levels = project.settings.nomenclature.levels
    return f"accuracy_{levels[-1]}" if levels else "accuracy"


def _shares(profile: Mapping[str, Any], answered: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Each answer of the reference: its share there, and in the wave."""
    column = profile["columns"]["answer"]
    counts = answered["answer"].value_counts()
    named = zip(column["values"], column["counts"], strict=True)
    return {
        value: (count / profile["records"], float(counts.get(value, 0)) / len(answered))
        for value, count in sorted(named)
    }

"""The candidate against the version that is in production, on the same records, which neither was trained on."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import git, pipeline, stages
from towpath.project import Project
from towpath.releases import LEVEL, release
from towpath_checks.measures import Measure
from towpath_core.errors import CouldNot, Misused, NotFound, Refused, TowpathError
from towpath_core.refs import ModelRef
from towpath_registry import yamls

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath_registry.store import Store
    from towpath_serve.predictor import Predictor

NAMES = ("gain_over_present", "present_accuracy", "present_mcnemar_p", "same_answer_as_present")


def measures(project: Project, store: Store) -> Sequence[Measure]:
    """Accuracy of both, the gain with its interval, McNemar's p, and the share of equal answers.

    Raises: NotFound where nothing is in production; Refused and CouldNot where it cannot be compared: which records it
    was trained on is told by its own split, which DVC has.
    """
    import numpy as np

    from towpath_checks.measures.present_version import against_present
    from towpath_serve.predictor import Predictor

    ref = ModelRef(project.name, alias=LEVEL)
    try:
        store.version(ref)
    except NotFound as error:
        raise NotFound(f"no version is in {LEVEL} to compare with") from error
    with release(store, ref) as present:
        present.verify()  # its words name no folder, and stand in the report
        frame, truth, ids = _test(project)
        seen = np.isin(ids, sorted(_trained_on(project, present.commit)))
        old = Predictor.open(present.folder, digest=present.digest, version=present.ref)
        labels = [answers(one, frame) for one in (Predictor.open(project.package), old)]
    levels = project.settings.nomenclature.levels
    found = against_present(truth, labels[0], labels[1], levels=levels[-1:], seen=seen)
    return [_named(one, levels[-1:]) for one in found.measures]


def answers(predictor: Predictor, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The best label of each record, (n,) text; `frame` has all columns that there are.

    Raises: CouldNot where a model does not take the records as they are now: it may have been made for other columns.
    """
    try:
        labels: np.ndarray[Any, Any] = predictor.classes[predictor.probabilities(frame).argmax(axis=1)]
        return labels
    except TowpathError:
        raise
    except Exception as error:  # noqa: BLE001 # a model of an earlier day; its words may quote records
        why = f"{predictor.version or 'the candidate'} does not answer the test records: {type(error).__name__}"
        raise CouldNot(why, hint="its inputs may be other columns than those of now") from None


def _test(project: Project) -> tuple[pd.DataFrame, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The test part, its labels and ids; the last two (n,) text."""
    data, frame = project.settings.data, stages.part_of(project, "test")
    told = [frame[name].astype(str).to_numpy(dtype=str) for name in (data.target, data.record_id)]
    return frame, told[0], told[1]


def _trained_on(project: Project, commit: str) -> set[str]:
    """The ids of the records that the model of a commit was trained or calibrated on, from its own split."""
    import pandas as pd
    import pyarrow as pa

    settings, where = project.settings.data, "which records the version in production was trained on is not known"
    try:
        lock = yamls.parse(git.content(project.root, commit, "dvc.lock"), Path("dvc.lock"))
        outputs = pipeline.outputs(lock["stages"])
        content = pipeline.cached(project, outputs[settings.splits])
        splits = pd.read_parquet(io.BytesIO(content))
        rows = splits.loc[splits["part"].isin(("train", "validation")), settings.record_id]
    except (KeyError, TypeError, ValueError, CouldNot, Misused, pa.ArrowException) as error:
        raise CouldNot(where, hint="dvc fetch --all-commits data/splits.parquet") from error
    if not len(rows):
        raise Refused(where)
    return set(rows.astype(str))


def _named(measure: Measure, levels: Sequence[int]) -> Measure:
    """Without the level in the name: there is one, the finest."""
    end = f"_{levels[0]}" if levels else ""
    return replace(measure, name=measure.name.removesuffix(end)) if end else measure

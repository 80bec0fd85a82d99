"""What a project's own scripts use: read the raw data, write the prepared, get the training part, save the model.

Every function works on the project around the working folder, so a stage is plain `python -m my_package.prepare`. Who
imports this module gets our errors as one sentence with an exit code, which DVC and `towpath run` pass on.
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from towpath import project as projects
from towpath_core.errors import CouldNot, Misused, NotFound, TowpathError
from towpath_core.files import written_whole
from towpath_registry import yamls

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.project import Project

PARTS = ("train", "validation", "test")
# Set by the stage `alternatives` for a train script: which of the alternatives it trains, and where that model goes.
ALTERNATIVE, ALTERNATIVE_MODEL = "TOWPATH_STAGE_ALTERNATIVE", "TOWPATH_STAGE_MODEL"


def params() -> dict[str, Any]:
    """The content of params.yaml; for an alternative, with what it varies of `train`."""
    content = params_of(projects.load())
    if place := os.environ.get(ALTERNATIVE):
        content = {**content, "train": {**content["train"], **content["alternatives"][int(place)]["train"]}}
    return content


def params_of(project: Project) -> dict[str, Any]:
    path = project.path("params.yaml")
    content = yamls.load(path, "the parameters")
    if not isinstance(content, dict):
        raise Misused("params.yaml is empty or not a mapping of keys", hint=f"mend {path}")
    return content


def read_raw() -> pd.DataFrame:
    """The raw data, every column as text: codes keep their leading zeros, an empty cell is an empty text."""
    import pandas as pd

    project = projects.load()
    path = project.path(project.settings.data.raw)
    if not path.is_file():
        raise NotFound(f"the raw data {project.settings.data.raw} are missing", hint="dvc pull, or dvc checkout")
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", quoting=csv.QUOTE_MINIMAL)
    except (ValueError, EOFError, gzip.BadGzipFile, OSError) as error:
        raise CouldNot(
            f"cannot read {project.settings.data.raw}: {type(error).__name__}", hint="dvc checkout"
        ) from error


def write_prepared(frame: pd.DataFrame) -> None:
    """Write the prepared records.

    Raises: Misused if a column that towpath.yaml names is missing, or an id is not unique.
    """
    project = projects.load()
    data = project.settings.data
    wanted = [data.record_id, *project.input_names(), data.target, data.wave]
    if missing := [name for name in wanted if name not in frame.columns]:
        raise Misused(
            f"the prepared data lack {', '.join(missing)}", hint="mend src/…/prepare.py or towpath.yaml, data"
        )
    if frame[data.record_id].isna().any() or frame[data.record_id].duplicated().any():
        raise Misused(f"{data.record_id} is not unique", hint="give each record its own id in src/…/prepare.py")
    frame = frame.astype(dict.fromkeys((data.record_id, data.target, data.wave), "str"))
    with written_whole(project.prepared) as part:
        frame.to_parquet(part, index=False)


def training_data(part: str) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """The inputs, one column each, and the labels as text, shape (n,), of the part `train` or `validation`.

    The test part is not to be had here: it is for the evaluation alone.
    """
    if part not in ("train", "validation"):
        raise Misused(
            f"training sees no part {part!r}", hint='use training_data("train") or training_data("validation")'
        )
    project = projects.load()
    frame = part_of(project, part)
    return frame[project.input_names()], labels(project, frame)


def labels(project: Project, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """The records' labels as text, shape (n,)."""
    return frame[project.settings.data.target].to_numpy(dtype=object).astype(str)


def save_model(model: Any) -> None:
    """Write the fitted classifier to model/model.skops; the same model gives the same bytes."""
    from towpath import models

    models.save(model, Path(os.environ.get(ALTERNATIVE_MODEL) or projects.load().trained))


def prepared(project: Project) -> pd.DataFrame:
    """All prepared records. Raises: NotFound before the prepare stage, CouldNot for a damaged file."""
    return _parquet(project, project.settings.data.prepared)


def part_of(project: Project, part: str) -> pd.DataFrame:
    """The prepared records of one part of the split, in the order of the prepared file."""
    records, splits = prepared(project), _parquet(project, project.settings.data.splits)
    record_id = project.settings.data.record_id
    chosen = set(splits.loc[splits["part"] == part, record_id])
    frame = records[records[record_id].isin(chosen)].reset_index(drop=True)
    if len(frame) != len(chosen) or not len(frame):
        raise Misused(f"the part {part} of the split does not fit the prepared data", hint="towpath run")
    return frame


def _parquet(project: Project, relative: str) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    path = project.path(relative)
    if not path.is_file():
        raise NotFound(f"{relative} is missing", hint="towpath run makes it")
    try:
        return pd.read_parquet(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise CouldNot(
            f"{relative} is damaged: {type(error).__name__}", hint=f"rm {relative} && towpath run"
        ) from error


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A stage's error as one sentence, a next step and an exit code.

    Of what we did not foresee only place and kind are told: the words of pandas and others quote records.
    """
    if not isinstance(error, TowpathError):
        if os.environ.get("TOWPATH_DEBUG") or not isinstance(error, Exception):
            sys.__excepthook__(kind, error, trace)
            return
        hint = "TOWPATH_DEBUG=1 towpath run shows the traceback, which may quote records"
        error = CouldNot(f"{_place(trace)}: {kind.__name__}", hint=hint)
    sys.stderr.write(f"Error: {error.message}\n" + (f"Next:  {error.hint}\n" if error.hint else ""))
    raise SystemExit(error.exit_code)


def _place(trace: TracebackType | None) -> str:
    """The innermost line of the project's own files, else of all."""
    frames = traceback.extract_tb(trace)
    here = Path.cwd().resolve()
    files = [(frame, Path(frame.filename).resolve()) for frame in frames if "site-packages" not in frame.filename]
    found = [frame for frame, path in files if path.is_relative_to(here) and path.is_file()] or frames
    path = Path(found[-1].filename).resolve()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path.name}, line {found[-1].lineno}"


sys.excepthook = _told

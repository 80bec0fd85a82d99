"""Train the model in other ways, and keep what each answers to the test records: does the published figure change?

params.yaml says which; nothing of them is packaged. The project's own train script makes each, with other parameters.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import project as projects
from towpath import stages
from towpath_core.errors import CouldNot, Misused, Refused
from towpath_core.files import written_whole

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.project import Project

FILE = "data/alternatives.parquet"
KINDS = ("seed", "algorithm")
_EXPECTED = "expected a list of {kind: seed or algorithm, name: …, train: {…}}"


def main(arguments: Sequence[str]) -> None:
    """`python -m towpath.stages.alternatives my_package.train`."""
    if len(arguments) != 1:
        raise Misused("the stage alternatives needs the module that trains", hint="mend dvc.yaml, alternatives, cmd")
    make(projects.load(), arguments[0])


def make(project: Project, module: str) -> None:
    """Write data/alternatives.parquet: kind, name, record_id, label, score; no row where params.yaml asks for nothing.

    Raises: Misused for params.yaml, CouldNot where a training fails.
    """
    import pandas as pd

    columns = ["kind", "name", project.settings.data.record_id, "label", "score"]
    test = stages.part_of(project, "test")
    tables = [_made(project, module, place, one, test) for place, one in enumerate(asked(stages.params_of(project)))]
    table = pd.concat([pd.DataFrame(columns=columns), *tables], ignore_index=True)
    table = table.astype(dict.fromkeys(columns[:-1], "str") | {"score": "float64"})
    with written_whole(project.path(FILE)) as part:
        table.to_parquet(part, index=False)


def asked(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What params.yaml asks for, each with kind, name and train. Raises: Misused."""
    content = params.get("alternatives") or []
    hint = "mend params.yaml"
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise Misused(f"params.yaml, alternatives: {_EXPECTED}", hint=hint)
    for number, one in enumerate(content):
        whole = set(one) == {"kind", "name", "train"} and isinstance(one["train"], dict) and one["train"]
        if not whole or one["kind"] not in KINDS or not isinstance(one["name"], str):
            raise Misused(f"params.yaml, alternatives.{number}: {_EXPECTED}", hint=hint)
        if unknown := ", ".join(sorted(set(one["train"]) - set(params.get("train") or {}))):
            raise Misused(f"params.yaml, alternatives.{number}.train: train has no {unknown}", hint=hint)
    if len({one["name"] for one in content}) < len(content):
        raise Misused("params.yaml, alternatives: a name stands twice", hint=hint)
    return content


def read(
    project: Project, record_ids: pd.Series[str]
) -> list[tuple[Any, str, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Kind, name, labels (n,) and scores (n,) of each alternative, in the order of the test part's `record_ids`.

    None where the stage is not in the pipeline. Raises: Refused where they answer other records.
    """
    import pandas as pd

    path = project.path(FILE)
    if not path.is_file():
        return []
    table, name = pd.read_parquet(path), project.settings.data.record_id
    found = []
    for (kind, called), rows in table.groupby(["kind", "name"], sort=False):
        answers = rows.set_index(name)
        if answers.index.has_duplicates or set(answers.index) != set(record_ids):
            raise Refused(f"{FILE} answers other records than the test part", hint="towpath run")
        answers = answers.loc[list(record_ids)]
        found.append((kind, str(called), answers["label"].to_numpy(dtype=str), answers["score"].to_numpy(dtype=float)))
    return found


def _made(project: Project, module: str, place: int, one: Mapping[str, Any], test: pd.DataFrame) -> pd.DataFrame:
    from towpath.measuring import answered
    from towpath_serve.predictor import load_model

    with tempfile.TemporaryDirectory(prefix="towpath-alternative-") as temporary:
        path = Path(temporary) / "model.skops"
        environ = {**os.environ, stages.ALTERNATIVE: str(place), stages.ALTERNATIVE_MODEL: str(path)}
        done = subprocess.run([sys.executable, "-m", module], env=environ, cwd=project.root, check=False)
        if done.returncode != 0 or not path.is_file():
            raise CouldNot(f"training the alternative {one['name']} failed", hint="read the words of the script above")
        model = load_model(path)
    said = answered(project, model, test)
    ids = test[[project.settings.data.record_id]]
    return ids.assign(kind=one["kind"], name=one["name"], label=said.labels, score=said.score)


if __name__ == "__main__":
    main(sys.argv[1:])

"""The smallest project that goes through split, evaluation and packaging: made-up texts, three codes, two modes."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

import plain_project
from towpath import models
from towpath import project as projects
from towpath.project import Project
from towpath.stages.evaluate import evaluate
from towpath.stages.package import package
from towpath.stages.split import split

TITLES = {
    "5434": "chef cook kitchen pastry grill",
    "2314": "teacher school secondary maths class",
    "6145": "carer care assistant home nurse",
}
SETTINGS: dict[str, Any] = {
    **plain_project.SETTINGS,
    "data": {**plain_project.DATA, "domains": ["mode"]},
    "nomenclature": {"name": "made-up", "version": "1", "file": "nomenclature.csv", "levels": [1, 4]},
    "threshold": {"target": 0.8},
    "limits": {"accuracy_4": {"at_least": 0.5}},
    "examples": [{"text": "cook in a kitchen"}],
}


def records(n: int = 900) -> pd.DataFrame:
    """Texts of two words of their code and one that anybody may use; one in ten is called by another code's words."""
    chance = random.Random(7)
    rows = []
    for number in range(n):
        code = chance.choice(list(TITLES))
        own = TITLES[code] if chance.random() < 0.9 else TITLES[chance.choice(list(TITLES))]
        words = [*chance.sample(own.split(), 2), f"{chance.choice('abcdefgh')}{chance.randrange(40)}"]
        rows.append((f"{number:04d}", " ".join(words), chance.choice(["web", "paper"]), code, "base"))
    return pd.DataFrame(rows, columns=["record_id", "text", "mode", "code", "wave"])


def small_project(folder: Path, **settings: Any) -> Project:
    """Prepared, split and trained; `settings` take the place of those of SETTINGS."""
    files = {
        "nomenclature.csv": "code,title\n" + "".join(f"{code},{title}\n" for code, title in TITLES.items()),
        "params.yaml": "split: {test: 0.3, validation: 0.2, seed: 1}\ntrain: {seed: 1, C: 10.0}\n",
        "towpath.yaml": json.dumps({**SETTINGS, **settings}),
        "requirements.lock": "",
        "docs/model_card.md": "# Occupation coder\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = projects.load(folder)
    project.prepared.parent.mkdir(parents=True, exist_ok=True)
    records().to_parquet(project.prepared, index=False)
    split_in(project)
    train(project)
    return project


def split_in(project: Project) -> None:
    here = Path.cwd()
    os.chdir(project.root)
    try:
        split(project)
    finally:
        os.chdir(here)


def train(project: Project, **settings: Any) -> None:
    from towpath.stages import part_of

    frame = part_of(project, "train")
    columns = ColumnTransformer([("words", TfidfVectorizer(), "text")])
    model = Pipeline([("columns", columns), ("classifier", LogisticRegression(**{"C": 10.0, **settings}))])
    models.save(model.fit(frame[["text"]], frame["code"].to_numpy(dtype=object).astype(str)), project.trained)


def evaluated(folder: Path, **settings: Any) -> tuple[Project, dict[str, Any]]:
    """The project, evaluated and packaged, and what its evaluation says of its quality."""
    project = small_project(folder, **settings)
    evaluate(project)
    package(project)
    return project, json.loads((project.reports / "quality.json").read_text())

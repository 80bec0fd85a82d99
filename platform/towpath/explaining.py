"""Why a model answers as it does, of the project's own model and records: words, weights of classes, and examples.

Only the examples of towpath.yaml, which are made up, are explained one by one: what explains a record tells what stands
in it. Of training records ids and labels are told, never content. All draws are seeded, and said in the measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from towpath import stages
from towpath_checks.identifiers import kind_of
from towpath_checks.measures.class_weights import ClassWeights, class_weights
from towpath_checks.measures.contributions import contributions
from towpath_checks.measures.nearest_examples import Neighbour, model_features, nearest_examples
from towpath_checks.measures.shapley_values import shapley_values
from towpath_checks.measures.word_importance import WordImportance, word_importance
from towpath_core.errors import Refused

if TYPE_CHECKING:
    import pandas as pd

    from towpath.measuring import Answered
    from towpath.project import Project

Ask = Callable[["pd.DataFrame"], "Answered"]
_COMPARED = 1000  # training records that a Shapley value is drawn from
_WORDS = "text__words__"  # what the coding template's features of words are called


@dataclass(frozen=True, slots=True)
class Reason:
    """A feature or column of an example, and what it adds to the answer's margin or probability."""

    what: str
    adds: float


@dataclass(frozen=True, slots=True)
class ExampleExplained:
    """The example with that number in towpath.yaml, from 1: its answer, the reasons, the training records most like it.

    Exact: reasons are weight × value in a linear model's margin. Otherwise they are Shapley values of the probability.
    """

    number: int
    label: str
    probability: float
    exact: bool
    reasons: tuple[Reason, ...]
    nearest: tuple[Neighbour, ...]


def words(project: Project, ask: Ask, test: pd.DataFrame) -> list[WordImportance]:
    """What common words do to the answer, by occlusion, the largest fall first; empty where no input is a text.

    Needs the test part. Looks at 2,000 of its records and asks the model about 7,000 texts at most, for the first input
    of type string.
    """
    texts = [field.name for field in project.settings.data.inputs if field.type == "string"]
    if not texts:
        return []
    return word_importance(_probabilities(ask), test[project.input_names()], texts[0])


def weights(project: Project, model: Any, train: pd.DataFrame) -> list[ClassWeights]:
    """What speaks for and against the 20 largest classes; of the coding template's features only the words.

    Needs the training part; counts over 40,000 of its records at most. Raises: Refused for a model that is not linear.
    """
    inputs, truth = train[project.input_names()], stages.labels(project, train)
    found = class_weights(model, inputs, truth, prefix=_WORDS)
    return found if any(one.speaks_for for one in found) else class_weights(model, inputs, truth)


def examples(project: Project, model: Any, ask: Ask, train: pd.DataFrame, *, top: int = 5) -> list[ExampleExplained]:
    """Each example of towpath.yaml with its answer, the `top` strongest reasons and the `top` nearest training records.

    Needs the training part; looks at 100,000 of its records at most. A model that is not linear is asked about
    200 × (columns + 1) records for each example. There are no neighbours where the model has no numbers of its own.
    """
    asked = example_frame(project)
    said = ask(asked)
    nearest = _nearest(project, model, train, asked, top)
    reasons, exact = _reasons(project, model, ask, train, asked, top)
    rows = zip(said.labels.tolist(), said.score.tolist(), reasons, nearest, strict=True)
    return [
        ExampleExplained(number, label, score, exact, why, near)
        for number, (label, score, why, near) in enumerate(rows, start=1)
    ]


def example_frame(project: Project) -> pd.DataFrame:
    """The examples of towpath.yaml as the model sees records; what is missing as the server has it."""
    import pandas as pd

    given = project.settings.examples
    columns: dict[str, Any] = {}
    for field in project.settings.data.inputs:
        values = [example.get(field.name) for example in given]
        if field.type == "number":
            columns[field.name] = np.array([math.nan if v is None else float(v) for v in values])
        else:
            missing: Any = "" if field.type == "string" else math.nan
            columns[field.name] = pd.Series([missing if v is None else v for v in values], dtype=object)
    return pd.DataFrame(columns)


def _reasons(
    project: Project, model: Any, ask: Ask, train: pd.DataFrame, asked: pd.DataFrame, top: int
) -> tuple[list[tuple[Reason, ...]], bool]:
    try:
        found = contributions(model, asked, top=top)
        return [tuple(Reason(term.feature, term.product) for term in one.terms) for one in found], True
    except Refused:
        others = train[project.input_names()]
        others = others.iloc[np.linspace(0, len(others) - 1, min(_COMPARED, len(others))).astype(int)]
        values = [shapley_values(_probabilities(ask), asked.iloc[[place]], others) for place in range(len(asked))]
        return [tuple(_reason(one) for one in found.values[:top]) for found in values], False


def _reason(measure: Any) -> Reason:
    return Reason(measure.name.removeprefix("shapley_"), measure.value)


def _nearest(
    project: Project, model: Any, train: pd.DataFrame, asked: pd.DataFrame, top: int
) -> list[tuple[Neighbour, ...]]:
    """By row number where an id is, is declared to be, or reads like what names a person: one without any digit."""
    data = project.settings.data
    inputs, labels = train[project.input_names()], stages.labels(project, train)
    try:
        # by number first: what an id is, is looked at for those alone that would be told
        rows = np.arange(len(train)).astype(str)
        found = nearest_examples(model_features(model), inputs, labels, rows, asked, k=top)
    except Refused:
        return [() for _ in range(len(asked))]
    ids = train[data.record_id].astype(str).tolist()
    told = {near.record_id: ids[int(near.record_id)] for group in found for near in group}
    names = [name for name in told.values() if kind_of(name) or not any(map(str.isdigit, name)) or " " in name]
    if names or data.record_id in data.identifiers:
        told = {row: f"row {int(row) + 1} of the training part" for row in told}
    return [tuple(Neighbour(told[near.record_id], near.label, near.similarity) for near in group) for group in found]


def _probabilities(ask: Ask) -> Callable[[pd.DataFrame], Any]:
    return lambda frame: ask(frame).probabilities

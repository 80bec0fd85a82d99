"""What is told of a project's model: words, weights, and made-up examples, never a record's content."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from towpath import explaining
from towpath.measuring import Answered
from towpath.project import Data, Input, Project
from towpath_core.errors import Refused


def project(*inputs: Input, examples: Any, identifiers: tuple[str, ...] = ()) -> Project:
    data = Data(
        raw="raw.csv", inputs=inputs, target="code", wave="wave", train_waves=("base",), identifiers=identifiers
    )
    settings: Any = SimpleNamespace(data=data, examples=examples)
    return Project(Path(), settings)


TEXT = Input(name="text", type="string")
CODING = project(TEXT, examples=({"text": "night tailor"}, {"text": "hotel chef"}))
TITLES = pd.DataFrame(
    {
        "record_id": [f"{number:03d}" for number in range(60)],
        "text": [f"{'tailor' if i % 2 else 'chef'} of the {'house' if i % 3 else 'court'}" for i in range(60)],
        "code": ["5414" if i % 2 else "5434" for i in range(60)],
    }
)


def fitted_text() -> Pipeline:
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3))
    union = FeatureUnion([("words", TfidfVectorizer()), ("characters", characters)])
    features = ColumnTransformer([("text", union, "text")])
    return Pipeline([("features", features), ("classifier", LogisticRegression())]).fit(
        TITLES[["text"]], TITLES["code"]
    )


MODEL = fitted_text()


def asking(model: Any) -> explaining.Ask:
    return lambda frame: Answered(model.predict_proba(frame), model.classes_.astype(str))


PEOPLE = pd.DataFrame(
    {
        "record_id": [f"{number:03d}" for number in range(200)],
        "age": np.linspace(1, 100, 200),
        "sex": ["1", "2"] * 100,
        "code": ["1" if age > 50 else "0" for age in np.linspace(1, 100, 200)],
    }
)
TABULAR = project(
    Input(name="age", type="number"),
    Input(name="sex", type="category"),
    examples=({"age": 70}, {"age": 20, "sex": "1"}),
)


def fitted_tree() -> Pipeline:
    codes = OneHotEncoder(handle_unknown="ignore")
    features = ColumnTransformer([("age", "passthrough", ["age"]), ("sex", codes, ["sex"])])
    return Pipeline([("features", features), ("tree", DecisionTreeClassifier(max_depth=2))]).fit(
        PEOPLE[["age", "sex"]], PEOPLE["code"]
    )


def test_the_words_that_decide_come_first() -> None:
    found = explaining.words(CODING, asking(MODEL), TITLES)
    assert {one.word for one in found[:2]} == {"tailor", "chef"}
    assert explaining.words(TABULAR, asking(MODEL), PEOPLE) == []


def test_weights_are_of_words_where_the_features_are_called_so() -> None:
    found = {one.label: one for one in explaining.weights(CODING, MODEL, TITLES)}
    assert found["5414"].speaks_for[0].name == "tailor"
    table = project(Input(name="sex", type="category"), examples=())
    codes = Pipeline([("codes", OneHotEncoder()), ("classifier", LogisticRegression())])
    codes.fit(PEOPLE[["sex"]], PEOPLE["sex"])
    frame = PEOPLE.assign(code=PEOPLE["sex"])
    assert explaining.weights(table, codes, frame)[0].speaks_for[0].name == "sex_1"


def test_weights_of_a_model_that_has_none_are_refused() -> None:
    with pytest.raises(Refused, match="has no weights"):
        explaining.weights(TABULAR, fitted_tree(), PEOPLE)


def test_an_example_is_explained_exactly_by_a_linear_model_with_its_neighbours() -> None:
    first, second = explaining.examples(CODING, MODEL, asking(MODEL), TITLES)
    assert (first.number, first.label, second.label, first.exact) == (1, "5414", "5434", True)
    assert first.reasons[0].what == "text__words__tailor"
    assert {near.label for near in first.nearest} == {"5414"}
    assert {near.text for near in first.nearest} == {""}
    assert first.nearest[0].record_id in set(TITLES["record_id"])


def test_another_model_is_explained_by_sampling() -> None:
    tree = fitted_tree()
    found = explaining.examples(TABULAR, tree, asking(tree), PEOPLE)
    assert [one.label for one in found] == ["1", "0"]
    assert [one.exact for one in found] == [False, False]
    assert found[0].reasons[0].what == "age"
    assert found[0].reasons[0].adds > 0.3


def test_a_model_without_numbers_of_its_own_has_no_neighbours() -> None:
    class Plain:
        """A model that takes texts as they are."""

        classes_ = np.array(["5414", "5434"])

        def predict_proba(self, frame: pd.DataFrame) -> Any:
            yes = frame["text"].str.contains("tailor").to_numpy(dtype=float) * 0.8 + 0.1
            return np.column_stack([yes, 1 - yes])

    found = explaining.examples(CODING, Plain(), asking(Plain()), TITLES)
    assert [one.nearest for one in found] == [(), ()]
    assert found[0].exact is False


def test_ids_that_name_a_person_are_told_as_rows() -> None:
    mails = TITLES.assign(record_id=[f"person{number}@example.org" for number in range(60)])
    called = TITLES.assign(record_id=[f"Anna Mueller-{chr(97 + n % 26)}{n}" for n in range(60)])
    first = TITLES.assign(record_id=["anna" + "abcdefghij"[n // 10] + "abcdefghij"[n % 10] for n in range(60)])
    declared = project(TEXT, examples=CODING.settings.examples, identifiers=("record_id",))
    for of, train in ((CODING, mails), (CODING, called), (CODING, first), (declared, TITLES)):
        found = explaining.examples(of, MODEL, asking(MODEL), train)
        assert "example.org" not in repr(found)
        assert all(near.record_id.startswith("row ") for one in found for near in one.nearest)


def test_what_an_example_does_not_say_is_missing_as_the_server_has_it() -> None:
    frame = explaining.example_frame(TABULAR)
    assert frame["age"].tolist() == [70.0, 20.0]
    assert frame["sex"].isna().tolist() == [True, False]
    assert explaining.example_frame(project(TEXT, examples=({},)))["text"].tolist() == [""]

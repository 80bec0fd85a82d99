"""Linear models, read line by line: weights of classes, contributions of a record, nearest training examples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from towpath_checks.measures.class_weights import class_weights
from towpath_checks.measures.contributions import contributions
from towpath_checks.measures.nearest_examples import model_features, nearest_examples
from towpath_core.errors import Misused, Refused

TITLES = {
    "5414": ["tailor", "master tailor", "tailor of suits", "suit tailor", "tailor and cutter", "ladies tailor"],
    "5434": ["chef", "head chef", "pastry chef", "chef de partie", "commis chef", "sous chef"],
    "9272": ["kitchen porter", "porter", "night porter", "hotel porter", "hall porter", "porter of a market"],
}


def titles() -> tuple[pd.DataFrame, Any]:
    rows = [(text, code) for code, texts in TITLES.items() for text in texts]
    return pd.DataFrame({"text": [text for text, _ in rows]}), np.array([code for _, code in rows])


def text_model() -> Pipeline:
    """As the coding template makes it, smaller."""
    words = TfidfVectorizer(ngram_range=(1, 2), dtype=np.float32)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    union = FeatureUnion([("words", words), ("characters", characters)])
    features = ColumnTransformer([("text", union, "text")])
    return Pipeline([("features", features), ("classifier", LogisticRegression(C=10, solver="saga", max_iter=500))])


def persons(n: int = 300) -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"age": random.normal(40, 15, n), "sex": random.choice(["1", "2"], n)})
    return frame, np.where(frame["age"] + random.normal(0, 10, n) > 40, "old", "young")


def table_model() -> Pipeline:
    """As the tabular template makes it, with a scaled number."""
    features = ColumnTransformer([("age", StandardScaler(), ["age"]), ("codes", OneHotEncoder(), ["sex"])])
    return Pipeline([("features", features), ("classifier", LogisticRegression())])


TEXT, TABLE = text_model().fit(*titles()), table_model().fit(*persons())
LENIENT = table_model().set_params(features__codes__handle_unknown="ignore").fit(*persons())


def margin(model: Any, frame: pd.DataFrame, label: str) -> Any:
    own = model.decision_function(frame)
    place = list(model.classes_).index(label)
    return (own if place else -own) if own.ndim == 1 else own[:, place]


# Contributions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "data"), [(TEXT, titles()), (TABLE, persons())], ids=["text", "table"])
def test_contributions_are_weight_times_value_and_sum_to_the_margin(model: Any, data: Any) -> None:
    frame = data[0].iloc[:18]
    for label in model.classes_:
        for place, got in enumerate(contributions(model, frame, labels=[label] * len(frame), top=3)):
            assert got.margin == pytest.approx(margin(model, frame.iloc[[place]], label)[0], abs=1e-6, rel=1e-6)
            total = math.fsum([got.intercept, got.rest, *(term.product for term in got.terms)])
            assert total == pytest.approx(got.margin, abs=1e-6)
            assert len(got.terms) <= 3
            for term in got.terms:
                assert term.product == pytest.approx(term.value * term.weight, abs=1e-6)


def test_by_default_the_answer_is_explained_the_strongest_term_first() -> None:
    frame = pd.DataFrame({"text": ["night tailor", "hotel chef"]})
    got = contributions(TEXT, frame)
    assert [one.label for one in got] == TEXT.predict(frame).tolist() == ["5414", "5434"]
    strengths = [abs(term.product) for term in got[0].terms]
    assert strengths == sorted(strengths, reverse=True)
    assert "tailor" in [term.feature.removeprefix("text__words__") for term in got[0].terms]


@settings(max_examples=30, deadline=None)
@given(st.floats(-200, 200), st.sampled_from(["1", "2", "3"]))
def test_any_record_is_explained_exactly(age: float, sex: str) -> None:
    model = LENIENT
    frame = pd.DataFrame({"age": [age], "sex": [sex]})
    got = contributions(model, frame)[0]
    assert got.margin == pytest.approx(margin(model, frame, got.label)[0], abs=1e-6, rel=1e-6)
    assert got.margin >= 0


def test_a_text_without_a_known_word_has_the_intercept_alone() -> None:
    got = contributions(TEXT, pd.DataFrame({"text": ["xyz"]}), labels=["5414"])[0]
    assert (got.terms, got.rest, got.margin) == ((), 0, got.intercept)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (DecisionTreeClassifier(), "has no weights"),
        (SVC(kernel="linear"), "one a class|not its weights"),
        (SVC(kernel="rbf"), "has no weights"),
    ],
    ids=["tree", "pairs of classes", "kernel"],
)
def test_a_model_that_is_not_linear_class_by_class_is_refused(model: Any, told: str) -> None:
    frame = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [0.0, 1, 0, 1, 0, 1]})
    model.fit(frame, np.array(["a", "a", "b", "b", "c", "c"]))
    with pytest.raises(Refused, match=told):
        contributions(model, frame)
    with pytest.raises(Refused, match=told):
        class_weights(model, frame, np.array(["a", "a", "b", "b", "c", "c"]))


def test_a_model_without_a_pipeline_is_read_too() -> None:
    frame = pd.DataFrame({"x": [0.0, 1, 2, 3], "y": [0.0, 1, 0, 1]})
    model = LogisticRegression().fit(frame, np.array(["a", "a", "b", "b"]))
    got = contributions(model, frame, labels=["b"] * 4)
    assert got[3].margin == pytest.approx(model.decision_function(frame)[3])
    assert {term.feature for term in got[3].terms} == {"x", "y"}


def test_classes_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(Refused, match="the model knows no class 9999"):
        contributions(TEXT, titles()[0].iloc[:1], labels=["9999"])
    with pytest.raises(Refused, match="1 labels for 2 records"):
        contributions(TEXT, titles()[0].iloc[:2], labels=["5414"])


# Weights of classes ---------------------------------------------------------------------------------------------------


def test_a_class_has_its_word_first() -> None:
    got = {one.label: one for one in class_weights(TEXT, *titles(), prefix="text__words__")}
    assert {label: one.speaks_for[0].name for label, one in got.items()} == {
        "5414": "tailor",
        "5434": "chef",
        "9272": "porter",
    }
    assert (got["5414"].n, got["5414"].speaks_for[0].n) == (6, 6)
    assert got["5414"].against
    assert all(one.value < 0 for one in got["5414"].against if one.value is not None)
    assert got["5414"].speaks_for[0].note.startswith("no interval: ")


def test_weights_are_the_models_own() -> None:
    got = class_weights(TABLE, *persons(), classes=["old", "young"])
    names = TABLE[:-1].get_feature_names_out().tolist()
    for one, sign in zip(got, (-1, 1), strict=True):  # of two classes the coefficients are the second's
        for measure in (*one.speaks_for, *one.against):
            assert measure.value == pytest.approx(sign * TABLE[-1].coef_[0, names.index(measure.name)])


def test_no_word_of_fewer_records_is_shown_and_how_many_are_withheld_is_said() -> None:
    frame, codes = titles()
    frame.loc[0, "text"] = "tailor Zebediah"
    model = text_model().fit(frame, codes)
    got = class_weights(model, frame, codes, minimum=5)
    assert "zebediah" not in repr(got).lower()
    assert all(measure.n >= 5 for one in got for measure in (*one.speaks_for, *one.against))
    assert class_weights(model, frame, codes, classes=["5414"], top=1000, minimum=5)[0].withheld > 0


def test_a_word_that_one_record_of_a_class_shares_with_other_classes_does_not_speak_for_it() -> None:
    frame, codes = titles()
    frame["text"] = [text if code == "5414" else f"{text} wanted" for text, code in zip(frame["text"], codes)]  # noqa: B905
    frame.loc[3, "text"] = "wanted tailor"
    got = class_weights(text_model().fit(frame, codes), frame, codes, classes=["5414"], prefix="text__words__")[0]
    assert "wanted" not in {measure.name for measure in got.speaks_for}


def test_the_classes_with_most_records_come_first() -> None:
    frame, codes = titles()
    more = pd.concat([frame, frame[codes == "9272"]], ignore_index=True)
    got = class_weights(TEXT, more, np.concatenate([codes, ["9272"] * 6]))
    assert [one.label for one in got] == ["9272", "5414", "5434"]


def test_a_minimum_that_shows_single_records_is_refused() -> None:
    with pytest.raises(Misused, match="expected at least 3"):
        class_weights(TEXT, *titles(), minimum=1)


# Nearest examples -----------------------------------------------------------------------------------------------------


def nearest(asked: list[str], **more: Any) -> Any:
    frame, codes = titles()
    ids = [f"{number:03d}" for number in range(len(frame))]
    return nearest_examples(model_features(TEXT), frame, codes, ids, pd.DataFrame({"text": asked}), **more)


def test_a_training_example_resembles_itself_most() -> None:
    got = nearest(["night porter"])[0]
    assert (got[0].record_id, got[0].label, got[0].similarity) == ("014", "9272", pytest.approx(1))
    assert [one.similarity for one in got] == sorted((one.similarity for one in got), reverse=True)


def test_texts_come_along_only_where_they_are_asked_for() -> None:
    assert {one.text for one in nearest(["night porter"])[0]} == {""}
    assert nearest(["night porter"], texts=titles()[0]["text"].to_numpy(dtype=object))[0][0].text == "night porter"


def test_what_has_nothing_in_common_has_no_neighbour() -> None:
    assert nearest(["xyz"]) == [()]
    assert len(nearest(["porter"], k=2)[0]) == 2


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=12), st.integers(1, 5))
def test_they_are_those_of_a_search_through_all(rows: list[list[int]], k: int) -> None:
    table = pd.DataFrame(rows, columns=["a", "b", "c"])
    ids = [str(number) for number in range(len(rows))]
    got = nearest_examples(lambda frame: frame.to_numpy(dtype=float), table, ids, ids, table, k=k)
    for row, found in zip(rows, got, strict=True):
        like = []
        for number, other in enumerate(rows):
            lengths = math.hypot(*row) * math.hypot(*other)
            if lengths and (product := math.sumprod(row, other) if hasattr(math, "sumprod") else np.dot(row, other)):
                like.append((-round(float(product) / lengths, 9), number))
        assert [one.record_id for one in found] == [str(number) for _, number in sorted(like)[:k]]


def test_features_that_do_not_fit_are_refused() -> None:
    frame, codes = titles()
    ids = codes
    with pytest.raises(Refused, match="finite numbers"):
        nearest_examples(lambda asked: np.full((len(asked), 2), np.nan), frame, codes, ids, frame)
    with pytest.raises(Refused, match="expected the same"):
        nearest_examples(lambda asked: np.ones((len(asked), len(asked))), frame, codes, ids, frame.iloc[:1])
    with pytest.raises(Misused, match="0 examples"):
        nearest_examples(model_features(TEXT), frame, codes, ids, frame, k=0)

"""One model's answers, and what it takes to get any."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler
from skops import io as skops_io

from towpath import models
from towpath_core.digests import dir_hash
from towpath_core.errors import Mismatch, Refused
from towpath_core.files import write_json
from towpath_core.manifest import Field, Manifest, Threshold
from towpath_core.model_files import mlmodel
from towpath_serve import predictor
from towpath_serve.predictor import Predictor

AGES = [20.0, 31.0, 42.0, 53.0, 64.0, 75.0, 25.0, 48.0]
SEXES = ["1", "2", "1", "2", "1", "2", "2", "9"]
WORKS = ["yes", "yes", "yes", "yes", "no", "no", "yes", "no"]
FIELDS = (
    Field("age", "number"),
    Field("income", "number", required=False),
    Field("sex", "category", max_length=2),
)


@pytest.fixture
def folder(packaged: Path, tmp_path: Path) -> Path:
    """A packaged model that may be changed."""
    return Path(shutil.copytree(packaged, tmp_path / "package"))


def columns_model() -> Pipeline:
    frame = pd.DataFrame({"age": AGES, "income": [1.0, np.nan] * 4, "sex": SEXES})
    fill = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    rare = OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist")
    columns = ColumnTransformer(
        [("bins", KBinsDiscretizer(3), ["age"]), ("fill", fill, ["income"]), ("sex", rare, ["sex"])], n_jobs=2
    )
    return Pipeline([("columns", columns), ("lr", LogisticRegression())]).fit(frame, WORKS)


def packed(folder: Path, model: Any, fields: Sequence[Field] = FIELDS, threshold: float | None = 0.5) -> Path:
    models.save(model, folder / "model.skops")
    manifest = Manifest("employment", "tabular", "works", tuple(fields), (), Threshold(threshold), {})
    manifest.write(folder)
    write_json(folder / "MLmodel", mlmodel(manifest))
    return folder


def test_answers_are_the_models_own(folder: Path) -> None:
    model = skops_io.load(folder / "model.skops")
    texts = ["cook in a kitchen", "school teacher", "astronaut"]

    predictor = Predictor.open(folder, version="occupation-coder/1")

    frame = pd.DataFrame({"text": texts})
    assert (predictor.probabilities(frame) == model.predict_proba(frame)).all()
    answers = predictor.answer([{"text": text} for text in texts])
    assert [answer["label"] for answer in answers] == model.predict(frame).tolist()
    assert answers[0]["model"] == "occupation-coder/1"
    assert answers[0]["threshold"] == 0.7
    assert [item["probability"] for item in answers[0]["top"]] == sorted(model.predict_proba(frame)[0])[:0:-1]


def test_columns_are_answered_as_by_scikit_learn(tmp_path: Path) -> None:
    model = columns_model()
    predictor = Predictor.open(packed(tmp_path, model))

    frame = pd.DataFrame({"age": [19.0, 70.0], "income": [np.nan, 2.0], "sex": ["1", "unseen"]})
    records = [{"age": 19, "sex": "1"}, {"age": 70, "income": 2.0, "sex": "xx"}]

    np.testing.assert_array_equal(predictor.probabilities(frame), model.predict_proba(frame))
    assert [answer["label"] for answer in predictor.answer(records)] == model.predict(frame).tolist()


def test_one_record_is_answered_as_in_a_batch(folder: Path) -> None:
    predictor = Predictor.open(folder)
    records = [{"text": f"{word} cook"} for word in ("kitchen", "school", "care", "other")]

    assert [predictor.answer([record])[0] for record in records] == predictor.answer(records)


@pytest.mark.parametrize(("threshold", "decision"), [(0.0, "auto"), (1.01, "review"), (None, "review")])
def test_the_decision_is_the_thresholds(folder: Path, threshold: float | None, decision: str) -> None:
    manifest = json.loads((folder / "towpath.json").read_text())
    manifest["threshold"]["value"] = threshold
    write_json(folder / "towpath.json", manifest)

    answer = Predictor.open(folder).answer([{"text": "cook"}])[0]

    assert (answer["decision"], answer["threshold"]) == (decision, threshold)


def test_a_score_at_the_threshold_is_automatic(folder: Path) -> None:
    predictor = Predictor.open(folder)
    assert predictor.answers(np.array([[0.7, 0.2, 0.1], [0.6999, 0.3, 0.0001]])).decisions.tolist() == [
        "auto",
        "review",
    ]


def test_among_equals_the_first_class_comes_first(folder: Path) -> None:
    predictor = Predictor.open(folder)
    answers = predictor.answers(np.array([[0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]]))
    assert answers.labels.tolist() == [["5434", "6145"], ["2314", "5434"]]
    assert answers.probabilities.tolist() == [[0.4, 0.4], [1 / 3, 1 / 3]]


def test_no_records_get_no_answers(folder: Path) -> None:
    predictor = Predictor.open(folder)
    assert predictor.answer([]) == []
    assert predictor.answer([{"text": ""}])[0]["decision"] == "rejected"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "text: missing"),
        ({"text": None}, "text: missing"),
        ({"text": "   "}, "text: empty"),
        ({"text": "secret " * 50}, "text: longer than 200 characters"),
        ({"text": 4711}, "text: expected a text"),
        ({"text": ["secret"]}, "text: expected a text"),
        ({"text": "cook", "name": "secret"}, "has fields that the model does not know; it knows text"),
        ("secret", "not an object"),
        (None, "not an object"),
    ],
)
def test_a_bad_record_is_rejected_and_not_quoted(folder: Path, record: Any, reason: str) -> None:
    good = {"text": "cook"}

    first, rejected, last = Predictor.open(folder).answer([good, record, good])

    assert first["label"] == last["label"] == "5434"
    assert rejected == {
        "label": None, "probability": None, "decision": "rejected", "reason": reason, "top": [],
        "threshold": 0.7, "model": "occupation-coder",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"age": "30", "sex": "1"}, "age: expected a number"),
        ({"age": True, "sex": "1"}, "age: expected a number"),
        ({"age": float("inf"), "sex": "1"}, "age: not a finite number"),
        ({"age": 10**400, "sex": "1"}, "age: not a finite number"),
        ({"age": float("nan"), "sex": "1"}, "age: missing"),
        ({"age": None, "sex": "1"}, "age: missing"),
        ({"age": 30, "sex": 1}, "sex: expected a text"),
        ({"age": 30, "sex": "123"}, "sex: longer than 2 characters"),
        ({"sex": ""}, "age: missing; sex: empty"),
        ({"age": 30, "sex": "1", "income": "x"}, "income: expected a number"),
    ],
)
def test_a_field_of_another_type_is_rejected(tmp_path: Path, record: Any, reason: str) -> None:
    answer = Predictor.open(packed(tmp_path, columns_model())).answer([record])[0]
    assert (answer["decision"], answer["reason"]) == ("rejected", reason)


def test_numbers_as_text_are_parsed_where_they_come_so(tmp_path: Path) -> None:
    predictor = Predictor.open(packed(tmp_path, columns_model()))
    ages = [" 30 ", "3e1", "1_0", "٣", "nan", "inf", "1e999", "", "0x10", "x"]

    vetted = predictor.vet({"age": ages, "income": [""] * 10, "sex": ["1"] * 10}, 10, numbers_as_text=True)

    assert vetted.inputs["age"].tolist() == [30.0, 30.0]
    assert vetted.inputs["income"].isna().all()
    assert vetted.reasons[2:] == [
        "age: not a number", "age: not a number", "age: not a number", "age: not a finite number",
        "age: not a finite number", "age: missing", "age: not a number", "age: not a number",
    ]  # fmt: skip
    assert vetted.good.tolist() == [True] * 2 + [False] * 8


def test_a_missing_optional_text_is_the_empty_one(folder: Path) -> None:
    manifest = json.loads((folder / "towpath.json").read_text())
    manifest["inputs"][0]["required"] = False
    write_json(folder / "towpath.json", manifest)
    predictor = Predictor.open(folder)

    absent, empty = predictor.answer([{}, {"text": ""}])

    assert absent == empty
    assert absent["label"]


def test_another_digest_is_refused(folder: Path) -> None:
    digest = dir_hash(folder)
    assert Predictor.open(folder, digest=digest).digest == digest
    (folder / "MODEL_CARD.md").write_text("another")
    with pytest.raises(Mismatch, match=f"expected {digest}"):
        Predictor.open(folder, digest=digest)


def test_a_strange_file_makes_another_digest(folder: Path) -> None:
    digest = dir_hash(folder)
    (folder / "sitecustomize.py").write_text("")
    with pytest.raises(Mismatch, match=f"has the digest .*, expected {digest}"):
        Predictor.open(folder, digest=digest)
    with pytest.raises(Refused, match=r"sitecustomize\.py"):
        Predictor.open(folder)


def test_a_digest_in_capital_letters_is_another(folder: Path) -> None:
    digest = dir_hash(folder).upper()
    with pytest.raises(Mismatch, match=f"expected {digest}"):
        Predictor.open(folder, digest=digest)


def test_what_changes_between_the_first_look_and_the_loading_is_not_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder was whole when it was first looked at; the bytes that are loaded are those that are judged."""
    digest = dir_hash(folder)

    def looked(at: Path) -> str:
        found = dir_hash(at)
        (at / "MODEL_CARD.md").write_text("another")
        return found

    monkeypatch.setattr(predictor, "dir_hash", looked)
    with pytest.raises(Mismatch, match=f"expected {digest}"):
        Predictor.open(folder, digest=digest)


@pytest.mark.parametrize(
    ("name", "value"), [("input", "filename"), ("input", "file"), ("token_pattern", "(a+)+$")], ids=str
)
def test_a_model_whose_first_example_would_read_a_file_or_never_end_is_not_asked(
    folder: Path, name: str, value: str
) -> None:
    """Its own examples are the first that a model is asked; by then it is either on the list or not there."""
    write_json(folder / "input_example.json", [{"text": "/etc/passwd"}, {"text": "a" * 40 + "b"}])

    def change(model: Any) -> None:
        setattr(words(model), name, value)

    with pytest.raises(Refused, match=f"may not be loaded: TfidfVectorizer's {name} is"):
        Predictor.open(changed(folder, change))


def test_what_may_not_be_loaded_is_not_loaded(folder: Path) -> None:
    (folder / "model.skops").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(Refused, match="may not be loaded: the file is no zip archive"):
        Predictor.open(folder)


def changed(folder: Path, change: Callable[[Any], None]) -> Path:
    """The package with a model that was changed before it was saved."""
    model = skops_io.load(folder / "model.skops")
    change(model)
    skops_io.dump(model, folder / "model.skops")
    return folder


def words(model: Any) -> Any:
    return model.named_steps["columns"].named_transformers_["words"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m[-1].coef_.__setitem__((0, 0), np.nan), "coefficients that are not finite"),
        (lambda m: m[-1].intercept_.__setitem__(0, np.inf), "coefficients that are not finite"),
        (lambda m: setattr(m[-1], "coef_", m[-1].coef_[:2]), "coefficients that do not fit its classes"),
        (lambda m: setattr(m[-1], "intercept_", m[-1].intercept_[:2]), "intercepts that do not fit its classes"),
        (lambda m: setattr(m[-1], "classes_", m[-1].classes_[::-1].copy()), "classes that are not in order"),
        (lambda m: words(m).vocabulary_.update(cook=2_000_000_000), "words that are not numbered from 0 on"),
        (lambda m: words(m).vocabulary_.update(cook=-1), "words that are not numbered from 0 on"),
        (lambda m: words(m).vocabulary_.clear(), "knows no words"),
        (lambda m: setattr(words(m)._tfidf, "idf_", np.ones(2)), "weights that do not fit its words"),
        (lambda m: words(m)._tfidf.idf_.__setitem__(0, np.inf), "weights that are not finite"),
        (lambda m: delattr(m[-1], "coef_"), "does not build: AttributeError"),
        (lambda m: delattr(m[-1], "classes_"), "does not build: AttributeError"),
        (lambda m: setattr(m, "steps", m.steps[:1]), "gives no probabilities"),
    ],
)
def test_a_model_that_would_answer_nonsense_or_crash_is_refused(folder: Path, change: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        Predictor.open(changed(folder, change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t["sex"]._default_to_infrequent_mappings[0].__setitem__(0, 10**9), "maps a category"),
        (lambda t: t["sex"].categories_.append(t["sex"].categories_[0]), "categories that do not fit"),
        (lambda t: t["fill"][-1].scale_.__setitem__(0, 0.0), "divides by 0"),
        (lambda t: t["fill"][-1].mean_.__setitem__(0, np.nan), "mean_ that is not finite"),
        (lambda t: t["bins"].bin_edges_.__setitem__(0, np.array([3.0, 2.0, 1.0, 0.0])), "edges that are not in order"),
        (lambda t: t["bins"].n_bins_.__setitem__(0, 9), "bins that do not fit their edges"),
    ],
)
def test_a_table_model_that_would_answer_nonsense_or_crash_is_refused(tmp_path: Path, change: Any, reason: str) -> None:
    model = columns_model()
    change(model.named_steps["columns"].named_transformers_)
    with pytest.raises(Refused, match=reason):
        Predictor.open(packed(tmp_path, model))


def test_a_model_starts_no_processes_of_its_own(tmp_path: Path) -> None:
    predictor = Predictor.open(packed(tmp_path, columns_model()))
    assert predictor._model.named_steps["columns"].n_jobs is None


def test_a_model_proves_itself_by_its_examples(folder: Path) -> None:
    Predictor.open(folder).prove()
    expected = json.loads((folder / "expected.json").read_text())
    expected[1]["top"][0]["probability"] += 1e-5
    write_json(folder / "expected.json", expected)
    with pytest.raises(Mismatch, match="example 2: a probability is 1e-05 off"):
        Predictor.open(folder).prove()


def test_a_model_without_examples_proves_nothing(folder: Path) -> None:
    (folder / "expected.json").unlink()
    with pytest.raises(Refused, match="nothing proves it"):
        Predictor.open(folder).prove()


@pytest.mark.parametrize("text", ["{}", "[1]", "nonsense"])
def test_examples_are_a_list_of_objects(folder: Path, text: str) -> None:
    (folder / "input_example.json").write_text(text)
    with pytest.raises(Refused, match="input_example.json of the model is no list of objects"):
        Predictor.open(folder)

"""Records that are worse than those of the test part."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.measures.stress import KINDS, perturbed, stress_set, stressed
from towpath_core.errors import Misused

FRAME = pd.DataFrame({"text": ["head teacher", "truck driver"] * 100, "size": np.tile([1.0, 9.0], 100)})
TRUTH = np.tile(["1", "2"], 100)
TEXTS = st.lists(st.text(max_size=30), max_size=8)


def by_word(frame: pd.DataFrame) -> np.ndarray:
    """Knows its two nouns, and says 1 for what it does not know."""
    return np.where(frame["text"].str.contains("driver"), "2", "1")


def test_an_accuracy_and_a_loss_on_the_same_records() -> None:
    got = stressed(by_word, FRAME, TRUTH, "typos", texts=["text"])
    assert got.accuracy.name == "stress_typos_accuracy"
    assert got.accuracy.value == pytest.approx(0.5)
    assert got.change.value == pytest.approx(-0.5)
    assert got.change.high is not None
    assert got.change.high < 0
    assert got.change.note == "100 records get another answer"


def test_a_model_that_does_not_look_at_the_texts_loses_nothing() -> None:
    for kind in KINDS[:3]:
        got = stressed(lambda frame: np.where(frame["size"] > 5, "2", "1"), FRAME, TRUTH, kind, texts=["text"])
        assert (got.accuracy.value, got.change.value) == (1, 0)


def test_each_record_misses_one_covariate() -> None:
    seen: list[pd.DataFrame] = []

    def predict(frame: pd.DataFrame) -> np.ndarray:
        seen.append(frame)
        return TRUTH

    frame = FRAME.assign(mode="web")
    stressed(predict, frame, TRUTH, "missing_covariates", covariates=["size", "mode"])
    assert (seen[1][["size", "mode"]].isna().sum(axis=1) == 1).all()
    assert not seen[0].isna().any().any()
    assert not frame.isna().any().any()


def test_a_model_that_does_not_answer_is_not_assessed_and_its_words_are_not_told() -> None:
    def predict(frame: pd.DataFrame) -> np.ndarray:
        if frame["size"].isna().any():
            raise ValueError("could not convert Erika Mustermann")
        return TRUTH

    got = stressed(predict, FRAME, TRUTH, "missing_covariates", covariates=["size"])
    assert got.accuracy.value is None
    assert got.accuracy.note == "the model does not answer: ValueError"


def test_nothing_to_spoil_is_not_assessed() -> None:
    assert stressed(by_word, FRAME, TRUTH, "typos").accuracy.note == "there are no texts"
    assert stressed(by_word, FRAME, TRUTH, "missing_covariates").change.note == "there are no covariates"
    with pytest.raises(Misused, match="no stress of the kind 'noise'"):
        stressed(by_word, FRAME, TRUTH, "noise", texts=["text"])


@given(TEXTS, st.sampled_from(KINDS[:3]), st.integers(0, 3))
def test_a_text_is_spoilt_alike_wherever_it_stands(texts: list[str], kind: str, seed: int) -> None:
    assert perturbed(texts, kind, seed=seed)[::-1] == perturbed(texts[::-1], kind, seed=seed)


@given(st.lists(st.text("abcdefgh", min_size=4, max_size=9), min_size=2, max_size=5))
def test_each_kind_does_what_it_says(words: list[str]) -> None:
    text = " ".join(words)
    slipped, dropped, unseen = (perturbed([text], kind)[0].split() for kind in KINDS[:3])
    assert len(slipped) == len(words)
    assert all(abs(len(got) - len(word)) <= 1 for got, word in zip(slipped, words, strict=True))
    assert len(dropped) == len(words) - 1
    assert len(unseen) == len(words)
    assert sum(got != word for got, word in zip(unseen, words, strict=True)) == 1


def test_a_made_up_word_is_not_one_that_the_model_knows() -> None:
    made = perturbed(["clerk"], "unseen_words")[0].split()[1]
    assert perturbed(["clerk"], "unseen_words", known_words={made})[0].split()[1] != made


def test_what_is_no_text_stays_empty() -> None:
    assert perturbed([None, float("nan"), ""], "typos") == ["", "", ""]


def test_a_stress_set_of_its_own_is_told_apart_from_the_test_part() -> None:
    """Destatis: 0.94 in the test part, 0.19 on the stress set."""
    truth, right = ["1"] * 100, np.arange(1000) < 940
    got = stress_set(truth, ["1"] * 19 + ["2"] * 81, right)
    assert (got.accuracy.name, got.accuracy.value) == ("stress_accuracy", 0.19)
    assert got.change.value == pytest.approx(-0.75)
    assert got.change.high is not None
    assert got.change.high < -0.6
    assert got.change.note == "against 1000 records of the test part"

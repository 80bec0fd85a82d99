"""The word that decides comes first, rare words never show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from towpath_checks.measures.word_importance import WordImportance, word_importance
from towpath_core.errors import Misused


def by_word(frame: pd.DataFrame) -> Any:
    """A model that knows one word: tailor."""
    yes = np.where(frame["text"].str.contains("tailor", case=False), 0.9, 0.2)
    return np.column_stack([1 - yes, yes])


def titles(n: int = 60) -> pd.DataFrame:
    texts = [f"{'Tailor' if i % 3 else 'baker'} of the {'house' if i % 2 else 'court'}" for i in range(n)]
    return pd.DataFrame({"text": [*texts, "tailor Zebediah"]})


def found(importances: list[WordImportance]) -> dict[str, WordImportance]:
    return {one.word: one for one in importances}


def test_the_word_that_decides_comes_first_and_the_others_do_nothing() -> None:
    got = word_importance(by_word, titles(), "text")
    assert got[0].word == "tailor"
    assert got[0].records == 41
    assert got[0].fall.value == pytest.approx(0.7)
    assert got[0].changed.value == 1
    others = found(got)
    assert set(others) == {"tailor", "of", "the", "house", "court", "baker"}
    assert others["house"].fall.value == 0
    assert others["house"].changed.value == 0
    assert others["house"].changed.high is not None
    assert others["house"].changed.high > 0


def test_a_rare_word_never_shows() -> None:
    assert "zebediah" not in repr(word_importance(by_word, titles(), "text")).lower()
    with pytest.raises(Misused, match="expected at least 3"):
        word_importance(by_word, titles(), "text", minimum=1)


def test_a_word_is_taken_out_whole_and_wherever_it_stands() -> None:
    seen: list[str] = []

    def looking(frame: pd.DataFrame) -> Any:
        seen.extend(frame["text"])
        return by_word(frame)

    frame = pd.DataFrame({"text": ["tailoring, TAILOR tailor; tailor's"] * 20})
    word_importance(looking, frame, "text", words=1)
    assert seen[20:] == ["tailoring, TAILOR tailor; tailor'"] * 20  # of equally frequent words the first: s
    seen.clear()
    word_importance(looking, frame, "text", words=2)
    assert "tailoring, ; 's" in seen


def test_it_asks_no_more_than_it_says() -> None:
    sizes: list[int] = []

    def counting(frame: pd.DataFrame) -> Any:
        sizes.append(len(frame))
        return by_word(frame)

    got = word_importance(counting, titles(400), "text", rows=100, each=20, words=4)
    assert sizes == [100, 20, 20, 20, 20]
    assert got[0].fall.note == "100 of 401 records, drawn with seed 0"
    assert got == word_importance(by_word, titles(400), "text", rows=100, each=20, words=4)


def test_missing_texts_and_columns() -> None:
    assert word_importance(by_word, titles().iloc[:0], "text") == []
    frame = pd.DataFrame({"text": ["tailor"] * 20 + [None]})
    assert [one.word for one in word_importance(lambda asked: by_word(asked.fillna("")), frame, "text")] == ["tailor"]
    with pytest.raises(Misused, match="no column title"):
        word_importance(by_word, titles(), "title")


def test_95_percent_intervals_hold_the_true_fall_in_92_to_98_of_100_samples_of_twenty() -> None:
    """The word decides where the text has no other clue: falls that lean to one side, as they do in real titles."""

    def model(frame: pd.DataFrame) -> Any:
        clue = frame["clue"].to_numpy(dtype=float)
        yes = np.where(frame["text"].str.contains("tailor"), 0.9, 0.9 - 0.7 * clue)
        return np.column_stack([1 - yes, yes])

    held = 0
    for draw in range(400):
        clue = np.random.default_rng([3, draw]).beta(0.7, 1.5, 20)
        frame = pd.DataFrame({"text": ["tailor"] * 20, "clue": clue})
        fall = word_importance(model, frame, "text")[0].fall
        assert fall.low is not None
        assert fall.high is not None
        held += fall.low <= 0.7 * 0.7 / 2.2 <= fall.high
    assert 0.92 <= held / 400 <= 0.98

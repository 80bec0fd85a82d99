"""What a text model makes of a common word: the answer with it and without it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from towpath_checks.measures._common import Measure, check_share, exact_share
from towpath_checks.measures._explaining import ROWS, Predict, asked, check_common, drawn, drawn_note
from towpath_checks.measures._intervals import student_quantile
from towpath_core.errors import Misused

if TYPE_CHECKING:
    import pandas as pd

WORDS = 50
MINIMUM = 20  # records: intervals of fewer hold less often than they say (docs/handbook/checks.md)
EACH = 100  # records of one word that are asked about
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class WordImportance:
    """A word of `records` records: how far the answer's probability falls without it, and how often another wins."""

    word: str
    records: int
    fall: Measure
    changed: Measure


def word_importance(
    predict: Predict,
    frame: pd.DataFrame,
    column: str,
    *,
    words: int = WORDS,
    minimum: int = MINIMUM,
    rows: int = ROWS,
    each: int = EACH,
    seed: int = 0,
    confidence: float = 0.95,
) -> list[WordImportance]:
    """The fall of the answer's probability when a word is taken out of the text, for the most frequent words.

    Needs records that training has not seen, with a text in `column`. Occlusion (Zeiler and Fergus 2014, section 4.2;
    for words Li, Monroe and Jurafsky 2016): p(answer with the word) − p(the same class without it), the mean over the
    records that have the word; and the share of them whose answer becomes another. Of at most `rows` records, the
    `words` most frequent words are taken that stand in `minimum` of them or more: a rarer word may be somebody's own.
    Each word is asked about in `each` of its records at most, so the model answers rows + words × each texts at most.

    Intervals: mean ± Student's t × standard error over records; Clopper and Pearson 1934 for the share. The largest
    fall first. Words are compared in NFKC, case folded; each place of the word is taken out.

    Raises: Misused for an unknown column, or a minimum under 3.
    """
    if column not in frame.columns:
        raise Misused(f"the records have no column {column}")
    check_common(minimum, "words")
    check_share(confidence, "the confidence")
    sample = frame.iloc[drawn(len(frame), rows, seed)].reset_index(drop=True)
    texts = sample[column].fillna("").astype(str).tolist()
    before = asked(predict, sample) if texts else np.empty((0, 1))
    note = drawn_note(len(frame), rows, seed)
    found = []
    for word, places in _frequent(texts, words, minimum).items():
        chosen = [places[i] for i in drawn(len(places), each, seed)]
        without = sample.iloc[chosen].assign(**{column: [_without(texts[i], word) for i in chosen]})
        found.append(_compared(word, len(places), before[chosen], asked(predict, without), (confidence, note)))
    return sorted(found, key=lambda one: -(one.fall.value or 0.0))


def _frequent(texts: list[str], words: int, minimum: int) -> dict[str, list[int]]:
    """The most frequent words, and the texts that have them; of words as frequent the first in the alphabet."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        for word in {_plain(found) for found in _WORD.findall(text)}:
            places.setdefault(word, []).append(place)
    counts = Counter({word: len(found) for word, found in places.items() if len(found) >= minimum})
    ordered = sorted(counts, key=lambda word: (-counts[word], word))[:words]
    return {word: places[word] for word in ordered}


def _without(text: str, word: str) -> str:
    kept = _WORD.sub(lambda found: "" if _plain(found.group()) == word else found.group(), text)
    return " ".join(kept.split())


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _compared(
    word: str, records: int, before: np.ndarray, after: np.ndarray, told: tuple[float, str]
) -> WordImportance:
    confidence, note = told
    n, answer = len(before), before.argmax(axis=1)
    falls = before[np.arange(n), answer] - after[np.arange(n), answer]
    value = float(falls.mean())
    reach = float(student_quantile(confidence, n - 1) * falls.std(ddof=1) / np.sqrt(n))
    changed = int((after.argmax(axis=1) != answer).sum())
    return WordImportance(
        word,
        records,
        Measure(f"word_importance_{word}", value, value - reach, value + reach, n, note),
        exact_share(f"answer_changes_without_{word}", changed, n, confidence),
    )

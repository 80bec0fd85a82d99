"""Is the model still right where records are worse than those that it learnt from?

The stress set is never the test set: its measures have names of their own, and are judged by limits of their own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Measure, check_share, flags, paired
from towpath_checks.measures._intervals import difference
from towpath_checks.measures.accuracy import accuracy
from towpath_checks.measures.comparison import accuracy_difference
from towpath_core.errors import Misused

if TYPE_CHECKING:
    import pandas as pd

Classify = Callable[["pd.DataFrame"], npt.ArrayLike]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VOWELS, _CONSONANTS = "aeiou", "bcdfgklmnprstvz"
_TEXTS = ("typos", "dropped_words", "unseen_words")
MISSING = "missing_covariates"
KINDS = (*_TEXTS, MISSING)


@dataclass(frozen=True, slots=True)
class Stressed:
    """The accuracy on records spoilt in one way, and what it loses against the same records unspoilt."""

    kind: str
    accuracy: Measure
    change: Measure

    @property
    def measures(self) -> tuple[Measure, Measure]:
        return self.accuracy, self.change


def stress_set(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    right_in_test: npt.ArrayLike,
    *,
    name: str = "stress",
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Stressed:
    """A labelled stress set that people put together: other mode, other region, other season, new words.

    Needs its own `truth` and `predicted`, both (n,) text, and `right_in_test` (m,) bool of the test part, which are
    other records. Intervals: of the accuracy as there; of the difference Newcombe 1998, method 10, as two samples.
    """
    measured = accuracy(truth, predicted, level=level, seed=seed, draws=draws, confidence=confidence)
    tested = flags(right_in_test, "right answers of the test part")
    assert measured.value is not None
    hits = round(measured.value * measured.n)
    ends = difference((hits, measured.n), (int(tested.sum()), len(tested)), confidence)
    change = measured.value - float(tested.mean())
    return Stressed(
        name,
        replace(measured, name=f"{name}_accuracy"),
        Measure(f"{name}_change", change, *ends, measured.n, f"against {len(tested)} records of the test part"),
    )


def stressed(
    predict: Classify,
    frame: pd.DataFrame,
    truth: npt.ArrayLike,
    kind: str,
    *,
    texts: Sequence[str] = (),
    covariates: Sequence[str] = (),
    known_words: Collection[str] = (),
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Stressed:
    """Records of the test part, spoilt in one of KINDS, seeded; their right label stays.

    Needs `predict`, from a frame like `frame` (n rows) to its labels (n,) text; `truth` (n,) text; the columns of
    `frame` that are free text, and those that are other inputs. typos: one letter in each word of four or more is
    dropped, doubled, exchanged with the next or replaced (four in five misspellings are one such slip, Damerau 1964).
    dropped_words: each text of two or more loses one. unseen_words: one word gives way to a made-up one that is not in
    `known_words`, small letters. missing_covariates: one of `covariates` is missing in each record.

    Intervals: of the accuracy as there; of the change the paired bootstrap, as the records are the same. Not assessed
    where there is nothing of that kind to spoil, or the model does not answer.
    """
    check_share(confidence, "the confidence")
    columns = list(covariates if kind == MISSING else texts)
    if kind not in KINDS:
        raise Misused(f"there is no stress of the kind {kind!r}", hint=f"one of {', '.join(KINDS)}")
    if not columns:
        return _not_assessed(kind, len(frame), f"there are no {'covariates' if kind == MISSING else 'texts'}")
    spoilt = frame.copy()
    if kind == MISSING:
        _forget(spoilt, columns, seed)
    else:
        for column in columns:
            spoilt[column] = perturbed(frame[column], kind, seed=seed, known_words=known_words)
    right, plain = paired(truth, predict(frame))
    answered = _answers(predict, spoilt)
    if isinstance(answered, str):
        return _not_assessed(kind, len(frame), answered)
    _, said = paired(right, answered)
    measured = accuracy(right, said, seed=seed, draws=draws, confidence=confidence)
    change = accuracy_difference(right, said, plain, seed=seed, draws=draws, confidence=confidence)
    return Stressed(
        kind,
        replace(measured, name=f"stress_{kind}_accuracy"),
        replace(change, name=f"stress_{kind}_change", note=f"{int((said != plain).sum())} records get another answer"),
    )


def perturbed(texts: Iterable[object], kind: str, *, seed: int = 0, known_words: Collection[str] = ()) -> list[str]:
    """Each text spoilt; equal text, kind and seed give the same, whatever stands before it. What is no text is ""."""
    known = frozenset(known_words)
    spoil: dict[str, Callable[[list[str], random.Random], list[str]]] = {
        "typos": lambda words, chance: [_slip(word, chance) for word in words],
        "dropped_words": _drop,
        "unseen_words": lambda words, chance: _unseen(words, chance, known),
    }
    if kind not in spoil:
        raise Misused(f"there is no stress of texts of the kind {kind!r}", hint=f"one of {', '.join(spoil)}")
    plain = [text if isinstance(text, str) else "" for text in texts]
    return [" ".join(spoil[kind](text.split(), _chance(seed, kind, text))) for text in plain]


def _chance(seed: int, kind: str, text: str) -> random.Random:
    return random.Random(f"{seed}:{kind}:{text}")  # noqa: S311 # nothing here is secret


def _slip(word: str, chance: random.Random) -> str:
    if len(word) < 4:
        return word
    i, kind = chance.randrange(1, len(word) - 1), chance.randrange(4)
    before, letter, after = word[:i], word[i], word[i + 1 :]
    middle = ("", letter * 2, after[0] + letter, chance.choice([c for c in _LETTERS if c != letter.lower()]))[kind]
    return before + middle + (after[1:] if kind == 2 else after)


def _drop(words: list[str], chance: random.Random) -> list[str]:
    if len(words) < 2:
        return words
    gone = chance.randrange(len(words))
    return [*words[:gone], *words[gone + 1 :]]


def _unseen(words: list[str], chance: random.Random, known: frozenset[str]) -> list[str]:
    """Of one word alone nothing would be left: there the made-up one stands beside it."""
    made = _made_up(chance)
    while made in known:
        made += _made_up(chance)
    if len(words) < 2:
        return [*words, made]
    gone = chance.randrange(len(words))
    return [*words[:gone], made, *words[gone + 1 :]]


def _made_up(chance: random.Random) -> str:
    return "".join(chance.choice(letters) for letters in (_CONSONANTS, _VOWELS) * 3)


def _forget(frame: pd.DataFrame, columns: list[str], seed: int) -> None:
    import numpy as np

    which = np.random.default_rng(seed).integers(0, len(columns), len(frame))
    for i, column in enumerate(columns):
        frame[column] = frame[column].where(which != i)


def _answers(predict: Classify, frame: pd.DataFrame) -> npt.ArrayLike | str:
    try:
        return predict(frame)
    except Exception as error:  # noqa: BLE001 # a model of anybody; its words may quote records
        return f"the model does not answer: {type(error).__name__}"


def _not_assessed(kind: str, n: int, why: str) -> Stressed:
    names = (f"stress_{kind}_accuracy", f"stress_{kind}_change")
    return Stressed(kind, *(Measure(name, None, None, None, n, why) for name in names))

"""Text to code: a short text is given a code of a hierarchical nomenclature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.texts import normalised
from towpath_core.errors import Misused

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from towpath.project import Project

_COMMON = 5  # a word counts as known from this many training records on: none can be traced to one record


@dataclass(frozen=True, slots=True)
class Coding:
    name: str = "coding"

    def keys(self, project: Project, records: pd.DataFrame) -> pd.Series[str]:
        return normalised(_text(project, records))

    def baseline(self, project: Project, train: pd.DataFrame, records: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Look it up in the index: the same words in any order, else the most similar entry (token sort ratio)."""
        import numpy as np
        from rapidfuzz import fuzz, process

        codes = train[project.settings.data.target].to_numpy(dtype=object)
        index = [_sorted_words(text) for text in self.keys(project, train)]
        asked = [_sorted_words(text) for text in self.keys(project, records)]
        exact = dict(zip(reversed(index), reversed(codes), strict=True))
        answers = np.array([exact.get(text, "") for text in asked], dtype=object)
        fuzzy = np.flatnonzero(answers == "")
        for chunk in np.array_split(fuzzy, max(1, len(fuzzy) // 500)):
            if len(chunk):
                scores = process.cdist([asked[i] for i in chunk], index, scorer=fuzz.ratio, dtype=np.uint8, workers=-1)
                answers[chunk] = codes[scores.argmax(axis=1)]
        return answers.astype(str)

    def features(
        self, project: Project, records: pd.DataFrame, reference: dict[str, Any] | None = None
    ) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Length in characters and words, and the share of words that are rare or unknown in the training records."""
        import pandas as pd

        words = [text.split() for text in self.keys(project, records)]
        if reference is None:
            counts = pd.Series([_hash(word) for text in words for word in set(text)], dtype=object).value_counts()
            reference = {"known_words": sorted(counts.index[counts >= _COMMON])}
        known = set(reference["known_words"])
        unknown = [sum(_hash(w) not in known for w in text) / len(text) if text else 1.0 for text in words]
        frame = pd.DataFrame(
            {
                "characters": _text(project, records).str.len().astype(float),
                "words": [float(len(text)) for text in words],
                "unknown_words": unknown,
            },
            index=records.index,
        )
        return frame, reference


def _text(project: Project, records: pd.DataFrame) -> pd.Series[str]:
    """All inputs that are text, one after the other, a space between them."""
    columns = [field.name for field in project.settings.data.inputs if field.type == "string"]
    if not columns:
        raise Misused("coding needs an input of type string", hint="mend towpath.yaml, data.inputs")
    first, *more = columns
    text = records[first].fillna("").astype(str)
    for name in more:
        text = text + " " + records[name].fillna("").astype(str)
    return text


def _sorted_words(text: str) -> str:
    return " ".join(sorted(text.split()))


def _hash(word: str) -> str:
    return hashlib.blake2b(word.encode(), digest_size=6).hexdigest()


task = Coding()

"""When two texts say the same."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class _Characters(dict[int, str | None]):
    """Letters, marks and digits stay, invisible format characters go, everything else becomes a space."""

    def __missing__(self, point: int) -> str | None:
        category = unicodedata.category(chr(point))
        kept = chr(point) if category[0] in "LMN" else None if category == "Cf" else " "
        self[point] = kept
        return kept


_CHARACTERS = _Characters()


def normalised(series: pd.Series[str]) -> pd.Series[str]:
    """Each text in NFKC, case folded, punctuation as single spaces, stripped; a missing one is empty. Same index.

    Normalising twice changes nothing, so equal results are an equivalence between texts.
    """
    import pandas as pd

    codes, texts = pd.factorize(series)  # most files repeat their texts; -1 stands for a missing one
    plain = pd.array([*(_normalise(str(text)) for text in texts), ""], dtype="str")
    return pd.Series(plain.take(codes), index=series.index, name=series.name)


def _normalise(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(unicodedata.normalize("NFKC", folded.translate(_CHARACTERS)).split())

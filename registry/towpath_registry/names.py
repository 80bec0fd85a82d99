"""Names that look alike are one name to a person, so they are one name to a guard."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
# Letters of other scripts that cannot be told from Latin ones (Unicode TR 39, those that English level names meet).
_TWINS = str.maketrans("аеорсухіјѕԁһոѵԛԝαοντικρυı", "aeopcyxijsdhnvqwaovtikpui")


def folded(name: str) -> str:
    """What a person reads: compatibility forms and case are folded, spaces and invisible characters are gone."""
    seen = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c for c in seen if unicodedata.category(c) not in _INVISIBLE and not unicodedata.combining(c))
    return kept.translate(_TWINS)


def governed(alias: str, levels: Iterable[str]) -> str | None:
    """The level whose name the alias is, or looks like; None for an alias that is nobody's concern."""
    seen = folded(alias)
    return next((level for level in levels if folded(level) == seen), None)

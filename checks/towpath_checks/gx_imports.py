"""Makes the import of Great Expectations quicker by what no expectation of a suite needs at once.

Great Expectations imports pyspark wherever it is installed (seconds), and scipy.stats and altair for one expectation
and its pictures. With `trimmed` pyspark is hidden, and the other two are loaded when something of them is first used.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LAZY = frozenset({"scipy.stats", "altair"})
HIDDEN = frozenset({"pyspark"})


class _Finder(MetaPathFinder):
    def __init__(self, hidden: frozenset[str]) -> None:
        self._hidden = hidden
        self._looking: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._hidden:
            raise ModuleNotFoundError(f"{fullname} is hidden from Great Expectations", name=fullname)
        if fullname not in LAZY or fullname in self._looking:
            return None
        self._looking.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@contextmanager
def trimmed(*, spark: bool = False) -> Iterator[None]:
    """While Great Expectations is imported, and never longer: who imports these modules later gets them whole."""
    finder = _Finder(frozenset() if spark else HIDDEN)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)

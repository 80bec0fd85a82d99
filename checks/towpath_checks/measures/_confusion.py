"""The table of true and predicted classes, and the bootstrap of what is computed from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    Counts,
    Floats,
    Measure,
    bias_corrected,
    check_share,
    named_at,
    numbered,
    paired,
)

Score = Callable[[Counts, Counts, Counts], Floats]  # hits, true, predicted, each (draws, classes), to (draws,)
_CHUNK = 4_000_000  # numbers drawn at once: bounds the memory at 32 MB


@dataclass(frozen=True, slots=True)
class Confusion:
    """The confusion matrix as its non-empty cells: true class × classes + predicted class, and how many records."""

    cells: Counts
    counts: Counts
    classes: int
    level: int

    @classmethod
    def of(cls, truth: npt.ArrayLike, predicted: npt.ArrayLike, level: int) -> Confusion:
        names, right, said = numbered(*paired(truth, predicted, level=level))
        cells, counts = np.unique(right * len(names) + said, return_counts=True)
        return cls(cells, counts, len(names), level)

    def measure(self, what: str, score: Score, seed: int, draws: int, confidence: float) -> Measure:
        """`score` of the matrix, with its interval, named after `what` at the level; not assessable where it is NaN."""
        check_share(confidence, "the confidence")
        name, n = named_at(what, self.level), int(self.counts.sum())
        hits, true, said = self.tallies(self.counts[None, :])
        value = float(score(hits, true, said)[0])
        if np.isnan(value):
            return Measure(name, None, None, None, n, "not assessable: all records are of one class")
        drawn = self.drawn(score, np.random.default_rng(seed), draws)
        low, high = bias_corrected(drawn[~np.isnan(drawn)], value, confidence)
        single = int((true == 1).sum())
        return Measure(name, value, low, high, n, f"{single} of {self.classes} classes have one record" * bool(single))

    def drawn(self, score: Score, random: np.random.Generator, draws: int) -> Floats:
        """Records drawn with replacement are cells drawn by a multinomial: the same law, fewer numbers. (draws,)"""
        n, step = int(self.counts.sum()), max(1, _CHUNK // len(self.cells))
        sizes = [min(step, draws - start) for start in range(0, draws, step)]
        shares = self.counts / n
        return np.concatenate([score(*self.tallies(random.multinomial(n, shares, size=size))) for size in sizes])

    def tallies(self, counts: Counts) -> tuple[Counts, Counts, Counts]:
        """Hits, true and predicted records by class, each (draws, classes), for `counts` of shape (draws, cells)."""
        true, said = np.divmod(self.cells, self.classes)
        return (
            self._by(np.where(true == said, true, -1), counts),
            self._by(true, counts),
            self._by(said, counts),
        )

    def _by(self, owner: Counts, counts: Counts) -> Counts:
        """Sums of the columns of `counts` by their owner; -1 is nobody."""
        order = np.argsort(owner, kind="stable")
        order = order[owner[order] >= 0]
        total = np.zeros((len(counts), self.classes), dtype=np.int64)
        if len(order):
            present, starts = np.unique(owner[order], return_index=True)
            total[:, present] = np.add.reduceat(counts[:, order], starts, axis=1)
        return total

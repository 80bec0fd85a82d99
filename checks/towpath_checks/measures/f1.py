"""F1 over the classes, each class alike (macro) or by its size (weighted)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import (
    DRAWS,
    Counts,
    Floats,
    Measure,
    at_level,
    bias_corrected,
    check_share,
    paired,
)

_Score = Callable[[Counts, Counts, Counts], Floats]
_CHUNK = 4_000_000  # numbers drawn at once: bounds the memory at 32 MB


def macro_f1(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """The mean over classes of 2 TP / (2 TP + FP + FN), over the classes seen in truth or predicted, both (n,) text.

    The definition is scikit-learn's `f1_score(average="macro", zero_division=0)`. Interval: bootstrap over records with
    Efron's bias correction, as draws miss rare classes; a class that a draw misses does not count in it.
    """
    matrix, suffix = _Matrix.of(truth, predicted, level)
    return matrix.measure("macro_f1" + suffix, _macro, np.random.default_rng(seed), (draws, confidence))


def weighted_f1(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    *,
    level: int = 0,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> Measure:
    """As `macro_f1`, each class weighted by its number of true records (scikit-learn's `average="weighted"`)."""
    matrix, suffix = _Matrix.of(truth, predicted, level)
    return matrix.measure("weighted_f1" + suffix, _weighted, np.random.default_rng(seed), (draws, confidence))


@dataclass(frozen=True, slots=True)
class _Matrix:
    """The confusion matrix as its non-empty cells: true class × classes + predicted class, and how many records."""

    cells: Counts
    counts: Counts
    classes: int

    @classmethod
    def of(cls, truth: npt.ArrayLike, predicted: npt.ArrayLike, level: int) -> tuple[_Matrix, str]:
        """The matrix, and what a measure's name gets at that level."""
        right, said = (at_level(labels, level) for labels in paired(truth, predicted))
        names, codes = np.unique(np.concatenate([right, said]), return_inverse=True)
        cells, counts = np.unique(codes[: len(right)] * len(names) + codes[len(right) :], return_counts=True)
        return cls(cells, counts, len(names)), f"_level_{level}" if level else ""

    def measure(self, name: str, score: _Score, random: np.random.Generator, interval: tuple[int, float]) -> Measure:
        """`score` of the matrix, with the interval from (draws, confidence)."""
        draws, confidence = interval
        n = int(self.counts.sum())
        value = float(score(*self.tallies(self.counts[None, :]))[0])
        low, high = bias_corrected(self.drawn(score, random, draws), value, check_share(confidence, "the confidence"))
        true = self.tallies(self.counts[None, :])[1][0]
        single = int((true == 1).sum())
        return Measure(name, value, low, high, n, f"{single} of {self.classes} classes have one record" * bool(single))

    def drawn(self, score: _Score, random: np.random.Generator, draws: int) -> Floats:
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


def _macro(hits: Counts, true: Counts, said: Counts) -> Floats:
    f1 = _per_class(hits, true, said)
    return np.asarray(f1.sum(axis=1) / (true + said > 0).sum(axis=1), dtype=np.float64)


def _weighted(hits: Counts, true: Counts, said: Counts) -> Floats:
    f1 = _per_class(hits, true, said)
    return np.asarray((f1 * true).sum(axis=1) / true.sum(axis=1), dtype=np.float64)


def _per_class(hits: Counts, true: Counts, said: Counts) -> Floats:
    both = true + said
    f1: Floats = np.divide(2 * hits, both, out=np.zeros(both.shape), where=both > 0)
    return f1

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.dataset import Dataset, plain
from towpath_checks.findings import Finding, Severity
from towpath_checks.texts import normalised

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_BINS = 10
_MOST = 200_000  # values of inputs that are looked at, drawn at random with a fixed seed
_BLOCK = 10  # records beside each other are alike: their mean is one observation
_FEWEST_BLOCKS = 10
_QUANTILE = 6.5  # of Student's t: by chance once in 18,000 tests at 9 degrees of freedom, hardly ever with more


@dataclass(frozen=True, slots=True)
class ShiftedLabels:
    """Labels stand beside their own records: with the label of the row before or after, inputs do not agree better.

    How well they agree is how often a record's words and values come with its label in other records. It is compared on
    the same records by a paired test over blocks of rows, in each of `stretches` equal stretches of the file.
    """

    stretches: int = 8
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        import numpy as np

        subject, expected = "labels and inputs", "the label of its own row agrees best with each record"
        rows, values = _values(data)
        labels = np.unique(plain(data.labels).to_numpy(dtype=object).astype(str), return_inverse=True)[1]
        own, n = _agreement(rows, values, labels, 0), len(labels)
        told, assessed = [], True
        for shift, where in ((1, "after"), (-1, "before")):
            gain = _agreement(rows, values, labels, shift) - own
            gain[labels == np.roll(labels, -shift)] = np.nan  # where both have one label there is nothing to compare
            assessed = assessed and len(_blocks(gain)) >= _FEWEST_BLOCKS
            found = [(a, b, where) for a, b in _bounds(n, self.stretches) if _clearly_positive(gain[a:b])]
            told += found or ([(0, n, where)] if _clearly_positive(gain) else [])
        if not assessed and not told:
            got = "not assessed: too few records beside which another label stands"
            return Finding("shifted_labels", subject, None, got, expected, "warning")
        return Finding(
            "shifted_labels",
            subject,
            not told,
            _told(told) or "the label of its own row",
            expected,
            self.severity,
            sum(last - first for first, last, _ in told),
            len(labels),
        )


def _told(stretches: list[tuple[int, int, str]]) -> str:
    """Neighbouring stretches as one."""
    joined: list[tuple[int, int, str]] = []
    for first, last, where in sorted(stretches, key=lambda s: (s[2], s[0])):
        if joined and joined[-1][1:] == (first, where):
            joined[-1] = (joined[-1][0], last, where)
        else:
            joined.append((first, last, where))
    parts = [f"rows {first + 1:,} to {last:,} agree better with the label of the row {w}" for first, last, w in joined]
    return f"shifted by one row: {'; '.join(parts)}" if parts else ""


def _bounds(n: int, stretches: int) -> list[tuple[int, int]]:
    edges = [n * place // stretches for place in range(stretches + 1)]
    return list(itertools.pairwise(edges))


def _values(data: Dataset) -> tuple[Ints, Ints]:
    """Row and number of each value of each input, both (values,); a text has its words, a number its decile."""
    import numpy as np
    import pandas as pd

    rows, names = [], []
    for name in data.inputs:
        column = data.frame[name].reset_index(drop=True)
        if name in data.texts:
            words = normalised(column.astype(object)).str.split().explode()
            words = words[words.notna() & (words != "")]
        else:
            words = _cells(column)
        rows.append(words.index.to_numpy())
        names.append(name + "=" + words.astype(str))
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    all_rows, numbers = np.concatenate(rows), pd.factorize(pd.concat(names))[0]
    if len(all_rows) > _MOST:
        kept = np.sort(np.random.default_rng(0).choice(len(all_rows), _MOST, replace=False))
        all_rows, numbers = all_rows[kept], numbers[kept]
    return all_rows.astype(np.int64), numbers.astype(np.int64)


def _cells(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    present = column.dropna()
    if present.dtype.kind in "iuf" and present.nunique() > _BINS:
        return pd.qcut(present.rank(method="first"), _BINS, labels=False)
    return present


def _agreement(rows: Ints, values: Ints, labels: Ints, shift: int) -> Floats:
    """Per record, (n,): mean over its values of the share of other records with the value that have the label.

    The label is that of the row `shift` further on; NaN where there is none, or where no value was looked at.
    """
    import numpy as np

    n = len(labels)
    inside = (rows + shift >= 0) & (rows + shift < n)
    rows, values = rows[inside], values[inside]
    beside = labels[rows + shift]
    pairs = values * (labels.max() + 1) + beside
    _, of_pair, both = np.unique(pairs, return_inverse=True, return_counts=True)
    total = np.bincount(values)[values]
    share = (both[of_pair] - 1) / np.maximum(total - 1, 1)  # the record itself does not count
    count = np.bincount(rows, minlength=n)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(rows, weights=share, minlength=n) / np.where(count, count, np.nan))


def _clearly_positive(gain: Floats) -> bool:
    """Student's paired t over the means of blocks of neighbouring records."""
    means = _blocks(gain)
    if len(means) < _FEWEST_BLOCKS:
        return False
    error = means.std(ddof=1) / len(means) ** 0.5
    return bool(means.mean() > 0 and means.mean() > _QUANTILE * error)


def _blocks(gain: Floats) -> Floats:
    """The mean of each block of records that can be compared, (blocks,)."""
    import numpy as np

    gain = gain[np.isfinite(gain)]
    blocks = len(gain) // _BLOCK
    return np.asarray(gain[: blocks * _BLOCK].reshape(blocks, _BLOCK).mean(axis=1)) if blocks else gain[:0]

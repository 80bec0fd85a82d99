"""Has what arrives changed? A profile of the reference, which holds counts only, and the PSI of a frame against it.

PSI = Σ over cells of (q − p) · ln(q / p), with p and q the shares of a cell in the reference and in what arrives
(Jeffreys' divergence). Under no change it is about (1/n + 1/m) · χ²(cells − 1) for n and m records (Yurdakul and
Naranjo 2020), so a small wave has a large PSI by chance alone: only what chance does not explain counts as drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
SMALLEST = 5  # no cell of a profile counts fewer records, but "other" and empty ones
MOST_CATEGORIES = 500
NULL_LEVEL = 0.99
_DRAWS = 2000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """One column's PSI, its 99 % quantile under no change, and whether it passed both that and the limit.

    `n` records arrived; `kind` is number or category.
    """

    name: str
    kind: str
    psi: float
    null_limit: float
    limit: float
    drifted: bool
    n: int


def profile(frame: pd.DataFrame, bins: int = 10) -> dict[str, Any]:
    """Counts by cell for each column, as JSON values: what `compare` needs, and no record's own values.

    A number's cells are its `bins` quantile bins, a value that many share is a cell of its own; a category's cells are
    its values. A cell under five records joins its neighbour or `other`; `missing` None: those few are in `other`.
    Raises: Refused for an empty frame and for a column that is all missing or no category.
    """
    if not len(frame) or not len(frame.columns):
        raise Refused("there are no records to make a profile of")
    columns = {str(name): _column(str(name), frame[name], bins) for name in frame.columns}
    return {"schema": SCHEMA, "records": len(frame), "columns": columns}


def compare(profile: Mapping[str, Any], frame: pd.DataFrame, limit: float = 0.2, *, seed: int = 0) -> list[Drift]:
    """One Drift for each column of the profile, in its order.

    Raises: Refused for an empty frame or one that lacks a column, Misused for what is no profile.
    """
    columns = _columns(profile)
    if not len(frame):
        raise Refused("there are no records to compare with the profile")
    if missing := [name for name in columns if name not in frame.columns]:
        raise Refused(f"the records lack {', '.join(missing)}, which the profile has")
    return [_drift(name, column, frame[name], limit, seed) for name, column in columns.items()]


def shares(profile: Mapping[str, Any], frame: pd.DataFrame, name: str) -> dict[str, tuple[float, float]]:
    """Of one category of the profile: each value's share there and in the frame, then those of `other` and `missing`.

    Raises: as `compare`, and Refused for a column that is no category of the profile.
    """
    column = _columns(profile).get(name)
    if column is None or column.get("kind") != "category" or name not in frame.columns or not len(frame):
        raise Refused(f"{name} is no category of both the profile and the records")
    old = [*column["counts"], column["other"], column["missing"] or 0]
    new = _category_counts(column, frame[name])
    named = [*column["values"], "other", "missing"]
    return {value: (a / sum(old), b / len(frame)) for value, a, b in zip(named, old, new, strict=True) if a or b}


def psi(reference: npt.ArrayLike, counts: npt.ArrayLike) -> float:
    """Of two arrays of counts by cell, (cells,). Raises: Refused for negative counts and where one side has no records.

    An empty cell counts as half a record, or as what the other side has where that is less: it never divides by zero,
    and a cell that is empty because the records are few says nothing.
    """
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    fit = old.shape == new.shape and old.ndim == 1 and np.isfinite(old).all() and np.isfinite(new).all()
    if not fit or (old < 0).any() or (new < 0).any() or not old.sum() > 0 or not new.sum() > 0:
        raise Refused("expected two lists of counts of the same cells, with records on both sides")
    return float(_psi(old[None, :], new[None, :])[0])


def null_limit(reference: npt.ArrayLike, n: int, seed: int = 0) -> float:
    """The 99 % quantile of the PSI of `n` records that come from the reference itself, whose counts are (cells,).

    By the χ² approximation; where a cell expects fewer than five of the n records, by 2,000 seeded draws instead.
    """
    counts = np.asarray(reference, dtype=np.float64)
    counts = counts[counts > 0]
    if len(counts) < 2:
        return 0.0
    total = counts.sum()
    shares = counts / total
    if min(n, total) * shares.min() >= SMALLEST:
        from scipy.special import chdtri

        return float((1 / total + 1 / n) * chdtri(len(counts) - 1, 1 - NULL_LEVEL))
    random = np.random.default_rng(seed)
    old, new = random.multinomial(int(total), shares, size=_DRAWS), random.multinomial(n, shares, size=_DRAWS)
    return float(np.quantile(_psi(old.astype(np.float64), new.astype(np.float64)), NULL_LEVEL))


def _psi(old: Floats, new: Floats) -> Floats:
    """Row by row, for counts of shape (rows, cells)."""
    n, m = old.sum(axis=1, keepdims=True), new.sum(axis=1, keepdims=True)
    p, q = old / n, new / m
    p, q = np.where(old > 0, p, np.minimum(0.5 / n, q)), np.where(new > 0, q, np.minimum(0.5 / m, p))
    terms = (q - p) * np.log(np.divide(q, p, out=np.ones_like(p), where=(p > 0) & (q > 0)))
    return np.asarray(terms.sum(axis=1), dtype=np.float64)


def _drift(name: str, column: Mapping[str, Any], series: pd.Series[Any], limit: float, seed: int) -> Drift:
    try:
        kind = str(column["kind"])
        cells = {"number": _number_counts, "category": _category_counts}[kind](column, series)
        reference = [*column["counts"], column["other"], column["missing"] or 0]
        value, by_chance = psi(reference, cells), null_limit(reference, len(series), seed)
    except (KeyError, TypeError, ValueError) as error:
        raise Misused(
            f"the profile of {name} is broken: {error}", hint="make the profile again: towpath run"
        ) from error
    return Drift(name, kind, value, by_chance, limit, not value <= max(limit, by_chance), len(series))


def _columns(profile: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    columns = profile.get("columns")
    if profile.get("schema") != SCHEMA or not isinstance(columns, dict) or not columns:
        raise Misused(f"this is no profile of schema {SCHEMA}", hint="make the profile again: towpath run")
    return columns


def _column(name: str, series: pd.Series[Any], bins: int) -> dict[str, Any]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    numeric = is_numeric_dtype(series.dtype) and not is_bool_dtype(series.dtype)
    made = _number(series, bins) if numeric else _category(series)
    if not any(made["counts"]):
        raise Refused(f"{name} has no value that {SMALLEST} records share: there is nothing to make a profile of")
    if made["missing"] and made["missing"] < SMALLEST:
        return {**made, "other": made["other"] + made["missing"], "missing": None}
    return made


def _number(series: pd.Series[Any], bins: int) -> dict[str, Any]:
    values = _numbers(series)
    finite = values[np.isfinite(values)]
    if len(finite) < SMALLEST:
        return {
            "kind": "number",
            "edges": [],
            "counts": [0],
            "other": len(finite),
            "missing": int(np.isnan(values).sum()),
        }
    edges = _edges(finite, bins)
    edges, counts = _joined(edges, _between(finite, edges))
    missing = int(np.isnan(values).sum())
    return {
        "kind": "number",
        "edges": edges,
        "counts": counts,
        "other": len(values) - missing - len(finite),
        "missing": missing,
    }


def _edges(finite: Floats, bins: int) -> list[float]:
    """Quantiles; a value that takes more than one of them gets a second edge just below it, so it is its own cell."""
    quantiles = np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1])
    edges, times = np.unique(quantiles, return_counts=True)
    with np.errstate(over="ignore"):  # below the smallest number there is nothing to tell apart
        below = np.nextafter(edges[times > 1], -np.inf)
    return [float(edge) for edge in np.unique([*edges, *below[np.isfinite(below)]])]


def _between(values: Floats, edges: Sequence[float]) -> list[int]:
    """How many lie in each cell (edge before, edge]; counting is quicker than placing each, and leaves out NaN."""
    above = [int(np.count_nonzero(values > edge)) for edge in edges]
    total = int(np.count_nonzero(~np.isnan(values)))
    return [more - less for more, less in zip([total, *above], [*above, 0], strict=True)]


def _joined(edges: list[float], counts: list[int]) -> tuple[list[float], list[int]]:
    """Cells under five join their left neighbour; an empty one at either end stays, to show what falls outside."""
    edges, counts, place = list(edges), list(counts), 0
    while place < len(counts) and len(counts) > 1:
        at_end = place in (0, len(counts) - 1)
        if counts[place] >= SMALLEST or (at_end and not counts[place]):
            place += 1
            continue
        place = max(place - 1, 0)
        counts[place] += counts.pop(place + 1)
        edges.pop(place)
    return edges, counts


def _category(series: pd.Series[Any]) -> dict[str, Any]:
    found = series.value_counts(dropna=True)
    kept = found[found >= SMALLEST].head(MOST_CATEGORIES)
    present = int(found.sum())
    return {
        "kind": "category",
        "values": [str(value) for value in kept.index],
        "counts": [int(count) for count in kept],
        "other": present - int(kept.sum()),
        "missing": len(series) - present,
    }


def _number_counts(column: Mapping[str, Any], series: pd.Series[Any]) -> list[int]:
    values = _numbers(series)
    present, finite = int(series.notna().sum()), values[np.isfinite(values)]
    cells = _between(finite, column["edges"])
    return [*cells, *_rest(column, present - len(finite), len(values) - present)]


def _category_counts(column: Mapping[str, Any], series: pd.Series[Any]) -> list[int]:
    found = series.value_counts(dropna=True)
    by_name: dict[str, int] = {}
    for value, count in found.items():
        by_name[str(value)] = by_name.get(str(value), 0) + int(count)
    cells = [by_name.get(value, 0) for value in column["values"]]
    present = int(found.sum())
    return [*cells, *_rest(column, present - sum(cells), len(series) - present)]


def _rest(column: Mapping[str, Any], other: int, missing: int) -> tuple[int, int]:
    return (other + missing, 0) if column["missing"] is None else (other, missing)


def _numbers(series: pd.Series[Any]) -> Floats:
    """As float64; what is missing or no number becomes NaN."""
    import pandas as pd

    return pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)

"""The door to matplotlib: the plots of a run, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

INK, SECOND, FAINT = "#1f6f8b", "#c8553d", "#9aa5ab"


@contextmanager
def figure(path: Path, title: str, x: str, y: str) -> Iterator[Axes]:
    """Axes to draw on; the PNG is written when the block ends, without dates or versions in it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7, 4.6), dpi=110, layout="constrained")
    axes = drawn.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(color="#e3e7e9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    yield axes
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, metadata={"Software": None})


def automatic_coding(
    path: Path,
    rate: np.ndarray[Any, Any],
    accuracy: np.ndarray[Any, Any],
    point: tuple[float, float] | None,
    target: float,
) -> None:
    """Accuracy of the automatically coded against their rate, shares, shape (k,) each, and the chosen point."""
    with figure(path, "Automatic coding", "automatic coding rate", "accuracy of the automatically coded") as axes:
        axes.plot(rate, accuracy, color=INK, linewidth=2)
        axes.axhline(target, color=FAINT, linestyle="--", linewidth=1)
        axes.annotate(f"target {target:.2f}", (1, target), ha="right", va="bottom", color="#5b666c")
        if point is not None:
            axes.plot(*point, "o", color=SECOND, markersize=9)
            axes.annotate(
                f"threshold: {point[0]:.0%} coded, {point[1]:.1%} right",
                point,
                xytext=(14, 16),
                textcoords="offset points",
                color=SECOND,
            )
        axes.set_xlim(0, 1)


def reliability(
    path: Path, confidence: Sequence[float], accuracy: Sequence[float], counts: Sequence[int], ece: float
) -> None:
    """Mean probability of the first answer against the share that was right, one point for each filled bin."""
    with figure(path, f"Reliability (ECE {ece:.3f})", "probability of the first answer", "share right") as axes:
        axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1)
        total = max(1, sum(counts))
        axes.scatter(confidence, accuracy, s=[30 + 900 * count / total for count in counts], color=INK, alpha=0.85)
        axes.plot(confidence, accuracy, color=INK, linewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1))


def compared_shares(
    path: Path, title: str, names: Sequence[str], reference: Sequence[float], current: Sequence[float]
) -> None:
    """Two distributions over the same names, as paired bars; shares."""
    with figure(path, title, "", "share") as axes:
        places = range(len(names))
        axes.bar([p - 0.2 for p in places], reference, width=0.4, color=FAINT, label="training")
        axes.bar([p + 0.2 for p in places], current, width=0.4, color=INK, label="this wave")
        axes.set_xticks(list(places), list(names), rotation=45 if len(names) > 8 else 0)
        axes.legend(frameon=False)


def over_time(
    path: Path,
    title: str,
    waves: Sequence[str],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    limit: float,
) -> None:
    """One value for each wave with its interval, and the limit that was fixed before."""
    with figure(path, title, "wave", "accuracy") as axes:
        places = list(range(len(waves)))
        errors = [[v - a for v, a in zip(values, low, strict=True)], [b - v for v, b in zip(values, high, strict=True)]]
        axes.errorbar(places, values, yerr=errors, fmt="o-", color=INK, capsize=4)
        axes.axhline(limit, color=SECOND, linestyle="--", linewidth=1, label="limit")
        axes.set_xticks(places, list(waves))
        axes.legend(frameon=False)


def ranked(path: Path, title: str, names: Sequence[str], values: Sequence[float], limits: Sequence[float]) -> None:
    """One bar for each name, the largest on top, with its own limit as a tick; red where the limit is passed."""
    order = sorted(range(len(names)), key=lambda i: values[i])[-25:]
    with figure(path, title, "PSI", "") as axes:
        axes.barh(
            [names[i].replace("_", " ") for i in order],
            [values[i] for i in order],
            color=[SECOND if values[i] > limits[i] else INK for i in order],
        )
        axes.plot([limits[i] for i in order], range(len(order)), "|", color="black", markersize=14, label="limit")
        axes.legend(frameon=False)

"""What every benchmark shares: a figure beside its peer's, and a result file that says where it was measured."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
SUPPORT = str(Path(__file__).parents[1] / "tests" / "support")  # the worlds that the tests are made in
BIN = Path(sys.executable).parent
# No peer is measured while it calls home.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: ours, and the peer's from the same run (None: there is no peer, only a goal).

    `ratio` is ours divided by the peer's; `met` says whether the goal, a sentence, is reached.
    """

    figure: str
    ours: float
    unit: str
    goal: str
    met: bool
    peer: float | None = None
    peer_name: str = ""

    @property
    def ratio(self) -> float | None:
        return round(self.ours / self.peer, 3) if self.peer else None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of repeated runs."""

    minimum: float
    median: float
    runs: int


def interleaved(commands: Mapping[str, Sequence[str]], runs: int, environ: Mapping[str, str]) -> dict[str, Times]:
    """Each command once to warm up (files read, byte code there), then all in turn, `runs` times.

    Taking turns lets a busy second on the machine hit all of them alike.
    """
    took: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            if turn:
                took[name].append(time.perf_counter() - start)
    return {name: Times(min(times), statistics.median(times), runs) for name, times in took.items()}


def publish(name: str, rows: Sequence[Row], packages: Sequence[str], details: Mapping[str, object]) -> None:
    """Print the figures and write results/NAME.json."""
    print(f"{'':4}{'figure':<34}{'ours':>10}{'peer':>10}  {'unit':<6}{'ratio':>7}  peer, goal")
    for row in rows:
        peer = f"{row.peer:.3f}" if row.peer is not None else "–"
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else "–"
        word = "ok" if row.met else "NO"
        about = "; ".join(text for text in (row.peer_name, row.goal) if text)
        print(f"{word:<4}{row.figure:<34}{row.ours:>10.3f}{peer:>10}  {row.unit:<6}{ratio:>7}  {about}")
    content = {
        "benchmark": name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}},
        "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
        **details,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def machine() -> dict[str, object]:
    """What a reader needs to judge the figures, and nothing that names the machine."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _first("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_before": round(_LOAD, 2),
    }


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")


_LOAD = os.getloadavg()[0]

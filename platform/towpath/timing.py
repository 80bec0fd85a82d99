"""How long the packaged model takes on this machine, from a record to its answer, and what energy that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks.measures import Measure
from towpath_core.errors import CouldNot

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project
    from towpath_serve.predictor import Predictor

# The names of what is measured here, after the pipeline: the evaluation leaves limits about them to the run.
SECONDS, P50, P95, ENERGY = "seconds_per_1000_records", "latency_p50_ms", "latency_p95_ms", "energy_wh_per_1000_records"
NAMES = (SECONDS, P50, P95, ENERGY)
BATCHES, SINGLE, BATCH = 10, 300, 1000
_COUNTERS = Path("/sys/class/powercap")
_MOST_SECONDS = 20.0


def timed(project: Project, clock: Callable[[], float] = time.perf_counter) -> list[Measure]:
    """Seconds for 1,000 records (median of ten batches), milliseconds for one (median, 95th percentile), energy.

    Everything that serving does but the network: the records are vetted, answered and told. They are the test part's,
    taken over and over where it has fewer; each answer is made anew. It ends after about 20 seconds of work, with the
    fewer times that there are.
    """
    from towpath import stages
    from towpath_checks.measures.timeliness import quantile_of_times
    from towpath_serve.predictor import Predictor

    predictor = Predictor.open(project.package)
    frame = stages.part_of(project, "test")[project.input_names()]
    records = _records(frame.head(BATCH))
    many = [records[place % len(records)] for place in range(BATCH)]
    predictor.answer(many[:1])
    before = energy_counter()
    batches = _times(predictor, [many] * BATCHES, clock)
    after = energy_counter()
    single = _times(predictor, [[record] for record in many[:SINGLE]], clock)
    return [
        quantile_of_times(SECONDS, batches, 0.5),
        quantile_of_times(P50, single, 0.5, scale=1000),
        quantile_of_times(P95, single, 0.95, scale=1000),
        energy(before, after, len(batches)),
    ]


def energy(before: float | None, after: float | None, thousands: int) -> Measure:
    """Watt-hours for 1,000 records, of the whole processor: what else ran is in it.

    `before` and `after` are joules; not assessed where the machine counts none, or the counter began anew.
    """
    if before is None or after is None or after < before or not thousands:
        note = "this machine has no energy counter that may be read (RAPL)"
        return Measure(ENERGY, None, None, None, 0, note)
    value = (after - before) / 3600 / thousands
    return Measure(ENERGY, value, None, None, thousands, "of the whole processor: an upper bound, without an interval")


def energy_counter(counters: Path = _COUNTERS) -> float | None:
    """Joules that the processors' packages have used since some moment, by Intel's and AMD's RAPL; None: not known."""
    found = sorted(counters.glob("intel-rapl:[0-9]*"))
    packages = [folder for folder in found if folder.name.count(":") == 1]
    try:
        return sum(int((folder / "energy_uj").read_text()) for folder in packages) / 1e6 if packages else None
    except (OSError, ValueError):
        return None


def _times(predictor: Predictor, asked: Sequence[Sequence[Any]], clock: Callable[[], float]) -> list[float]:
    seconds, began = [], clock()
    for records in asked:
        start = clock()
        answers = predictor.answer(records)
        seconds.append(clock() - start)
        if answers and all(answer["decision"] == "rejected" for answer in answers) and len(records) > 1:
            raise CouldNot("the packaged model rejects every test record", hint="mend towpath.yaml, data.inputs")
        if clock() - began > _MOST_SECONDS / 2:
            break
    return seconds


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """As a client would send them: nothing for what is missing."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(plain.columns, row, strict=True)) for row in plain.itertuples(index=False, name=None)]

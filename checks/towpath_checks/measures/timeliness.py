"""How long it takes: to make the model, and to use it. QF4SA asks for both, beside those of the present process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import Measure, check_share
from towpath_core.errors import Misused, Refused

_SECONDS_A_DAY = 86_400


def quantile_of_times(
    name: str, seconds: npt.ArrayLike, share: float, *, scale: float = 1.0, confidence: float = 0.95
) -> Measure:
    """The `share` quantile of measured times, (n,) in seconds, multiplied by `scale`.

    Interval: of order statistics, without any assumption about the distribution (Conover 1999, section 3.2): the ranks
    are binomial quantiles. None where n is too small for the confidence asked.
    Raises: Refused for no times, or for what is no time.
    """
    from scipy.stats import binom

    check_share(share, "the share")
    check_share(confidence, "the confidence")
    times = np.sort(np.asarray(seconds, dtype=np.float64))
    if times.ndim != 1 or not len(times):
        raise Refused("there are no times: nothing to measure")
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise Refused("a time is negative or no number")
    n, value = len(times), float(np.quantile(times, share)) * scale
    low, high = int(binom.ppf((1 - confidence) / 2, n, share)), int(binom.ppf((1 + confidence) / 2, n, share)) + 1
    if low < 1 or high > n:
        return Measure(name, value, None, None, n, f"{n} times are too few for an interval")
    return Measure(name, value, float(times[low - 1]) * scale, float(times[high - 1]) * scale, n)


def development_days(reached: Mapping[str, datetime], start: str, end: str) -> Measure:
    """Days from one stage of the life to another, by the times (with a zone) at which each was first reached.

    Not assessed where one was not reached, or its time is not known. Raises: Misused for an end before the start.
    """
    name = f"days_{start}_to_{end}".replace(" ", "_")
    if missing := [stage for stage in (start, end) if stage not in reached]:
        return Measure(name, None, None, None, 0, f"no time is known for {' and '.join(missing)}")
    days = (reached[end] - reached[start]).total_seconds() / _SECONDS_A_DAY
    if days < 0:
        raise Misused(f"{end} was reached before {start}", hint="mend towpath.yaml, quality.timeliness.started")
    return Measure(name, days, None, None, 1, "two dates: there is no interval")

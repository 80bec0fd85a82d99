"""How many records to audit, and which, before anybody reads one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from towpath_checks.measures._common import Floats
from towpath_checks.measures.misclassification import some_names, stratum_sizes
from towpath_core.errors import Misused


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """How many records to audit in each class, and the standard error of the accuracy that is to be expected of it."""

    allocation: Mapping[str, int]
    expected_error: float

    @property
    def n(self) -> int:
        return sum(self.allocation.values())


def audit_plan(
    sizes: Mapping[str, float],
    users_accuracy: Mapping[str, float] | float,
    standard_error: float,
    *,
    minimum: int = 50,
    finite: bool = True,
) -> AuditPlan:
    """How many to draw so that the overall accuracy has the `standard_error`, and each class at least `minimum`.

    `sizes` as for `corrected_totals`; `users_accuracy`: what share of each class is believed to be right (such as the
    precision in the test part), one for all or one for each. n = (Σ W_h S_h)² / (SE² + Σ W_h S_h² / N), S_h =
    √(U_h (1 − U_h)), is Olofsson et al. 2014, equation 13 (Cochran 1977, 5.25), the last term for a `finite` whole.
    Each class first gets `minimum` (they advise 50 to 100 for rare ones), or all it has; what is left goes by Neyman's
    allocation, N_h S_h. No class is asked for more than it has.
    """
    strata, whole = stratum_sizes(sizes)
    given = users_accuracy if isinstance(users_accuracy, Mapping) else dict.fromkeys(strata, users_accuracy)
    if missing := [name for name in strata if name not in given]:
        raise Misused(f"no accuracy is given for {some_names(missing)}")
    believed = np.array([given[name] for name in strata], dtype=np.float64)
    if not ((believed >= 0) & (believed <= 1)).all() or not standard_error > 0 or minimum < 2:
        raise Misused("expected accuracies from 0 to 1, a standard error above 0, and a minimum of 2 or more")
    weight, spread = whole / whole.sum(), np.sqrt(believed * (1 - believed))
    within = float((weight * spread**2).sum()) / float(whole.sum()) if finite else 0.0
    needed = ceil(float((weight * spread).sum()) ** 2 / (standard_error**2 + within))
    room = np.floor(whole) if finite else np.full(len(strata), np.inf)
    drawn = _allocated(needed, np.minimum(minimum, room), room, weight * spread)
    left = np.clip(1 - drawn / whole, 0, None) if finite else 1.0
    error = sqrt(float((weight**2 * spread**2 * left / np.maximum(drawn - 1, 1)).sum()))
    return AuditPlan({name: int(k) for name, k in zip(strata, drawn, strict=True)}, error)


def _allocated(needed: int, least: Floats, room: Floats, claim: Floats) -> Floats:
    """`least` each, and more by `claim` until `needed` is reached, rounded up, never beyond `room`."""
    drawn = least.copy()
    for _ in range(len(least) + 1):
        free = (drawn < room) & (claim > 0)
        more = needed - drawn.sum()
        if more <= 0 or not free.any():
            break
        fair = np.where(free, claim, 0) / claim[free].sum() * needed
        wanted = np.maximum(fair - drawn, 0)
        drawn = np.minimum(drawn + np.ceil(wanted * more / max(wanted.sum(), 1e-12)), room)
    return drawn

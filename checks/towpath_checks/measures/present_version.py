"""Is the candidate better than the version that is in production, on the same records?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from towpath_checks.measures._common import DRAWS, Measure, check_share, flags, paired, share_with_bootstrap
from towpath_checks.measures.accuracy import accuracy
from towpath_checks.measures.comparison import accuracy_difference, mcnemar_p
from towpath_core.errors import Refused


@dataclass(frozen=True, slots=True)
class AgainstPresent:
    """Accuracy of the present version, gain of the candidate, at each level; p; the share of equal answers."""

    present: tuple[Measure, ...]
    gain: tuple[Measure, ...]
    p: Measure
    same_answer: Measure

    @property
    def measures(self) -> tuple[Measure, ...]:
        return (*self.present, *self.gain, self.p, self.same_answer)


def against_present(
    truth: npt.ArrayLike,
    candidate: npt.ArrayLike,
    present: npt.ArrayLike,
    *,
    levels: Sequence[int] = (),
    seen: npt.ArrayLike | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    confidence: float = 0.95,
) -> AgainstPresent:
    """Both versions on the same records of the test part: `truth`, `candidate`, `present`, all (n,) text.

    Needs an answer of the present version for each record; `seen` (n,) bool marks those that it was trained on, by
    record id in its own split: they are left out, as it would look better than it is. `levels`: prefix lengths, the
    finest last.

    Better is a gain whose interval lies above 0: paired bootstrap (Efron and Tibshirani 1993), beside the exact test of
    McNemar 1947. The accuracies' own intervals, that overlap or not, say nothing about it.

    Raises: Refused where no record is left that the present version has not seen.
    """
    check_share(confidence, "the confidence")
    right, new, old = paired(truth, candidate, present)
    out = np.zeros(len(right), dtype=bool) if seen is None else flags(seen, "the records seen in training")
    if len(out) != len(right):
        raise Refused(f"{len(out)} marks of records seen in training for {len(right)} records")
    if out.all():
        raise Refused("the present version was trained on every record: there is nothing to compare on")
    right, new, old = right[~out], new[~out], old[~out]
    note = f"{int(out.sum())} records that the present version was trained on are left out" if out.any() else ""
    steps = [(level, f"_{level}") for level in levels] or [(0, "")]

    def told(measure: Measure) -> Measure:
        return replace(measure, note="; ".join(part for part in (measure.note, note) if part))

    own = [
        replace(
            accuracy(right, old, level=k, seed=seed, draws=draws, confidence=confidence), name=f"present_accuracy{end}"
        )
        for k, end in steps
    ]
    gain = [
        replace(
            accuracy_difference(right, new, old, level=k, seed=seed, draws=draws, confidence=confidence),
            name=f"gain_over_present{end}",
        )
        for k, end in steps
    ]
    return AgainstPresent(
        tuple(told(measure) for measure in own),
        tuple(told(measure) for measure in gain),
        told(replace(mcnemar_p(right, new, old), name="present_mcnemar_p")),
        told(share_with_bootstrap("same_answer_as_present", new == old, seed, draws, confidence)),
    )

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from towpath_checks.dataset import Dataset
from towpath_checks.findings import Finding, Severity, of_records

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Each record id stands once, no `run` of records stands again in the same order, few records repeat another.

    A record repeats another when all its columns but the record id are equal; `tolerated_share` of all may. Two people
    can give the same answers, so a repeat alone is no fault; a part of a file that was delivered twice is one.
    """

    run: int = 20
    tolerated_share: float = 0.3
    severity: Severity = "error"

    def judge(self, data: Dataset) -> Finding:
        import pandas as pd

        twice = data.frame[data.record_id].reset_index(drop=True).duplicated(keep=False)
        contents = _hashes(data.frame.drop(columns=data.record_id))
        repeats, again = pd.Series(contents).duplicated(), pd.Series(_again(contents, self.run))
        many = bool(repeats.sum() > self.tolerated_share * len(repeats))
        parts = [f"{of_records(int(twice.sum()), len(twice))} share an id"] if twice.any() else []
        parts += [f"{of_records(int(again.sum()), len(again))} are a part that was given twice"] if again.any() else []
        parts.append(f"{of_records(int(repeats.sum()), len(repeats))} repeat another")
        found = twice | again | repeats if many else twice | again
        return Finding(
            "duplicates",
            "records that stand twice",
            not found.any(),
            ", ".join(parts),
            f"each id once, no {self.run} records again, at most {100 * self.tolerated_share:g} % that repeat another",
            self.severity,
            int(found.sum()),
            len(found),
            data.ids(found),
        )


def _hashes(frame: pd.DataFrame) -> Hashes:
    import numpy as np
    import pandas as pd

    if not len(frame.columns):
        return np.arange(len(frame), dtype=np.uint64)
    text = {str(name): _hashable(frame[name]) for name in frame.columns}
    hashes: Hashes = pd.util.hash_pandas_object(pd.DataFrame(text), index=False).to_numpy(dtype=np.uint64)  # type: ignore[assignment]
    return hashes


def _hashable(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.astype("str") if column.dtype == object else column


def _again(contents: Hashes, run: int) -> npt.NDArray[np.bool_]:
    """Which records belong to a run that stood before, shape (n,); a run of records that are much alike is none."""
    import numpy as np
    import pandas as pd

    found = np.zeros(len(contents), dtype=bool)
    starts = len(contents) - run + 1
    if starts < 2:
        return found
    windows = np.zeros(starts, dtype=np.uint64)
    for place in range(run):  # a polynomial in the records' hashes, modulo 2**64
        windows = windows * np.uint64(0x9E3779B97F4A7C15) + contents[place : place + starts]
    for start in np.flatnonzero(pd.Series(windows).duplicated()):
        if not found[start + run - 1] or not found[start]:
            found[start : start + run] |= 2 * len(set(contents[start : start + run].tolist())) >= run
    return found

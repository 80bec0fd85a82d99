"""What is kept of a version of the data, so that the next can be compared with it: counts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from towpath_checks import drift
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    import pandas as pd

    from towpath_checks.dataset import Dataset

SCHEMA = 1
LABEL = "the label"


def profile(
    features: pd.DataFrame, labels: pd.Series[Any], reference: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Counts by cell of features (n rows) and labels (n,), as JSON.

    `reference` is what the task needs to make the features of other records. Raises: as drift.profile does.
    """
    made = drift.profile(_table(features, labels))
    return {"schema": SCHEMA, "features": dict(reference or {}), "profile": made}


def compare(profile: Mapping[str, Any], data: Dataset, limit: float) -> list[drift.Drift]:
    """One for each feature and for the label.

    Raises: Refused without features, and as drift.compare does; Misused for what `profile` did not write.
    """
    if profile.get("schema") != SCHEMA or not isinstance(profile.get("profile"), Mapping):
        raise Misused(f"this is no profile of data of schema {SCHEMA}", hint="make it again: towpath run")
    if data.features is None:
        raise Refused("the task makes no features of these records")
    return drift.compare(profile["profile"], _table(data.features, data.labels), limit)


def _table(features: pd.DataFrame, labels: pd.Series[Any]) -> pd.DataFrame:
    return features.reset_index(drop=True).assign(**{LABEL: labels.reset_index(drop=True)})

"""What is kept of a version of the data, so that the next can be compared with it: counts only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from towpath_checks import drift
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    from towpath_checks.dataset import Dataset

SCHEMA = 1
LABEL = "the label"


def profile(data: Dataset, digest: str, reference: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Counts by cell of features and label, as JSON; `reference` is what the task needs to make the features again.

    Raises: Refused without features, and as drift.profile does.
    """
    if data.features is None:
        raise Refused("the task makes no features of these records")
    table = _table(data)
    return {"schema": SCHEMA, "data": digest, "features": dict(reference or {}), "profile": drift.profile(table)}


def compare(profile: Mapping[str, Any], data: Dataset, limit: float) -> list[drift.Drift]:
    """One for each feature and for the label.

    Raises: Refused without features, and as drift.compare does; Misused for what `profile` did not write.
    """
    if profile.get("schema") != SCHEMA or not isinstance(profile.get("profile"), Mapping):
        raise Misused(f"this is no profile of data of schema {SCHEMA}", hint="make it again: towpath run")
    if data.features is None:
        raise Refused("the task makes no features of these records")
    return drift.compare(profile["profile"], _table(data), limit)


def _table(data: Dataset) -> Any:
    assert data.features is not None
    return data.features.reset_index(drop=True).assign(**{LABEL: data.labels.reset_index(drop=True)})

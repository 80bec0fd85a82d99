"""What the registry adds to a report is shown or said to be missing; nothing of it hides the rest."""

from __future__ import annotations

from datetime import UTC, datetime

from towpath.reporting import _between, _signed
from towpath_registry.nouns import ModelVersion
from towpath_registry.promotion import About


def test_a_start_that_was_declared_too_late_is_said_and_the_report_is_still_read() -> None:
    reached = {"the start": datetime(2027, 1, 15, tzinfo=UTC), "candidate": datetime(2026, 11, 23, tzinfo=UTC)}
    said = _between(reached, "the start", "candidate")
    assert (said.name, said.value) == ("days_the_start_to_candidate", None)
    assert said.note == "candidate was reached before the start"


def test_where_no_policy_tells_who_may_sign_that_is_said() -> None:
    version = ModelVersion("occupation-coder", 1, datetime(2026, 11, 23, tzinfo=UTC), "run", "", "sha256:ab")
    about = About(version, {}, None, note="this server has no policy yet, so nothing may move on it")
    assert _signed(about, b"{}").startswith(
        "Whether somebody signed this report is not known: this server has no policy"
    )

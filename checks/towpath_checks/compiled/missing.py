"""Values that are missing, or must be: these count every record, and have no `missing_count` of their own."""

from __future__ import annotations

from towpath_checks.compiled._nouns import Json
from towpath_checks.compiled.draft import Draft, Finish, Outcome, Read
from towpath_checks.compiled.results import holds_mostly


def not_null(draft: Draft) -> Finish:
    """expect_column_values_to_not_be_null."""
    return _all(draft, f"{draft.column().sql} IS NULL")


def null(draft: Draft) -> Finish:
    """expect_column_values_to_be_null."""
    return _all(draft, f"{draft.column().sql} IS NOT NULL")


def _all(draft: Draft, unexpected: str) -> Finish:
    mostly = draft.mostly
    elements, count = draft.count(), draft.count(unexpected)
    condition = draft.within(unexpected)

    def finish(read: Read) -> Outcome:
        records, found = read[elements], read[count]
        share = found / records * 100 if records else None
        result: Json = {
            "element_count": records,
            "unexpected_count": found,
            "unexpected_percent": share,
            "partial_unexpected_list": [],
        }
        success = not records or holds_mostly(records, found, mostly)
        return Outcome(success, result, condition if found else "")

    return finish


KINDS = {"expect_column_values_to_not_be_null": not_null, "expect_column_values_to_be_null": null}

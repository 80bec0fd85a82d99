"""Expectations that are left to Great Expectations altogether, and why."""

from __future__ import annotations

from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.draft import Draft, Finish

_LIKE = "a LIKE pattern, which Great Expectations has for databases only"
_QUERY = "a query of its own"
REASONS = {
    "expect_column_values_to_match_like_pattern": _LIKE,
    "expect_column_values_to_not_match_like_pattern": _LIKE,
    "expect_column_values_to_match_like_pattern_list": _LIKE,
    "expect_column_values_to_not_match_like_pattern_list": _LIKE,
    "expect_column_kl_divergence_to_be_less_than": "a divergence of distributions",
    "expect_multicolumn_values_to_be_unique": "an expectation that Great Expectations has given up",
    "expect_table_row_count_to_equal_other_table": "another table",
    "expect_query_results_to_match_comparison": _QUERY,
    "unexpected_rows_expectation": _QUERY,
    "expect_column_bootstrapped_ks_test_p_value_to_be_greater_than": "a test by drawing at random",
    "expect_column_parameterized_distribution_ks_test_p_value_to_be_greater_than": "a test of distributions",
    "expect_column_chisquare_test_p_value_to_be_greater_than": "a test of distributions",
    "expect_column_pair_cramers_phi_value_to_be_less_than": "a test of distributions",
}


def refused(draft: Draft) -> Finish:
    """Refuse, and say why."""
    raise Refuse(REASONS.get(draft.kind, "an expectation that is not Great Expectations' own"))


KINDS = dict.fromkeys(REASONS, refused)

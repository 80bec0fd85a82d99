from __future__ import annotations

import pytest

from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused, TowpathError


@pytest.mark.parametrize(
    ("kind", "code"), [(Refused, 1), (Misused, 2), (CouldNot, 3), (NotFound, 3), (Mismatch, 5), (TowpathError, 3)]
)
def test_each_kind_of_error_ends_a_process_with_its_own_code(kind: type[TowpathError], code: int) -> None:
    assert kind("why").exit_code == code


def test_an_error_says_what_happened_and_what_to_type_next() -> None:
    error = NotFound("there is no model churn", hint="towpath list")
    assert (str(error), error.message, error.hint) == (
        "there is no model churn",
        "there is no model churn",
        "towpath list",
    )


def test_not_found_is_a_way_of_could_not() -> None:
    with pytest.raises(CouldNot):
        raise NotFound("gone")

"""What names a person: found by its form and check digits, told by kind and count."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks import identifiers
from towpath_checks.identifier_forms import FORMS, SUSPECT, Form

# Specimens from the authorities' own pages and the standards: none was given to a person.
SPECIMENS = {
    "GB82 WEST 1234 5698 7654 32": "an IBAN",
    "DE89370400440532013000": "an IBAN",
    "NO9386011117947": "an IBAN",
    "jane.doe@statistics.example": "an e-mail address",
    "+47 22 12 34 56": "a telephone number",
    "0171 1234567": "a telephone number",
    "(617) 555-0123": "a telephone number",
    "2 55 08 14 168 025 38": "a national number (FR)",
    "86095742719": "a national number (DE)",
    "12345678Z": "a national number (ES)",
    "X-1234567-L": "a national number (ES)",
    "RSSMRA85T10A562S": "a national number (IT)",
    "44051401359": "a national number (PL)",
    "151086 95088": "a national number (NO)",
    "811218-9876": "a national number (SE)",
    "131052-308T": "a national number (FI)",
    "111222333": "a national number (NL)",
    "85.07.30-033.28": "a national number (BE)",
    "756.9217.0769.85": "a national number (CH)",
    "078-05-1120": "a national number (US)",
    "AB 12 34 56 C": "a national number (GB)",
}


@pytest.mark.parametrize("text", SPECIMENS)
@pytest.mark.parametrize("around", ["{}", "baker, {}", "call {} please", "({})", "{}."])
def test_a_specimen_is_found_for_what_it_is_wherever_it_stands(text: str, around: str) -> None:
    assert identifiers.kind_of(around.format(text)) == SPECIMENS[text]
    assert [found.kind for found in identifiers.found(pd.Series([around.format(text)]))] == [SPECIMENS[text]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "baker",
        "a1 jobcentre plus",
        "2019-05-01",
        "2019-05-01 10:30:00",
        "01.05.2019 10:30",
        "01/05/2019",
        "28,516",
        "0111",
        "00017",
        "12.5 % of 1,000,000",
        "base@home",
        "GB82 WEST 1234 5698 7654 33",  # and of each, another last sign
        "86095742718",
        "12345678A",
        "44051401358",
        "151086 95087",
        "811218-9875",
        "131052-308U",
        "111222334",
        "756.9217.0769.84",
        "RSSMRA85T10A562T",
        "000-12-3456",
    ],
)
def test_other_texts_and_wrong_check_digits_are_no_identifiers(text: str) -> None:
    assert identifiers.kind_of(text) == ""


@given(st.text() | st.text(alphabet="0123456789 ()+-./@ABXYZae", max_size=24))
def test_one_text_and_a_column_of_it_are_answered_alike(text: str) -> None:
    """The quick first look over a column leaves nothing out."""
    kind = identifiers.kind_of(text)
    assert [found.kind for found in identifiers.found(pd.Series([text]))][:1] == ([kind] if kind else [])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.kind)
@given(chance=st.data())
def test_the_first_look_over_a_column_leaves_no_form_out(form: Form, chance: st.DataObject) -> None:
    text = chance.draw(st.from_regex(form.pattern.pattern, alphabet=st.characters(codec="ascii")))
    assert re.search(SUSPECT, text, re.ASCII) or not identifiers.kind_of(text)


def test_a_column_is_counted_by_kind() -> None:
    column = pd.Series(["baker", "jane@doe.example", None, "jane@doe.example", "GB82WEST12345698765432"])
    assert [(f.kind, f.count) for f in identifiers.found(column)] == [("an e-mail address", 2), ("an IBAN", 1)]


@pytest.mark.parametrize("numbers", [[44051401359], [44051401359.0, None]])
def test_numbers_are_looked_at_as_text(numbers: list[float | None]) -> None:
    assert [f.kind for f in identifiers.found(pd.Series(numbers))] == ["a national number (PL)"]


def test_serial_numbers_that_meet_a_check_digit_are_explained_by_chance() -> None:
    serial = pd.Series([str(number) for number in range(410_000_000, 410_002_000)])
    (found,) = identifiers.found(serial)
    assert found.kind == "a national number (NL)"
    assert found.explained_by_chance
    assert 100 < found.count < 300


def test_one_identifier_in_a_column_of_texts_is_not_explained_by_chance() -> None:
    (found,) = identifiers.found(pd.Series(["baker"] * 999 + ["born with 111222333"]))
    assert (found.count, found.explained_by_chance) == (1, False)


def test_ids_that_could_name_a_person_are_told_as_rows() -> None:
    assert identifiers.shown(["a1", "a2"], [3, 17]) == ("a1", "a2")
    assert identifiers.shown(["a1", "44051401359"], [3, 17]) == ("row 3", "row 17")
    assert identifiers.shown(["jane doe"], [17], declared=True) == ("row 17",)

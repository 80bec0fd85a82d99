"""What a person takes for one name is one name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_registry import names, verify_towpath_ledger
from towpath_registry.names import folded, governed, readings

LEVELS = ("staging", "production")
odd = st.text(
    st.sampled_from("maiMAI mіаＭᴍ\u0301\u200b\ufe0f\u034f\u3164\u2800ΜΝνнНрाराम") | st.characters(), max_size=12
)
# Letters of capital and small shape, each a sign that MLflow takes in the name of an alias.
SHAPED = [
    "Production", "PRODUCTION", "ｐroduction", "𝓹roduction", "prоduсtiоn", "PRODUCТION", "РRODUCTION",
    "productiοn", "PRODUCTIOΝ", "productıon", "prօduction", "produᴄtion", "ᴘroduction", "ꓑroduction",
    "proᏧuction", "pгoduction", "productioո", "ᴘʀᴏᴅᴜᴄᴛɪᴏɴ", "prodυction",
]  # fmt: skip
BLANKS = "\u00ad\u034f\u115f\u1160\u17b4\u180b\u180e\u200b\u2060\u2800\u3164\ufe0f\uffa0\U000e0070\U000e0101 \t\n"


@pytest.mark.parametrize("alias", SHAPED)
def test_a_name_in_letters_of_the_same_shape_is_the_level(alias: str) -> None:
    assert governed(alias, LEVELS) == "production"


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
@pytest.mark.parametrize("at", [0, 3, 10])
def test_a_sign_that_nobody_sees_makes_no_other_name(blank: str, at: int) -> None:
    alias = "production"[:at] + blank + "production"[at:]
    assert governed(alias, LEVELS) == "production"
    assert folded(alias) == "production"
    assert folded(blank * 3) == ""


@pytest.mark.parametrize(
    "alias", ["", "free", "products", "prod", "продукт", "παραγωγή", "उत्पादन", "生产", "challenger"]
)
def test_other_names_are_nobodys_concern(alias: str) -> None:
    assert governed(alias, LEVELS) is None


def test_names_that_differ_in_a_vowel_sign_are_two() -> None:
    assert folded("राम") != folded("रम")


@given(odd)
def test_a_name_reads_the_same_in_capital_letters_and_composed(name: str) -> None:
    assert folded(name) in readings(name)
    assert folded(unicodedata.normalize("NFC", name)) == folded(name)


@given(odd)
def test_the_standalone_verifier_reads_names_as_the_registry_does(name: str) -> None:
    assert verify_towpath_ledger.folded(name) == names.folded(name)

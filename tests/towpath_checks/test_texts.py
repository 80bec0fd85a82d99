"""When two texts say the same."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks.texts import normalised


def one(text: object) -> str:
    return normalised(pd.Series([text], dtype=object)).iloc[0]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Chef,  pastry ", "chef pastry"),
        ("air-marshal", "air marshal"),
        ("Straße", "strasse"),
        ("ＦＵＬＬ width", "full width"),
        ("ﬁsh monger", "fish monger"),
        ("coor\u00addinator", "coordinator"),
        ("zero\u200bwidth", "zerowidth"),
        ("ΐ", "ΐ"),
        ("नमस्ते", "नमस्ते"),
        ("C++ / C#", "c c"),
        ("--- !!", ""),
        ("grade 3½", "grade 31 2"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_what_a_text_becomes(text: object, plain: str) -> None:
    assert one(text) == plain


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert one(one(text)) == one(text)


@given(st.text())
def test_case_blanks_and_punctuation_do_not_matter(text: str) -> None:
    assert one(f"  {text} .") == one(text) == one(text.replace(" ", " - "))


@given(st.lists(st.one_of(st.none(), st.text(max_size=4))))
def test_every_record_keeps_its_place(texts: list[str | None]) -> None:
    series = pd.Series(texts, index=range(100, 100 + len(texts)), dtype=object)
    got = normalised(series)
    assert got.index.tolist() == series.index.tolist()
    assert got.tolist() == [one(text) for text in texts]

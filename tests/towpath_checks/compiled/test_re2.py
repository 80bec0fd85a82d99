"""Regular expressions for RE2: what is translated matches what pandas matches, and what is not is named."""

from __future__ import annotations

import random
import re

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from towpath_checks.compiled._nouns import Refuse
from towpath_checks.compiled.re2 import translate

LETTERS = [
    *"aAbBkKzZ019_- .,;:()[]{}'\"\\/@#\t\n\r\v\f",
    *("é", "É", "ß", "ſ", "İ", "ı", "\u212a", "٣", "Ⅷ", "文", "\u00a0", "\u2028", "\x1c", "😀"),
]
TRANSLATED = [
    *("", "^a", "a$", r"^\d+$", r"\w", r"\W", r"\s", r"\S+$", r"^[a-z]{1,3}$", ".", "^$", "(?i)a", "(?i)k", "(?i)ß"),
    *("[^a]", "9$|^b", "(?:^a$|^[0-9]+$)", "(a|b$)", "(?s).+", "a.b", "^.$", "a|", "(?:ab)+", "(a|b)(?P<name>k)"),
    *(r"[\d.-]+", r"[^\d]", r"[^\s]", r"\.\$", r"\D", "a{2,}?", r"\Aa", r"a\Z", r"[\w.]+@[\w.]+", r"^[A-Z]{2}[0-9]{2}"),
    *("(?i)[a-k]", r"\u00e9", "[é-文]", "[]a]", "a*"),
]
PYTHON = [r"a(?=b)", r"(?<!a)b", r"(.)\1", r"\bk", r"\Bk", r"[^\W\d]", r"a$\n", r"(?i)\bk", r"(?i)\w$", r"(?:a$)?b"]
REFUSED = ["(", r"\p{L}", "a++", "(?>a)", "(?m)^a$", "(?i:a)", "a{1001}", "(?x) a", "\ud800"]


@pytest.fixture(scope="module")
def texts() -> pd.Series:
    chance = random.Random(20)
    return pd.Series(["".join(chance.choices(LETTERS, k=chance.randint(0, 6))) for _ in range(2_000)], dtype="str")


@pytest.mark.filterwarnings("ignore:This pattern is interpreted")
@pytest.mark.parametrize("pattern", TRANSLATED)
def test_re2_matches_what_pandas_matches(pattern: str, texts: pd.Series) -> None:
    said = translate(pattern)
    assert said.re2
    asked = texts if said.newlines else texts[~texts.str.contains("\n", regex=False)]
    connection = duckdb.connect()
    connection.register("texts", pa.table({"x": pa.array(asked, pa.string())}))
    query = f"SELECT regexp_matches(x, '{said.re2}') FROM texts"
    assert [row[0] for row in connection.execute(query).fetchall()] == asked.str.contains(pattern).tolist()


@pytest.mark.filterwarnings("ignore:This pattern is interpreted")
@pytest.mark.parametrize("pattern", PYTHON)
def test_python_judges_what_pandas_asks_it_about(pattern: str, texts: pd.Series) -> None:
    assert translate(pattern).python
    for some in (texts, texts[texts.map(str.isascii)], texts[~texts.str.contains("\n", regex=False)]):
        assert (
            some.map(lambda text: re.search(pattern, text) is not None).tolist() == some.str.contains(pattern).tolist()
        )


@pytest.mark.parametrize("pattern", REFUSED)
def test_what_neither_judges_alike_is_refused(pattern: str) -> None:
    with pytest.raises(Refuse, match="a regular expression"):
        translate(pattern)

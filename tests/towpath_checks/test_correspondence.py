from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath_checks import correspondence
from towpath_checks.correspondence import Correspondence
from towpath_core.errors import Misused, NotFound

TABLE = """from_code,to_code,from_version,to_version
0111,0112,2010,2020
0221,0300,2010,2020
0222,0300,2010,2020
0400,0401,2010,2020
0400,0402,2010,2020
0500,,2010,2020
"""


def read(folder: Path, text: str) -> Correspondence:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return correspondence.read(folder / "table.csv")


def test_each_code_has_a_kind(tmp_path: Path) -> None:
    table = read(tmp_path, TABLE)
    kinds = {code: table.kind(code) for code in ("0111", "0221", "0222", "0400", "0500", "0999", "")}
    assert list(kinds.values()) == ["1:1", "n:1", "n:1", "1:n", "1:0", "unknown", "missing"]
    assert (table.new("0111"), table.new("0222")) == ("0112", "0300")
    assert (table.from_version, table.to_version) == ("2010", "2020")


@pytest.mark.parametrize("code", ["0400", "0500", "0999", ""])
def test_nothing_is_recoded_where_a_person_must_decide(tmp_path: Path, code: str) -> None:
    with pytest.raises(KeyError):
        read(tmp_path, TABLE).new(code)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), min_size=1, unique=True))
def test_only_codes_with_one_new_code_are_recoded(rows: list[tuple[str, str]]) -> None:
    text = "from_code,to_code\n" + "".join(f"{old},{new}\n" for old, new in rows)
    with tempfile.TemporaryDirectory() as folder:
        table = read(Path(folder), text)
    for old in "abcd":
        new = [to for code, to in rows if code == old]
        others = {code for code, to in rows if to in new} - {old}
        expected = "unknown" if not new else "1:n" if len(new) > 1 else "n:1" if others else "1:1"
        assert table.kind(old) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("old,new\n1,2\n", "table.csv has no column from_code, to_code"),
        ("from_code,to_code\n", "table.csv has no line"),
        ("from_code,to_code\n1,2\n1,2\n", "line 3: the code 1 leads there twice"),
        ("from_code,to_code\n1,2\n1,\n", "the code 1 leads nowhere and somewhere"),
        ("from_code,to_code\n,2\n", "line 2: expected a from_code"),
        ("from_code,to_code\n1\n", "line 2: expected a from_code"),
        ("from_code,to_code\n1,2,3\n", "line 2: expected a from_code"),
        ("from_code,to_code,to_version\n1,2,a\n2,3,b\n", "to_version has 2 values, expected one"),
    ],
)
def test_what_is_no_table_is_told_by_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(Misused, match=told):
        read(tmp_path, text)


def test_a_table_that_is_missing_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no correspondence table table\.csv"):
        correspondence.read(tmp_path / "table.csv")
    (tmp_path / "table.csv").write_bytes(b"from_code,to_code\n\xff,1\n")
    with pytest.raises(Misused, match="no CSV file in UTF-8"):
        correspondence.read(tmp_path / "table.csv")

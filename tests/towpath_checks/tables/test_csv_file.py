"""A CSV file is read as pandas reads it as text, or refused where cells are missing or too many."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from towpath_checks.tables import open_table
from towpath_core.errors import Refused

CELLS = st.text("ab01 ,\"\n;é☃\u2028\u0085'\\#-.", max_size=6) | st.sampled_from(["NA", "007", "null", "1e3"])
ROWS = st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=6))


def as_pandas_reads(path: Path) -> pd.DataFrame:
    with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
        frame: pd.DataFrame = pd.read_csv(path, index_col=False, dtype=str, keep_default_na=False, na_values=[""])
        return frame


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.booleans())
def test_what_was_written_is_read_as_pandas_reads_it(
    tmp_path: Path, rows: list[list[str]], end: str, quoting: int, marked: bool
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerows([[f"column {place}" for place in range(len(rows[0]))], *rows])
    path = tmp_path / "a.csv"
    path.write_bytes(text.getvalue().encode("utf-8-sig" if marked else "utf-8"))
    with open_table(path) as table:
        pd.testing.assert_frame_equal(table.frame(), as_pandas_reads(path))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from('ab,\n"'), max_size=20))
def test_any_text_is_read_as_pandas_reads_it_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"one,two\n{text}".encode())
    try:
        with open_table(path) as table:
            found = table.frame()
    except Refused:
        return
    pd.testing.assert_frame_equal(found, as_pandas_reads(path), check_dtype=bool(len(found)))


def test_a_column_without_a_name_is_called_as_pandas_calls_it(tmp_path: Path) -> None:
    pd.DataFrame({"code": ["0111", "0222"]}).to_csv(tmp_path / "a.csv")
    with open_table(tmp_path / "a.csv") as table:
        pd.testing.assert_frame_equal(table.frame(), as_pandas_reads(tmp_path / "a.csv"))
        assert table.names == ("Unnamed: 0", "code")


def test_a_quotation_mark_inside_a_cell_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('size,part\n5" wide,pipe\n')
    with open_table(tmp_path / "a.csv") as table:
        assert table.frame()["size"].tolist() == ['5" wide']

"""Files of records: every record is there, the broken ones too."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath.record_files import kind, reading, writing
from towpath_core.errors import CouldNot, Misused


def read(path: Path, *columns: str, delimiter: str = ",") -> tuple[list[list[object]], list[str], list[str]]:
    """The columns, where each record stands, and what is wrong with its line."""
    with reading(path, delimiter) as reader:
        chunks = list(reader.chunks(columns))
    columns_ = [[value for chunk in chunks for value in chunk.columns[name]] for name in columns]
    return columns_, [w for chunk in chunks for w in chunk.where], [f for chunk in chunks for f in chunk.faults]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


def test_every_column_of_csv_is_text(path: Path) -> None:
    path.write_text("\ufeffcode,n\n0111,1.50\n, NA \n")
    assert read(path, "n", "code") == ([["1.50", " NA "], ["0111", ""]], ["line 2", "line 3"], ["", ""])


def test_texts_may_have_commas_quotes_and_line_breaks(path: Path) -> None:
    path.write_bytes(b'a,b\r\n"x, ""y""\r\nz",1\r\n5" pipe,2\r\n6" pipe,3\r\n')
    columns, where, faults = read(path, "a", "b")
    assert columns == [['x, "y"\r\nz', '5" pipe', '6" pipe'], ["1", "2", "3"]]
    assert where == ["line 2", "line 4", "line 5"]
    assert faults == ["", "", ""]


def test_a_broken_line_takes_no_other_with_it(path: Path) -> None:
    lines = [b"a,b", b"1,2", b"1", b"1,2,3", b"", b"\xff,2", b'"1"x,2', b'"open,2', b"3,4", b'5,"6"', b'7,"8', b"9,10"]
    path.write_bytes(b"\n".join(lines))
    columns, where, faults = read(path, "a")
    assert columns == [["1", None, None, None, None, None, None, "3", "5", None, "9"]]
    assert where == [f"line {number}" for number in range(2, 13)]
    assert faults == [
        "",
        "the line is of 1 fields, expected 2",
        "the line is of 3 fields, expected 2",
        "the line is empty",
        "the line is not UTF-8 text",
        "the line is no CSV: ',' expected after '\"'",
        "the line is open: a quote is never closed",
        "",
        "",
        "the line is open: a quote is never closed",
        "",
    ]


def test_a_quote_that_stays_open_ends_after_a_hundred_lines(path: Path) -> None:
    path.write_text('a,b\n"open,2\n' + "1,2\n" * 5000)
    columns, _, faults = read(path, "b")
    assert columns == [[None, *["2"] * 5000]]
    assert [fault for fault in faults if fault] == ["the line is open: a quote is never closed"]


def test_a_line_that_is_too_long_is_one_broken_record(path: Path) -> None:
    path.write_bytes(b"a\n" + b"x" * (3 << 20) + b"\nlast\n")
    columns, where, faults = read(path, "a")
    assert (columns, where) == ([[None, "last"]], ["line 2", "line 3"])
    assert faults == ["the line is longer than 1048576 bytes", ""]


def test_many_records_come_in_pieces(path: Path) -> None:
    path.write_text("a\n" + "".join(f"{number}\n" for number in range(12_001)))
    with reading(path) as reader:
        sizes = [len(chunk.where) for chunk in reader.chunks(["a"])]
    assert sizes == [5000, 5000, 2001]


def test_another_delimiter_can_be_named(path: Path) -> None:
    path.write_text("a;b\n1,5;2\n")
    assert read(path, "a", delimiter=";")[0] == [["1,5"]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"a,a\n1,2\n", "has two columns of one name"),
        ("a\n".encode("utf-16"), "the first line of .* is not UTF-8 text"),
        (b'"a\n', "the first line of .* is open"),
    ],
)
def test_a_file_without_a_good_first_line_is_refused(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(Misused, match=told):
        read(path)


def test_a_packed_file_that_breaks_off_is_said(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    packed = gzip.compress(b"a\n" + bytes(range(48, 57)) * 5000)
    path.write_bytes(packed)
    assert len(read(path, "a")[1]) == 1
    path.write_bytes(packed[:-20])
    with pytest.raises(CouldNot, match="breaks off, or is not packed with gzip"):
        read(path, "a")
    path.write_bytes(b"a,b\n")
    with pytest.raises(CouldNot, match="breaks off, or is not packed with gzip"):
        read(path, "a")


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    code = pa.array(["01", None, "01"]).dictionary_encode()
    pq.write_table(pa.table({"n": [1, 2, None], "d": [Decimal("1.5"), None, None], "code": code}), path)
    assert read(path, "code", "n", "d") == (
        [["01", None, "01"], [1, 2, None], [1.5, None, None]],
        ["row 1", "row 2", "row 3"],
        ["", "", ""],
    )


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(Misused, match="is no Parquet file"):
        read(path)


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_a_missing_file_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(CouldNot, match="No such file"):
        read(tmp_path / name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert kind(tmp_path / "A.CSV.GZ") == ".csv.gz"
    with pytest.raises(Misused, match=r"in\.xlsx is no kind of file"):
        kind(tmp_path / "in.xlsx")


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_what_was_written_can_be_read(tmp_path: Path, name: str) -> None:
    moment = datetime(2026, 3, 31, tzinfo=UTC)
    with writing(tmp_path / name, kind(tmp_path / name), {"a": "text", "n": "number", "t": "time"}) as writer:
        writer.write({"n": [0.1, None], "a": ["01", 'x,"y'], "t": [moment, moment]})
        writer.write({"a": [None], "n": [2.0], "t": [None]})

    (a, n), where, _ = read(tmp_path / name, "a", "n")

    assert a[:2] == ["01", 'x,"y']
    assert [float(str(value)) if value else None for value in n] == [0.1, None, 2.0]
    assert len(where) == 3

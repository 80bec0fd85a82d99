"""Tables wherever they lie: read as they are, or refused with the cause named, and none of their content told."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath_checks.tables import Table, open_table
from towpath_core.errors import Misused, NotFound, Refused, TowpathError

CANARY = "jane canary doe"
RECORDS = pd.DataFrame(
    {
        "record_id": ["007", "008", "009"],
        "age": [1.5, np.nan, 3.0],
        "text": [CANARY, None, "chef, pastry"],
    }
)


def in_duckdb(frame: pd.DataFrame, path: Path) -> str:
    with duckdb.connect(str(path)) as base:
        base.register("frame", frame)
        base.execute("CREATE SCHEMA wave; CREATE TABLE wave.records AS SELECT * FROM frame")
    return f"{path}::wave.records"


def written(folder: Path, kind: str) -> str:
    path = folder / f"records.{kind}"
    if kind == "duckdb":
        return in_duckdb(RECORDS, path)
    if kind == "parquet":
        RECORDS.to_parquet(path)
    elif kind in ("arrow", "feather"):
        RECORDS.to_feather(path)
    else:
        RECORDS.to_csv(path, index=False)
    return str(path)


KINDS = ("parquet", "arrow", "feather", "csv", "csv.gz", "duckdb")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_holds_the_same_records(tmp_path: Path, kind: str) -> None:
    with open_table(written(tmp_path, kind), numbers=("age",)) as table:
        assert table.names == ("record_id", "age", "text")
        assert table.rows == 3
        assert table.columns["age"] == "DOUBLE"
        assert table.odd_numbers() == ((), 0)
        pd.testing.assert_frame_equal(table.frame(), RECORDS)
        pd.testing.assert_frame_equal(table.frame(["text"]), RECORDS[["text"]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_the_digest_of_its_bytes_and_a_database_has_none(tmp_path: Path, kind: str) -> None:
    address = written(tmp_path, kind)
    with open_table(address) as table:
        assert (table.digest is None) == (kind == "duckdb")
    if kind != "duckdb":
        Path(address).write_bytes(Path(address).read_bytes() + b" ")
        assert open_table(address).digest != table.digest


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_beside_the_data_and_the_scratch_is_gone(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    address = written(tmp_path, kind)
    before = {path: path.read_bytes() for path in tmp_path.glob("records*")}
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with open_table(address) as table:
        table.frame()
        assert len(list(scratch.iterdir())) == 1
    assert not list(scratch.iterdir())
    assert {path: path.read_bytes() for path in tmp_path.glob("records*")} == before


def test_several_files_and_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, rows in (("b", RECORDS.tail(1)), ("a", RECORDS.head(2))):
        rows.to_parquet(tmp_path / f"{name}.parquet")
    with open_table(tmp_path) as table:
        pd.testing.assert_frame_equal(table.frame(), RECORDS)
    with open_table(f"{tmp_path / 'a.parquet'};{tmp_path / 'b.parquet'}") as both:
        assert both.rows == 3
        assert both.shown == "a.parquet, b.parquet"
        assert both.digest == table.digest


@pytest.mark.parametrize("twin", ["code", "CODE"])
def test_a_parquet_file_with_two_columns_of_one_name_is_named_as_such(tmp_path: Path, twin: str) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["code", twin])
    pq.write_table(table, tmp_path / "a.parquet")
    asks: list[Callable[[Table], object]] = [lambda t: t.names, lambda t: t.rows, lambda t: t.frame()]
    for ask in asks:
        with open_table(tmp_path / "a.parquet") as opened, pytest.raises(Refused, match="1 and 2 have the same name"):
            ask(opened)


def test_an_empty_file_of_several_is_named(tmp_path: Path) -> None:
    RECORDS.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").touch()
    with open_table(tmp_path) as table, pytest.raises(Refused, match=r"the file b\.parquet is empty"):
        _ = table.rows


def test_a_folder_has_its_own_name_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RECORDS.to_parquet(tmp_path / "a.parquet")
    monkeypatch.chdir(tmp_path)
    assert open_table(".").shown == tmp_path.name


def test_what_gives_its_bytes_only_once_or_without_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(Misused, match=rf"{name} is a pipe or a device"):
            open_table(tmp_path / name)


def test_files_of_different_columns_are_no_table(tmp_path: Path) -> None:
    RECORDS.to_parquet(tmp_path / "a.parquet")
    RECORDS.assign(age="old").to_parquet(tmp_path / "b.parquet")
    with open_table(tmp_path) as table, pytest.raises(Refused, match="b.parquet has other columns, or other types"):
        table.frame()


def test_a_folder_whose_name_holds_a_value_gives_the_files_in_it_no_column(tmp_path: Path) -> None:
    files = [tmp_path / name / "a.parquet" for name in ("year=2025", "year=unknown")]
    for file in files:
        file.parent.mkdir()
        RECORDS.to_parquet(file)
    with open_table(";".join(map(str, files))) as table:
        assert table.names == ("record_id", "age", "text")
        assert table.rows == 6


def test_an_index_that_pandas_wrote_is_no_column_unless_it_has_a_name(tmp_path: Path) -> None:
    RECORDS.iloc[[2, 0]].to_parquet(tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet") as table:
        assert table.names == ("record_id", "age", "text")
        assert list(table.frame()["record_id"]) == ["009", "007"]
        assert list(table.frame().index) == [0, 1]
    RECORDS.set_index("record_id").to_parquet(tmp_path / "b.parquet")
    with open_table(tmp_path / "b.parquet") as table:
        assert table.names == ("age", "text", "record_id")
        assert list(table.frame()["record_id"]) == ["007", "008", "009"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_number_that_is_none_is_missing_and_counted(tmp_path: Path, kind: str) -> None:
    ages = ["1", "many", "inf", "1e999", " 2.5 ", "-.5", "1_000", "0x10", "nan", None, "+3E2"]
    frame = pd.DataFrame({"age": ages, "other": ["x"] * len(ages)})
    path = tmp_path / f"a.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    with open_table(path, numbers=("age", "absent")) as table:
        assert table.odd_numbers() == (("age",), 6)
        expected = [1, None, None, None, 2.5, -0.5, None, None, None, None, 300]
        assert [None if value != value else value for value in table.frame()["age"]] == expected  # noqa: PLR0124
        assert table.columns == {"age": "DOUBLE", "other": "VARCHAR"}


def test_an_infinite_number_is_counted(tmp_path: Path) -> None:
    pd.DataFrame({"age": [1.0, np.inf, np.nan]}).to_parquet(tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet", numbers=("age",)) as table:
        assert table.odd_numbers() == (("age",), 1)


def test_a_column_without_any_value_is_known(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [None, None], "b": [np.nan, np.nan], "c": [np.nan, 1], "d": [pd.NaT, pd.NaT]})
    frame.to_parquet(tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet") as table:
        assert table.all_missing([*frame.columns, "absent"]) == {"a", "b", "d"}
    pq.write_table(pa.table({"x": [float("nan")] * 2, "y": [float("nan"), 1.0]}), tmp_path / "b.parquet")
    with open_table(tmp_path / "b.parquet") as table:
        assert table.all_missing(["x", "y"]) == {"x"}


def test_not_a_number_is_missing_whatever_the_files_statistics_say(tmp_path: Path) -> None:
    """DuckDB 2.0.0 finds no NaN in such a file (duckdb issue 25521) unless it is told not to trust statistics."""
    pq.write_table(pa.table({"x": [1.0, float("nan"), 3.0]}), tmp_path / "a.parquet")
    with open_table(tmp_path / "a.parquet") as table:
        query = f"SELECT count(*) FROM {table.relation().sql} WHERE isnan(x)"
        assert table.connection.execute(query).fetchall() == [(1,)]


# What DuckDB may do


def test_the_connection_opens_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with open_table(written(tmp_path, "parquet")) as table:
        for query in (
            f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            "INSTALL httpfs",
            "LOAD postgres",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                table.connection.execute(query)
    assert not (tmp_path / "out.csv").exists()


def test_a_duckdb_file_is_not_written(tmp_path: Path) -> None:
    with open_table(written(tmp_path, "duckdb")) as table:
        assert table.rows == 3
        with pytest.raises(duckdb.Error):
            table.connection.execute(f"DELETE FROM {table.relation().sql}")


def test_what_does_not_fit_in_memory_goes_to_the_scratch(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [f"{number * 7919 % 1_000_003:064d}" for number in range(300_000)]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    with open_table(tmp_path / "a.csv", memory="60MB") as table:
        query = f"SELECT count(DISTINCT text) FROM {table.relation().sql}"
        assert table.connection.execute(query).fetchall() == [(300_000,)]


# What cannot be read


def gz(content: str) -> bytes:
    return gzip.compress(content.encode())


GOOD = "record_id,text\n1,baker\n2,chef\n"
BROKEN: list[tuple[str, bytes, str]] = [
    ("a.csv", b"", "the file is empty"),
    ("a.csv", b"\n\n", "the file is empty"),
    ("a.csv.gz", gz(""), "the file is empty"),
    ("a.parquet", b"", "the file is empty"),
    ("a.feather", b"", "the file is empty"),
    ("a.csv", (GOOD + "3,a,b\n").encode(), "the lines have different numbers of cells"),
    ("a.csv", (GOOD + "3\n").encode(), "the lines have different numbers of cells"),
    ("a.csv", (GOOD + '3,"open\n').encode(), "a quotation mark is not closed"),
    ("a.csv.gz", b"", "the file is empty"),
    ("a.csv", GOOD.encode() + b"3,caf\xe9\n", "not UTF-8 text (byte 35)"),
    ("a.csv", GOOD.encode("utf-16"), "not UTF-8 text (byte 0)"),
    ("a.csv.gz", gz(GOOD)[:-12], "no whole gzip file"),
    ("a.csv.gz", gz(GOOD * 9999)[:-20], "no whole gzip file"),
    ("a.csv.gz", GOOD.encode(), "no whole gzip file"),
    ("a.parquet", b"PAR1 and no more", "no whole Parquet file"),
    ("a.feather", b"ARROW1 and no more", "no whole Arrow file"),
    ("a.csv", b"a,b,A\n1,2,3\n", "columns 1 and 3 have the same name, or one that differs by case only"),
]


@pytest.mark.parametrize(("name", "content", "told"), BROKEN)
def test_what_is_no_whole_table_is_refused_with_the_cause(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    asks: list[Callable[[Table], object]] = [lambda t: t.rows, lambda t: t.frame(), lambda t: t.relation()]
    for ask in asks:
        with open_table(tmp_path / name) as table, pytest.raises(Refused) as refused:
            ask(table)
        assert told in refused.value.message


def told(path: Path) -> str:
    try:
        with open_table(path) as table:
            table.frame()
            table.all_missing(table.names)
    except TowpathError as error:
        return error.message + error.hint
    return ""


@pytest.mark.parametrize("kind", ["parquet", "feather", "csv.gz"])
def test_a_file_that_was_cut_or_changed_is_refused_or_read_and_never_told(tmp_path: Path, kind: str) -> None:
    """A changed byte may leave a table behind; what is told is never its content, and never another error."""
    frame = pd.concat([RECORDS] * 50, ignore_index=True)
    path = tmp_path / f"a.{kind}"
    writers: dict[str, Callable[[Path], object]] = {"parquet": frame.to_parquet, "feather": frame.to_feather}
    writers.get(kind, frame.to_csv)(path)
    whole = path.read_bytes()
    random = np.random.default_rng(1)
    for place in random.integers(0, len(whole), 12):
        changed = bytearray(whole)
        changed[place] ^= 255
        for content in (whole[:place], bytes(changed)):
            path.write_bytes(content)
            assert "canary" not in told(path)


def test_a_missing_column_is_told_with_the_delimiter_that_hides_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("record_id;text\n1;a, b\n")
    with open_table(tmp_path / "a.csv") as table, pytest.raises(Refused) as refused:
        table.require(["text"])
    assert refused.value.message == "no column text; its cells are separated by semicolons, expected commas"


def test_a_header_that_is_data_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{CANARY},{CANARY}\n1,2\n")
    with open_table(tmp_path / "a.csv") as table, pytest.raises(Refused) as refused:
        table.require(["text"])
    assert "canary" not in str(refused.value)


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as missing:
        open_table(tmp_path / "new.csv", shown="data/new.csv")
    assert missing.value.message == "there is no file data/new.csv"
    (tmp_path / "new.csv.dvc").touch()
    with pytest.raises(NotFound) as missing:
        open_table(tmp_path / "new.csv")
    assert missing.value.hint == "dvc pull"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("", "no table is named"),
        ("a.xlsx", "a.xlsx is no table"),
        ("empty", "empty holds no Parquet files"),
        ("parted", "parted is partitioned"),
        ("base.duckdb::", "base.duckdb:: names no table"),
        ("mysql://host/db::t", "mysql:// is no database that can be read"),
        ("postgresql://host/db", "names no table"),
        ("postgresql://me:secret@host/db::t", "holds a password"),
        ("postgresql://host/db?password=secret::t", "holds a password"),
        ("postgresql://host/db?options=-crole%3Dadmin::t", "sets options"),
    ],
)
def test_an_address_that_is_none_is_told_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.xlsx", "base.duckdb"):
        Path(name).write_bytes(b"x")
    Path("empty").mkdir()
    Path("parted/year=2026").mkdir(parents=True)
    RECORDS.to_parquet("parted/year=2026/a.parquet")
    with pytest.raises(Misused) as misused:
        open_table(address)
    assert told in misused.value.message
    assert "secret" not in misused.value.message + misused.value.hint


def test_a_duckdb_file_that_is_none_or_has_no_such_table_is_refused(tmp_path: Path) -> None:
    address = written(tmp_path, "duckdb")
    people = address.replace("wave.records", "wave.people")
    with open_table(people) as table, pytest.raises(Refused, match=r"no table wave\.people in records\.duckdb"):
        _ = table.rows
    (tmp_path / "b.duckdb").write_bytes(b"something else")
    with open_table(f"{tmp_path / 'b.duckdb'}::t") as table, pytest.raises(Refused, match="no DuckDB file"):
        _ = table.rows
    with pytest.raises(NotFound, match=r"there is no file c\.duckdb"):
        open_table(tmp_path / "c.duckdb::t")


def test_opening_reads_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing whole")
    assert open_table(tmp_path / "a.parquet").shown == "a.parquet"

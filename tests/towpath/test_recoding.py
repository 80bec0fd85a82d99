"""A revision of the nomenclature: every record in exactly one file, exact counts, nothing recoded across 1:n."""

from __future__ import annotations

import csv
import gzip
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.recoding import Order, Summary, recode
from towpath_checks.correspondence import Correspondence
from towpath_core.errors import CouldNot, Misused, Refused

TABLE = Correspondence(
    {"0110": ("0111",), "0220": ("0222",), "0221": ("0222",), "0400": ("0401", "0402"), "0500": (), "0900": ("0900",)},
    frozenset({"0222"}),
    "2010",
    "2020",
)
CODES = ["0110", "0220", "0221", "0400", "0500", "0900", "0777", "", "0110"]


def order(folder: Path, ending: str = ".csv", **more: Any) -> Order:
    made = Order(folder / f"in{ending}", folder / f"out{ending}", folder / f"relabel{ending}", "code")
    return replace(made, **more)


def write(path: Path, text: str) -> None:
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


def lines(path: Path) -> list[dict[str, str]]:
    with (gzip.open if path.name.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def done(asked: Order, table: Correspondence = TABLE) -> Summary:
    return recode(asked, table, lambda _line: None)


def records(codes: list[str] = CODES) -> str:
    return "id,text,code\n" + "".join(f'{i:02d},"a, b",{code}\n' for i, code in enumerate(codes))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_each_record_goes_to_one_of_two_files(tmp_path: Path, ending: str) -> None:
    asked = order(tmp_path, ending)
    write(asked.source, records())
    summary = done(asked)
    assert {kind: n for kind, n in summary.counts.items() if n} == {
        "1:1": 3, "n:1": 2, "1:n": 1, "1:0": 1, "unknown": 1, "missing": 1,
    }  # fmt: skip
    assert [(row["id"], row["code"]) for row in lines(asked.output)] == [
        ("00", "0111"), ("01", "0222"), ("02", "0222"), ("05", "0900"), ("08", "0111"),
    ]  # fmt: skip
    assert [
        (row["id"], row["code"], row["relabel_reason"], row["relabel_candidates"]) for row in lines(asked.relabel)
    ] == [
        ("03", "0400", "1:n", "0401 0402"),
        ("04", "0500", "1:0", ""),
        ("06", "0777", "unknown", ""),
        ("07", "", "missing", ""),
    ]
    assert {row["text"] for row in lines(asked.output)} == {"a, b"}
    assert (summary.records, summary.written, summary.to_relabel, summary.unknown_codes()) == (9, 5, 4, ("0777",))


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    asked = order(tmp_path, ".parquet")
    frame = pd.DataFrame({"id": range(9), "code": pd.Categorical(CODES), "share": [0.5] * 8 + [None]})
    frame["when"] = pd.Timestamp("2026-11-23", tz="UTC")
    frame.to_parquet(asked.source)
    assert done(asked).written == 5
    before, after, aside = (pq.read_schema(path) for path in (asked.source, asked.output, asked.relabel))
    assert [after.field(name).type for name in ("id", "share", "when")] == [
        before.field(name).type for name in ("id", "share", "when")
    ]
    assert after.field("code").type == pa.string()
    assert aside.names == [*after.names, "relabel_reason", "relabel_candidates"]
    assert list(pd.read_parquet(asked.output)["id"]) == [0, 1, 2, 5, 8]


def test_a_version_that_is_known_keeps_the_new_ones_from_being_recoded_again(tmp_path: Path) -> None:
    asked = order(tmp_path, version_column="version")
    rows = ["0110,2010", "0110,2020", "0400,2020", "0400,2010", "0110,1990", "0110,"]
    write(asked.source, "code,version\n" + "\n".join(rows) + "\n")
    summary = done(asked)
    assert [tuple(row.values()) for row in lines(asked.output)] == [
        ("0111", "2020"), ("0110", "2020"), ("0400", "2020"),
    ]  # fmt: skip
    assert [row["relabel_reason"] for row in lines(asked.relabel)] == ["1:n", "other version", "other version"]
    assert (summary.counts["current"], summary.recoded) == (2, 1)
    again = replace(asked, source=asked.output, output=tmp_path / "again.csv", relabel=tmp_path / "none.csv")
    assert done(again).counts["current"] == 3
    assert again.output.read_bytes() == asked.output.read_bytes()


def test_another_version_than_the_tables_is_refused(tmp_path: Path) -> None:
    asked = order(tmp_path, version_column="version", to_version="2025")
    write(asked.source, "code,version\n0110,2010\n")
    with pytest.raises(Refused, match="the table leads to 2020, not to 2025"):
        done(asked)
    assert nothing(tmp_path)


def test_versions_without_one_to_compare_with_are_refused(tmp_path: Path) -> None:
    asked = order(tmp_path, version_column="version")
    write(asked.source, "code,version\n0110,2010\n")
    with pytest.raises(Refused, match="version says the version of each label, and nobody the new one"):
        done(asked, replace(TABLE, to_version=""))
    assert done(replace(asked, to_version="2020"), replace(TABLE, to_version="")).recoded == 1


@given(st.lists(st.sampled_from(sorted({*CODES, "x"})), min_size=1, max_size=40))
def test_the_counts_are_those_of_a_plain_count(codes: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked = order(Path(folder))
        write(asked.source, records(codes))
        summary = done(asked)
        kept, aside = lines(asked.output), lines(asked.relabel)
    assert summary.counts == {kind: sum(TABLE.kind(code) == kind for code in codes) for kind in summary.counts}
    assert sorted(row["id"] for row in [*kept, *aside]) == [f"{i:02d}" for i in range(len(codes))]
    assert all(len(TABLE.codes[codes[int(row["id"])]]) == 1 for row in kept)
    assert all(row["code"] == codes[int(row["id"])] for row in aside)


def nothing(folder: Path) -> bool:
    return sorted(path.name.partition(".")[0] for path in folder.iterdir()) == ["in"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,text\n1,a\n", "has no column code"),
        ("id,code\n1,0110\n2\n", "line 3: the line is of 1 fields, expected 2"),
        ("code\n", "has no records"),
        ("code,relabel_reason\n0110,\n", "has a column relabel_reason of its own"),
    ],
)
def test_what_cannot_be_recoded_leaves_no_file(tmp_path: Path, text: str, told: str) -> None:
    asked = order(tmp_path)
    write(asked.source, text)
    with pytest.raises(Refused, match=told):
        done(asked)
    assert nothing(tmp_path)


def test_codes_that_are_numbers_are_refused(tmp_path: Path) -> None:
    asked = order(tmp_path, ".parquet")
    pd.DataFrame({"code": [110, 220]}).to_parquet(asked.source)
    with pytest.raises(Refused, match="code is stored as int64, not as text"):
        done(asked)
    assert nothing(tmp_path)


def test_a_file_that_breaks_off_leaves_none(tmp_path: Path) -> None:
    asked = order(tmp_path, ".csv.gz")
    write(asked.source, records())
    asked.source.write_bytes(asked.source.read_bytes()[:-12])
    with pytest.raises(CouldNot, match="breaks off"):
        done(asked)
    assert nothing(tmp_path)


def test_files_are_three_of_one_kind_and_none_is_replaced_unasked(tmp_path: Path) -> None:
    asked = order(tmp_path)
    write(asked.source, records())
    with pytest.raises(Misused, match="must be three files"):
        done(replace(asked, relabel=asked.output))
    with pytest.raises(Misused, match=r"in\.csv is there already"):
        done(replace(asked, output=asked.source))
    with pytest.raises(Misused, match=r"--relabel: r\.parquet is of another kind than in\.csv"):
        done(replace(asked, relabel=tmp_path / "r.parquet"))
    done(asked)
    with pytest.raises(Misused, match=r"out\.csv is there already"):
        done(asked)
    assert done(replace(asked, force=True)).written == 5


def test_the_correspondence_table_is_never_replaced(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    asked = order(tmp_path, table=table, force=True)
    write(asked.source, records())
    write(table, "from_code,to_code\n0110,0111\n")
    (tmp_path / "link.csv").symlink_to(table)
    for wrong in (replace(asked, output=table), replace(asked, relabel=tmp_path / "link.csv")):
        with pytest.raises(Misused, match=r"table\.csv is the correspondence table, which is only read"):
            done(wrong)
    assert table.read_text() == "from_code,to_code\n0110,0111\n"


def test_a_text_that_strayed_into_the_label_is_not_told(tmp_path: Path) -> None:
    asked = order(tmp_path)
    write(asked.source, "code\n0110\njane canary doe\n0778\n")
    assert done(asked).unknown_codes() == ("0778",)

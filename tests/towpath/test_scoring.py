"""Files in, answers out."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from towpath.scoring import Order, Summary, check, score
from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Misused, Refused
from towpath_serve.predictor import Predictor

NOW = datetime(2026, 3, 31, 8, 5, tzinfo=UTC)
REF = "occupation-coder/1"


@pytest.fixture(scope="module")
def predictor(packaged: Path) -> Predictor:
    return Predictor.open(packaged, version=REF)


def scored(predictor: Predictor, source: Path, target: Path, **more: Any) -> tuple[Summary, list[str]]:
    """The summary, and what was said meanwhile."""
    said: list[str] = []
    order = Order(source, target, **more)
    check(order)
    return score(predictor, order, say=said.append, clock=lambda: NOW), said


def rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    return list(csv.DictReader((gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()))


def test_every_record_is_answered_in_its_place(predictor: Predictor, packaged: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(
        "record_id,text,other\n007,kitchen cook,x\n008,,y\n009,school teacher,z\nbroken\n010,astronaut,q\n"
    )

    summary, said = scored(predictor, source, target)

    found = rows(target)
    assert [row["record_id"] for row in found] == ["007", "008", "009", "", "010"]
    assert [row["row"] for row in found] == ["1", "2", "3", "4", "5"]
    assert [row["label"] for row in found][:4] == ["5434", "", "2314", ""]
    assert [row["decision"] for row in found] == ["auto", "rejected", "auto", "rejected", "review"]
    assert [row["reason"] for row in found] == ["", "text: empty", "", "the line is of 1 fields, expected 3", ""]
    assert found[0]["model"] == REF
    assert found[0]["model_digest"] == dir_hash(packaged)
    assert found[0]["scored_at"] == "2026-03-31T08:05:00.000000Z"
    assert found[0]["threshold"] == "0.7"
    assert (summary.records, summary.auto, summary.review, summary.rejected) == (5, 2, 1, 2)
    assert said == [
        "rejected: line 3 (record 008): text: empty",
        "rejected: line 5: the line is of 1 fields, expected 3",
    ]
    assert summary.problems == [line.removeprefix("rejected: ") for line in said]


def test_the_answers_are_the_ones_of_the_server(predictor: Predictor, tmp_path: Path) -> None:
    texts = [f"{word} assistant {number}" for number, word in enumerate(["kitchen", "school", "care", "other"] * 3)]
    (tmp_path / "in.csv").write_text("text\n" + "".join(f"{text}\n" for text in texts))

    scored(predictor, tmp_path / "in.csv", tmp_path / "out.csv")

    for row, answer in zip(
        rows(tmp_path / "out.csv"), predictor.answer([{"text": text} for text in texts]), strict=True
    ):
        assert (row["label"], float(row["probability"])) == (answer["label"], answer["probability"])
        assert [row["top_1"], row["top_2"]] == [item["label"] for item in answer["top"]]
        assert [float(row["p_1"]), float(row["p_2"])] == [item["probability"] for item in answer["top"]]


@pytest.mark.parametrize("source", ["in.csv", "in.csv.gz", "in.parquet"])
@pytest.mark.parametrize("target", ["out.csv", "out.csv.gz", "out.parquet"])
def test_the_kind_of_file_changes_nothing(predictor: Predictor, tmp_path: Path, source: str, target: str) -> None:
    texts = ["kitchen cook", None, "school teacher"]
    if source == "in.parquet":
        pq.write_table(pa.table({"text": texts, "record_id": [1, 2, 3]}), tmp_path / source)
    else:
        lines = "text,record_id\n" + "".join(f"{text or ''},{number + 1}\n" for number, text in enumerate(texts))
        content = lines.encode()
        (tmp_path / source).write_bytes(gzip.compress(content) if source.endswith("gz") else content)

    scored(predictor, tmp_path / source, tmp_path / target)

    if target == "out.parquet":
        table = pq.read_table(tmp_path / target)
        assert table.schema.field("row").type == pa.int64()
        assert table.schema.field("p_1").type == pa.float64()
        assert table["scored_at"][0].as_py() == NOW
        found = table.to_pylist()
    else:
        found = [{key: value or None for key, value in row.items()} for row in rows(tmp_path / target)]
    assert [row["record_id"] for row in found] == ["1", "2", "3"]
    assert [row["label"] for row in found] == ["5434", None, "2314"]
    assert found[1]["decision"] == "rejected"


def test_more_records_than_one_piece_keep_their_order(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_text("record_id,text\n" + "".join(f"{number},cook\n" for number in range(11_000)))

    summary, _ = scored(predictor, source, target)

    found = pq.read_table(target)
    assert found["record_id"].to_pylist() == [str(number) for number in range(11_000)]
    assert found["row"].to_pylist() == list(range(1, 11_001))
    assert summary.records == 11_000


def test_few_of_many_problems_are_told_and_all_are_written(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text,n\ncook,1\n" + ",1\n" * 500)

    summary, said = scored(predictor, source, target)

    assert summary.rejected == 500
    assert len(summary.problems) == len(said) == 20
    assert sum(row["decision"] == "rejected" for row in rows(target)) == 500


@pytest.mark.parametrize(
    ("content", "told", "hint"),
    [
        ("id,txt\n1,cook\n", "has no column text; it has id, txt", "name the columns"),
        ("id;text\n1;cook\n", "has no column text; it has id;text", "--delimiter ';'"),
        ("id\ttext\n1\tcook\n", "has no column text", "--delimiter $'\\t'"),
        ("text\n", "holds no records", ""),
        ("", "is empty", ""),
    ],
)
def test_a_file_that_lacks_what_is_needed_is_refused(
    predictor: Predictor, tmp_path: Path, content: str, told: str, hint: str
) -> None:
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(Misused, match=told) as no:
        scored(predictor, tmp_path / "in.csv", tmp_path / "out.csv")
    assert hint in no.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_file_of_which_nothing_can_be_answered_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "in.parquet")
    with pytest.raises(Refused, match="none of the 2 records could be answered; row 1: text: expected a text"):
        scored(predictor, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_strict_writes_all_or_nothing(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text,n\ncook,1\n,2\n")
    with pytest.raises(Refused, match="1 of 2 records were rejected, so nothing was written"):
        scored(predictor, source, target, strict=True)
    assert not target.exists()
    source.write_text("text\ncook\n")
    assert scored(predictor, source, target, strict=True)[0].records == 1


def test_what_is_there_is_kept(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\ncook\n")
    target.write_text("precious")
    with pytest.raises(Misused, match="is there already") as no:
        scored(predictor, source, target)
    assert "--force" in no.value.hint
    assert target.read_text() == "precious"
    scored(predictor, source, target, force=True)
    assert rows(target)[0]["label"] == "5434"
    with pytest.raises(Misused, match="is the file to read"):
        scored(predictor, source, source, force=True)


def test_a_source_that_breaks_off_leaves_nothing(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(gzip.compress(b"text\n" + b"".join(b"cook %d\n" % n for n in range(20_000)))[:-50])
    with pytest.raises(CouldNot, match="breaks off"):
        scored(predictor, source, target)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv.gz"]


def test_another_column_can_name_the_records(predictor: Predictor, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("case;text\nA-1;cook\n")
    scored(predictor, source, target, record_id="case", delimiter=";")
    assert rows(target)[0]["record_id"] == "A-1"

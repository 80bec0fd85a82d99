"""`towpath recode`, as a person calls it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import plain_project

if TYPE_CHECKING:
    from tests.conftest import Towpath

pytestmark = pytest.mark.slow
FILES = ("--correspondence", "table.csv", "--output", "out.csv", "--relabel", "people.csv")
SETTINGS = {
    **plain_project.SETTINGS,
    "data": {**plain_project.DATA, "raw": "raw.csv", "label_version": "coded_with"},
    "nomenclature": {"name": "SOC", "version": "2020", "file": "soc.csv"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text("code,coded_with\n0110,2010\n0400,2010\n0110,2020\n0999,2010\n")
    (tmp_path / "table.csv").write_text("from_code,to_code\n0110,0111\n0400,0401\n0400,0402\n")
    return tmp_path


def test_records_are_recoded_or_put_aside_and_counted(towpath: Towpath, folder: Path) -> None:
    done = towpath("recode", "in.csv", *FILES, "--column", "code")
    assert (folder / "out.csv").read_text() == "code,coded_with\n0111,2010\n0111,2020\n"
    assert "2        1:1      recoded, one code to one" in done.out
    assert "2 records in out.csv, 2 in people.csv\n1 unknown codes, such as 0999\n" in done.out


def test_in_a_project_the_columns_and_the_version_are_known(towpath: Towpath, folder: Path) -> None:
    (folder / "towpath.yaml").write_text(yaml.safe_dump(SETTINGS))
    done = towpath("recode", "in.csv", *FILES, "--json", "--quiet")
    assert done.json["counts"] == {
        "current": 1, "1:1": 1, "n:1": 0, "1:n": 1, "1:0": 0, "unknown": 1, "missing": 0, "other version": 0,
    }  # fmt: skip
    assert done.json["output"] == {"file": "out.csv", "records": 2}
    assert done.json["split_codes"] == {"0400": 1}
    assert done.json["unknown_codes"] == {"different": 1, "examples": ["0999"]}
    assert (folder / "out.csv").read_text() == "code,coded_with\n0111,2020\n0110,2020\n"


def test_the_correspondence_table_is_no_place_for_records(towpath: Towpath, folder: Path) -> None:
    before = (folder / "table.csv").read_bytes()
    files = ("--correspondence", "table.csv", "--output", "table.csv", "--relabel", "people.csv", "--force")
    assert (
        "table.csv is the correspondence table" in towpath("recode", "in.csv", *files, "--column", "code", code=2).err
    )
    assert (folder / "table.csv").read_bytes() == before


def test_outside_a_project_the_column_must_be_said(towpath: Towpath, folder: Path) -> None:
    assert "which column has the labels?" in towpath("recode", "in.csv", *FILES, code=2).err
    assert not (folder / "out.csv").exists()

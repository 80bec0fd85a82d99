"""The starter data, one fault at a time: each is caught, and named for what it is; the clean data raise nothing."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
import yaml

from towpath import checking, git, meanings, scaffold
from towpath import project as projects
from towpath.project import Project
from towpath_checks.findings import Finding
from towpath_checks.texts import normalised

pytestmark = pytest.mark.slow
Change = Callable[[pd.DataFrame], pd.DataFrame]
CANARY = "jane.canary@doe.example"
DECLARED = {
    "group": "household",
    "period": "month",
    "domains": ["region"],
    "label_source": "coded_by",
    "label_version": "coded_with",
    "identifiers": ["phone"],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A project of each template, with its data prepared; copy it before you change it."""
    folder = tmp_path_factory.mktemp("made")
    return {name: _prepared(name, folder / name) for name in ("coding", "tabular")}


def _prepared(template: str, folder: Path) -> Path:
    shelf = scaffold.shelf()
    scaffold.scaffold(scaffold.find(template, shelf), "starter", {}, folder=folder, ask=False)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", *sys.path])}
    subprocess.run([sys.executable, "-m", "starter.prepare"], cwd=folder, env=environ, check=True)
    return folder


@pytest.fixture
def coding(made: dict[str, Path], tmp_path: Path) -> Project:
    return _copied(made["coding"], tmp_path / "coding")


@pytest.fixture
def tabular(made: dict[str, Path], tmp_path: Path) -> Project:
    return _copied(made["tabular"], tmp_path / "tabular")


def _copied(source: Path, folder: Path) -> Project:
    shutil.copytree(source, folder, symlinks=True)
    return projects.load(folder)


def declared(project: Project, **rules: Any) -> Project:
    """The project with all that may be said of its columns, and the columns; every record beyond reproach."""
    path = project.path("towpath.yaml")
    content = yaml.load(path.read_text(), yaml.BaseLoader)
    settings = yaml.safe_load(path.read_text())
    settings["nomenclature"]["version"] = content["nomenclature"]["version"]
    settings["data"] |= DECLARED
    settings["checks"]["rules"] |= {"freshness": {"within_days": 10_000}, **rules}
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    frame = pd.read_parquet(project.prepared)
    n = np.arange(len(frame))
    frame["household"] = [f"h{i}" for i in n // 2]
    frame["month"] = [f"20{10 + i * 10 // len(n):02d}-{1 + i % 12:02d}" for i in n]
    frame["region"] = np.array(["north", "south", "east"])[n % 3]
    frame["coded_by"] = np.array(["human", "double_human", "arbiter"])[n % 3]
    frame["coded_with"] = settings["nomenclature"]["version"]
    frame["phone"] = [f"+44 1632 {i:06d}" for i in n]
    frame.to_parquet(project.prepared)
    return projects.load(project.root)


def told(project: Project, change: Change) -> dict[str, Finding]:
    """What the rules and expectations say of the prepared records, changed."""
    frame = pd.read_parquet(project.prepared)
    change(frame).to_parquet(project.prepared)
    findings = checking.check(project, project.prepared).report.findings
    return {finding.gate: finding for finding in findings if finding.passed is False}


def at(column: str, values: dict[int, Any]) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[list(values)], column] = list(values.values())
        return frame

    return change


def all_of(column: str, value: Any) -> Change:
    return lambda frame: frame.assign(**{column: pd.Series([value] * len(frame), index=frame.index, dtype=object)})


def shifted(column: str, by: int, first: int = 0) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        labels = frame[column].to_numpy(dtype=object).copy()
        labels[first:] = np.roll(labels[first:], by)
        return frame.assign(**{column: labels})

    return change


def given_twice(frame: pd.DataFrame) -> pd.DataFrame:
    again = frame.iloc[1000:1100]
    return pd.concat([frame, again.assign(record_id=[f"9{i:04d}" for i in range(100)])], ignore_index=True)


# clean


@pytest.mark.parametrize("template", ["coding", "tabular"])
@pytest.mark.parametrize("everything", [False, True])
def test_the_clean_data_raise_nothing(made: dict[str, Path], tmp_path: Path, template: str, everything: bool) -> None:
    project = _copied(made[template], tmp_path / template)
    assert told(declared(project) if everything else project, lambda frame: frame) == {}


# what the records say

CODING: dict[str, tuple[Change, str, str]] = {
    "a code outside the nomenclature": (at("code", {7: "9998"}), "codes_in_nomenclature", "9998"),
    "conflicting labels": (
        lambda frame: at("text", {9: frame["text"].iloc[5000]})(frame),
        "conflicting_labels",
        "2 of 28,512 records",
    ),
    "a class too small": (
        lambda frame: frame[(frame["code"] != "2231") | ~frame["code"].duplicated()],
        "class_size",
        "2231",
    ),
    "missing provenance": (
        at("coded_by", {3: None, 4: ""}),
        "label_provenance",
        "2 of 28,512 records (0.00701 %) without a",
    ),
    "a label that a model gave": (at("coded_by", {3: "ml_auto"}), "label_provenance", "were labelled automatically"),
    "an identifier in a text column": (
        at("text", {3: f"baker {CANARY}"}),
        "direct_identifiers",
        "text: an e-mail address in 1 of 28,512 records",
    ),
    "labels shifted by one row": (shifted("code", 1), "shifted_labels", "shifted by one row: rows 1 to 28,512"),
    "labels shifted from a row on": (shifted("code", -1, 14_256), "shifted_labels", "rows 14,257 to 28,512"),
    "a constant column": (all_of("text", "baker"), "constant_columns", "text constant"),
    "an all-null column": (all_of("text", None), "constant_columns", "text empty"),
    "an all-null domain": (all_of("region", None), "constant_columns", "region empty"),
    "leading zeros of the id eaten": (
        lambda frame: frame.assign(record_id=frame["record_id"].astype(int)),
        "leading_zeros",
        "record_id stored as numbers",
    ),
    "a label that became a number": (
        lambda frame: frame.assign(code=frame["code"].astype(int)),
        "leading_zeros",
        "code stored as numbers",
    ),
    "a part that was delivered twice": (
        given_twice,
        "duplicates",
        "100 of 28,612 records (0.35 %) are a part that was",
    ),
    "an id that stands twice": (
        at("record_id", {3: "00009"}),
        "duplicates",
        "2 of 28,512 records (0.00701 %) share an id",
    ),
    "a domain too small": (at("region", {3: "west"}), "domain_size", "region west"),
    "a record from the future": (at("month", {3: "2199-01"}), "freshness", "1 of 28,512 records (0.00351 %) from the"),
}


@pytest.mark.parametrize("fault", CODING)
def test_a_fault_in_the_job_titles_is_caught_and_named(coding: Project, fault: str) -> None:
    change, gate, words = CODING[fault]
    found = told(declared(coding), change)
    assert words in str(found[gate]), found
    assert "canary" not in str(found).casefold()


TABULAR: dict[str, tuple[Change, str, str]] = {
    "a code outside the nomenclature": (at("employed", {7: "2"}), "codes_in_nomenclature", "with 1 other labels"),
    "labels shifted by one row": (shifted("employed", 1), "shifted_labels", "rows 1 to 12,000"),
    "labels shifted from a row on": (shifted("employed", 1, 9000), "shifted_labels", "rows 9,001 to 12,000"),
    "a constant column": (all_of("SEX", "1"), "constant_columns", "SEX constant"),
    "an all-null column": (all_of("MAR", None), "constant_columns", "MAR empty"),
    "codes that became numbers": (
        lambda f: f.assign(SCHL=f["SCHL"].astype(int)),
        "leading_zeros",
        "SCHL stored as numbers",
    ),
    "an identifier among the codes": (
        at("RELP", {3: "44051401359"}),
        "direct_identifiers",
        "RELP: a national number (PL)",
    ),
    "a part that was delivered twice": (given_twice, "duplicates", "are a part that was given twice"),
}


@pytest.mark.parametrize("fault", TABULAR)
def test_a_fault_in_the_survey_is_caught_and_named(tabular: Project, fault: str) -> None:
    change, gate, words = TABULAR[fault]
    found = told(declared(tabular), change)
    assert words in str(found[gate]), found


def test_zeros_that_a_reader_ate_from_the_labels_are_named(coding: Project) -> None:
    """The ninth major group as the zeroth, in the nomenclature and the records; then read as numbers."""
    path = coding.path("nomenclature/soc2010.csv")
    path.write_text("".join(f"0{line[1:]}" if line.startswith("9") else line for line in path.open(encoding="utf-8")))
    zeroth = coding.path("zeroth.parquet")
    frame = pd.read_parquet(coding.prepared)
    frame["code"] = frame["code"].str.replace("^9", "0", regex=True)
    frame.to_parquet(zeroth)
    found = {f.gate: f for f in checking.check(coding, zeroth).report.findings}
    assert found["leading_zeros"].passed
    frame.assign(code=frame["code"].astype(int)).to_csv(coding.path("eaten.csv"), index=False)
    found = {f.gate: f for f in checking.check(coding, coding.path("eaten.csv")).report.findings}
    assert found["leading_zeros"].blocks
    assert "have a label whose leading zeros are eaten" in found["leading_zeros"].got
    assert "leading zeros are eaten" in found["codes_in_nomenclature"].got


# the split


def split(project: Project, change: Change = lambda parts: parts) -> dict[str, Finding]:
    """What the rules say of a split in which the records of a group stand together, changed."""
    frame = pd.read_parquet(project.prepared)
    frame = frame[frame["wave"] == "base"] if "wave" in frame else frame[frame["year"] == "2015"]
    unit = normalised(frame["text"]) if "text" in frame else frame["household"]
    together = unit.map(lambda text: crc32(text.encode()))
    parts = np.where(together % 10 < 8, "train", np.where(together % 10 < 9, "validation", "test"))
    change(frame[["record_id"]].assign(part=parts)).to_parquet(project.splits)
    return {finding.gate: finding for finding in checking.leakage(project, pd.read_parquet(project.prepared))}


def test_a_text_of_both_train_and_test_is_named(coding: Project) -> None:
    assert split(coding)["leakage"].passed
    frame = pd.read_parquet(coding.prepared)
    first, second = frame.index[frame["wave"] == "base"][[10, 20]]
    frame.loc[second, "text"] = frame.loc[first, "text"].upper() + "!"
    frame.to_parquet(coding.prepared)
    ids = frame.loc[[first, second], "record_id"].tolist()

    def leaking(parts: pd.DataFrame) -> pd.DataFrame:
        by_id = parts.set_index("record_id")
        by_id.loc[ids, "part"] = ["train", "test"]
        return by_id.reset_index()

    found = split(coding, leaking)["leakage"]
    assert found.blocks
    assert (found.count, found.examples) == (1, (ids[1],))


def test_a_group_across_the_split_is_named(tabular: Project) -> None:
    project = declared(tabular)
    assert split(project)["leakage_by_group"].passed

    def torn(parts: pd.DataFrame) -> pd.DataFrame:
        chosen = parts["part"].tolist()
        chosen[40:42] = ["train", "test"]
        return parts.assign(part=chosen)

    found = split(project, torn)["leakage_by_group"]
    assert found.blocks
    assert (found.got.startswith("1 groups, 1 of "), found.examples) == (True, ("00042",))


def test_a_test_record_from_the_time_of_training_is_named(tabular: Project) -> None:
    found = split(declared(tabular, leakage_by_time={"severity": "error"}))["leakage_by_time"]
    assert found.blocks
    assert "records" in found.got


# the file


def csv(project: Project, **form: Any) -> Path:
    path = project.path("delivered.csv")
    pd.read_parquet(project.prepared).to_csv(path, index=False, **form)
    return path


def cut(source: Path, target: Path) -> Path:
    target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    return target


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


FILES: dict[str, tuple[Callable[[Project], Path], str]] = {
    "an empty Parquet file": (lambda p: written(p.path("a.parquet"), b""), "the file is empty"),
    "an empty CSV file": (lambda p: written(p.path("a.csv"), b""), "the file is empty"),
    "a header and no records": (lambda p: written(p.path("a.csv"), b"record_id,text,code,wave\n"), "no records"),
    "a truncated Parquet file": (lambda p: cut(p.prepared, p.path("a.parquet")), "truncated"),
    "a truncated gzip file": (
        lambda p: cut(written(p.path("b.csv.gz"), gzip.compress(csv(p).read_bytes())), p.path("a.csv.gz")),
        "truncated",
    ),
    "a wrong delimiter": (lambda p: csv(p, sep=";"), "separated by semicolons, expected commas"),
    "a wrong encoding": (
        lambda p: written(p.path("a.csv"), csv(p).read_text().encode("cp1252")),
        "not UTF-8 text",
    ),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_file_that_cannot_be_read_is_named_for_what_it_is(coding: Project, fault: str) -> None:
    make, words = FILES[fault]
    report = checking.check(coding, make(coding)).report
    assert not report.passed
    assert words in report.findings[0].got


# versions


def test_labels_of_an_earlier_nomenclature_are_counted_by_kind(coding: Project) -> None:
    path = coding.path("towpath.yaml")
    path.write_text(
        path.read_text().replace("  levels: [1, 2, 3, 4]", "  levels: [1, 2, 3, 4]\n  correspondence: old.csv")
    )
    coding.path("old.csv").write_text("from_code,to_code\n9991,2231\n9992,2231\n9993,2211\n9994,2211\n9994,2212\n")
    old = dict(enumerate(["9991", "9991", "9992", "9993", "9994", "9995"]))
    found = told(projects.load(coding.root), at("code", old))["nomenclature_revision"]
    assert found.got.startswith("6 of 28,512 records (0.021 %): 4 n:1, 1 1:n, 1 unknown; towpath recode does 4 of them")


def test_drift_against_the_data_of_the_last_run_is_named(coding: Project) -> None:
    meanings.keep(coding, pd.read_parquet(coding.prepared))
    git.commit(coding.root, [meanings.KEPT], "The data were fit")
    assert "previous_version" not in told(coding, lambda frame: frame)
    found = told(coding, lambda frame: frame.assign(text=frame["text"] + " of the northern and the southern region"))
    assert found["previous_version"].severity == "warning"
    assert "characters (PSI" in found["previous_version"].got


# the canary


@pytest.mark.parametrize("in_the_id", [False, True])
def test_a_planted_identifier_stands_in_no_output(coding: Project, towpath: Any, in_the_id: bool) -> None:
    frame = pd.read_parquet(coding.prepared).astype(object)
    places = frame.index[[3, 5, 7, 9, 11]]
    frame.loc[places, "text"] = f"baker {CANARY}"
    frame.loc[places[1], "code"] = CANARY
    frame.loc[places[2:], "text"] = ["--", " ", CANARY]
    if in_the_id:
        frame.loc[places, "record_id"] = [f"{i}{CANARY}" for i in range(5)]
    frame.to_parquet(coding.path("arrived.parquet"))
    for arguments in (["--output", "out", "--junit", "out.xml"], ["--again", "--json", "--output", "again"]):
        done = towpath("check", "arrived.parquet", *arguments, cwd=coding.root, code=1)
        assert "canary" not in (done.out + done.err).casefold()
        if in_the_id:
            assert "row " in done.out
    kept = [*coding.path("out").rglob("*"), *coding.path("again").rglob("*"), *coding.path(".towpath").rglob("*")]
    for path in [*kept, coding.path("out.xml")]:
        if path.is_file():
            assert b"canary" not in path.read_bytes().lower(), path

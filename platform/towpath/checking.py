"""Checks of a project's data: the suite and the rules over one file, and the reports that they make."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath import tasks
from towpath_checks import report as reports
from towpath_checks import rules, suite
from towpath_checks.findings import Finding, of_records
from towpath_checks.report import Report
from towpath_core.digests import sha256_file
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.files import write_json, write_text

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project
    from towpath_checks.dataset import Dataset

LEAKAGE = "leakage"
_NOTE = "Leakage between the parts of the split is judged where the split is made: leakage.json."
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Checked:
    """The report, Great Expectations' own result, and the records, where they could be read."""

    report: Report
    evidence: dict[str, Any]
    records: pd.DataFrame | None


def check(project: Project, path: Path, *, training: bool = True) -> Checked:
    """Suite and rules over one file; equal inputs give equal reports. `training` False: the file is not to train on.

    Data that cannot be read as a table of the project's columns are not fit.
    Raises: NotFound for a missing file, Misused for a suite, rule or nomenclature that does not fit.
    """
    settings = project.settings
    shown = _shown(project, path)
    asked = suite.read(project.path(settings.checks.suite), settings.checks.suite)
    chosen = _rules(project)
    codes = _codes(project)
    inputs = {
        shown: sha256_file(_present(path, shown)),
        settings.checks.suite: asked.digest,
        settings.nomenclature.file: sha256_file(project.path(settings.nomenclature.file)),
    }
    try:
        frame = read(project, path)
    except Refused as error:
        unfit = Finding("readable", shown, False, error.message, "a table with the columns of towpath.yaml, data")
        evidence = {"success": False, "suite_name": asked.name, "results": [], "meta": {"suite_digest": asked.digest}}
        return Checked(Report(shown, 0, inputs, (unfit,)), evidence, None)
    frame, numbers = _numbers(project, frame)
    expectations, evidence = suite.run(asked, frame)
    judged = rules.judge(chosen, _dataset(project, frame, codes, training=training))
    findings = (*numbers, *expectations, *judged)
    return Checked(Report(shown, len(frame), inputs, findings, (_NOTE,) if training else ()), evidence, frame)


def write(checked: Checked, folder: Path) -> None:
    """checks.json, checks.html and gx.json, each whole or not there."""
    write_json(folder / "gx.json", checked.evidence)
    write_text(folder / "checks.html", reports.as_html(checked.report))
    write_json(folder / "checks.json", reports.as_json(checked.report))


def dataset(project: Project, records: pd.DataFrame, *, splits: pd.DataFrame | None = None) -> Dataset:
    """The project's records as rules see them. Raises: Misused for a bad nomenclature, Refused for no records."""
    return _dataset(project, records, _codes(project), splits=splits)


def leakage(project: Project, records: pd.DataFrame) -> Finding:
    """Whether the split that is there leaks; not assessed where it is missing or was made from other records."""
    import pandas as pd
    import pyarrow as pa

    rule = rules.make(LEAKAGE, project.settings.checks.rules.get(LEAKAGE, {}))
    judged = rules.judge({LEAKAGE: rule}, dataset(project, records))[0]
    if not project.splits.is_file():
        return judged
    data = project.settings.data
    try:
        splits = pd.read_parquet(project.splits, columns=[data.record_id, "part"])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CouldNot(f"{data.splits} is damaged", hint=f"rm {data.splits} && towpath run") from error
    to_train = records.loc[records[data.wave].isin(data.train_waves), data.record_id]
    if set(to_train) != set(splits[data.record_id]):
        got = "not assessed: the split was made from other records (towpath run makes a new one)"
        return Finding(LEAKAGE, judged.subject, None, got, judged.expected, judged.severity)
    return rules.judge({LEAKAGE: rule}, dataset(project, records, splits=splits))[0]


def read(project: Project, path: Path) -> pd.DataFrame:
    """The prepared columns from a Parquet or CSV file; every CSV cell is text, an empty one is missing.

    Raises: NotFound, Misused for another kind of file, Refused for what is no table with the project's columns.
    """
    shown = _shown(project, path)
    _present(path, shown)
    data = project.settings.data
    wanted = [data.record_id, *project.input_names(), data.target, data.wave]
    if path.suffix == ".parquet":
        frame = _parquet(path, wanted)
    elif path.name.endswith((".csv", ".csv.gz")):
        frame = _csv(path, wanted)
    else:
        raise Misused(f"{shown} is no table", hint="give a file that ends in .parquet, .csv or .csv.gz")
    if not len(frame):
        raise Refused("no records")
    return frame


def _present(path: Path, shown: str) -> Path:
    if path.is_file():
        return path
    tracked = path.with_name(path.name + ".dvc").is_file()
    raise NotFound(f"there is no file {shown}", hint="dvc pull" if tracked else "towpath run, or give another path")


def _shown(project: Project, path: Path) -> str:
    """As people know it, and never where it lies on this machine."""
    whole = path.resolve()
    return whole.relative_to(project.root).as_posix() if whole.is_relative_to(project.root) else path.name


def _parquet(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not path.stat().st_size:
        raise Refused("the file is empty")
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError):  # what it says may quote the data
        raise Refused("no whole Parquet file: it is truncated, damaged or something else") from None
    _refuse_missing(frame, wanted)
    return frame


def _csv(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """The header is looked at first: another delimiter is told as such, whatever it does to the lines below."""
    import pandas as pd

    form: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": [""], "quoting": csv.QUOTE_MINIMAL}
    try:
        _refuse_missing(pd.read_csv(path, nrows=0, **form), wanted)
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):  # cells that would be lost
            frame: pd.DataFrame = pd.read_csv(path, index_col=False, **form)
        return frame
    except pd.errors.EmptyDataError:
        raise Refused("the file is empty") from None
    except UnicodeDecodeError as error:
        raise Refused(f"not UTF-8 text (byte {error.start})") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise Refused("no whole gzip file: it is truncated, damaged or something else") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError):  # what it says may quote the data
        raise Refused("the lines have different numbers of cells") from None


def _refuse_missing(frame: pd.DataFrame, wanted: Sequence[str]) -> None:
    if missing := [name for name in wanted if name not in frame.columns]:
        raise Refused(f"no column {', '.join(missing)}{_delimiter(frame, missing)}")


def _delimiter(frame: pd.DataFrame, missing: Sequence[str]) -> str:
    """What is said where the header, cut at another delimiter, would name a missing column."""
    header = str(frame.columns[0]) if len(frame.columns) else ""
    found = [words for sign, words in _DELIMITERS.items() if set(header.split(sign)) & set(missing)]
    return f"; its cells are separated by {found[0]}, expected commas" if found else ""


def _numbers(project: Project, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The frame with its number inputs as numbers, and what was found in them; nothing is said where there are none."""
    import numpy as np
    import pandas as pd

    columns = [field.name for field in project.settings.data.inputs if field.type == "number"]
    if not columns:
        return frame, []
    made = {name: pd.to_numeric(frame[name], errors="coerce").astype(float) for name in columns}
    wrong = {name: frame[name].notna() & ~np.isfinite(made[name]) for name in columns}
    odd = [name for name in columns if wrong[name].any()]
    count = int(pd.DataFrame(wrong).any(axis=1).sum())
    finding = Finding(
        "numbers",
        ", ".join(odd) or "the number inputs",
        not odd,
        f"{of_records(count, len(frame))} with something else",
        "a finite number or nothing",
        count=count,
        total=len(frame),
    )
    return frame.assign(**made), [finding]


def _dataset(
    project: Project,
    records: pd.DataFrame,
    codes: frozenset[str],
    *,
    splits: pd.DataFrame | None = None,
    training: bool = True,
) -> Dataset:
    from towpath_checks.dataset import Dataset

    data = project.settings.data
    to_train = records[data.wave].isin(data.train_waves)
    return Dataset(
        frame=records,
        record_id=data.record_id,
        inputs=tuple(project.input_names()),
        target=data.target,
        keys=tasks.find(project.settings.task).keys(project, records),
        codes=codes,
        required=tuple(field.name for field in data.inputs if field.required),
        texts=tuple(field.name for field in data.inputs if field.type == "string"),
        training=to_train if training or to_train.any() else None,
        splits=splits,
    )


def _rules(project: Project) -> dict[str, rules.Rule]:
    """All rules but leakage, which needs a split, with the project's settings."""
    checks = project.settings.checks
    for name in checks.rules:
        rules.find(name)
    given = {**checks.rules, "class_size": {"minimum": checks.min_per_class, **checks.rules.get("class_size", {})}}
    return {name: rules.make(name, given.get(name, {})) for name in rules.names() if name != LEAKAGE}


def _codes(project: Project) -> frozenset[str]:
    """The codes that a label may have: those of the finest level, where the nomenclature has levels."""
    nomenclature = project.settings.nomenclature
    path = project.path(nomenclature.file)
    if not path.is_file():
        raise NotFound(f"the nomenclature {nomenclature.file} is missing", hint=f"git checkout {nomenclature.file}")
    hint = f"mend {nomenclature.file}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            codes = [row.get("code") for row in csv.DictReader(stream)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Misused(f"{nomenclature.file} is no CSV file in UTF-8", hint=hint) from error
    if not all(codes) or len(set(codes)) != len(codes):
        raise Misused(f"{nomenclature.file}: expected a code in each line, each code once", hint=hint)
    finest = {code for code in codes if code and (not nomenclature.levels or len(code) == nomenclature.levels[-1])}
    if not finest:
        raise Misused(f"{nomenclature.file} has no codes of the finest level", hint=f"{hint}, or nomenclature.levels")
    return frozenset(finest)

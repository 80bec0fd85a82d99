"""Checks of data: a suite over a table, a project's rules beside it, and the reports that they make.

A verdict is remembered under the digests of all that it depends on; what has no digest is read anew each time.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_checks import report as reports
from towpath_checks import suite
from towpath_checks.findings import FIRST, STAGES, Finding, of_records, stage_asked
from towpath_checks.report import Report
from towpath_checks.tables import open_table
from towpath_core.clock import stamp
from towpath_core.digests import sha256_bytes, sha256_file
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_core.files import write_json, write_text

if TYPE_CHECKING:
    import pandas as pd

    from towpath.project import Project
    from towpath_checks import rules
    from towpath_checks.dataset import Dataset
    from towpath_checks.engines import Engine
    from towpath_checks.remembered import Memory
    from towpath_checks.suite import Suite
    from towpath_checks.tables import Table

LEAKAGE = "leakage"
ENGINE = "towpath"
_NOTE = "Leakage between the parts of the split is judged where the split is made: leakage.json."
_OPEN = "not assessed"


def _silent(_line: str) -> None: ...


@dataclass(frozen=True, slots=True)
class How:
    """By which engine; at which lifecycle stage; and where verdicts are remembered, None: nowhere.

    `again` looks at unchanged data, too. Raises: Misused for a stage that is none.
    """

    engine: Engine = "auto"
    cross_check: bool = False
    stage: str = FIRST
    memory: Memory | None = None
    again: bool = False
    say: Callable[[str], None] = _silent

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise Misused(f"there is no stage {self.stage!r}", hint=f"one of {', '.join(STAGES)}")


@dataclass(frozen=True, slots=True)
class Checked:
    """The report, and great-expectations' own result."""

    report: Report
    evidence: dict[str, Any]


def check_table(address: str, suite_file: Path, how: How, *, name: str = "record_id") -> Checked:
    """A suite over one table, with no project and no rules; `name` is the column that names a record, if it is there.

    A table that cannot be read is not fit. Raises: NotFound for a missing file, Misused for a suite that does not fit.
    """
    asked = suite.read(suite_file, suite_file.name)
    with open_table(address) as table:
        digest = table.digest
        about = {"of": "table", "data": digest, "shown": table.shown, "suite": asked.digest, "name": name}

        def judge() -> Checked:
            try:
                findings, evidence = _suited(asked, table, how, name)
                records = table.rows
            except Refused as error:
                return _unreadable(asked, table.shown, error, "a table", inputs)
            return Checked(Report(table.shown, records, inputs, findings), evidence)

        inputs = {table.shown: _or_none(digest), asked.file: asked.digest}
        return _remembered(about, how, lambda: _of_unchanged(table, judge))


def check(project: Project, data: Path | str, how: How | None = None, *, training: bool = True) -> Checked:
    """Suite and rules over one table; equal inputs give equal reports. `training` False: it is not to train on.

    Data that cannot be read as a table of the project's columns are not fit.
    Raises: NotFound for a missing file, Misused for a suite, rule or nomenclature that does not fit.
    """
    how = how or How()
    settings = project.settings
    asked = suite.read(project.path(settings.checks.suite), settings.checks.suite)
    chosen, codes = _rules(project), _codes(project)
    with _open(project, data) as table:
        digest = table.digest
        nomenclature = settings.nomenclature.file
        inputs = {
            table.shown: _or_none(digest),
            settings.checks.suite: asked.digest,
            nomenclature: sha256_file(project.path(nomenclature)),
        }

        def judge() -> Checked:
            try:
                return Checked(*_judged(project, table, asked, chosen, codes, inputs, how, training=training))
            except Refused as error:
                expected = "a table with the columns of towpath.yaml, data"
                return _unreadable(asked, table.shown, error, expected, inputs)

        about = {"of": "project", "shown": table.shown, "data": digest, "training": str(training)}
        return _remembered({**about, **_settled(project)}, how, lambda: _of_unchanged(table, judge))


def write(checked: Checked, folder: Path) -> None:
    """checks.json, checks.html and gx.json, each whole or not there."""
    write_json(folder / "gx.json", checked.evidence)
    write_text(folder / "checks.html", reports.as_html(checked.report))
    write_json(folder / "checks.json", reports.as_json(checked.report))


def anew(checked: Checked) -> Checked:
    """As if the verdict had been found now: a pipeline's reports hold no time."""
    return replace(checked, report=replace(checked.report, remembered=""))


def propose(data: Path | str, project: Project | None = None, *, name: str = "") -> dict[str, Any]:
    """A suite that the table itself meets, to be pruned by a person; what it does not meet after all is left out.

    Raises: Refused for what is no table, and as towpath_checks.proposing.propose does.
    """
    from towpath_checks import engines, proposing
    from towpath_checks.gx_door import version

    with open_table(data) if project is None else _open(project, data) as table:
        named = name or (project.settings.data.record_id if project else "")
        made = proposing.propose(table.relation(), table.shown, digest=table.digest or "", name=named)
        trial = suite.Suite(made["name"], "the proposed suite", "", tuple(made["expectations"]))
        findings = engines.run(trial, table, name=named).findings
        made["expectations"] = [e for e, f in zip(made["expectations"], findings, strict=True) if f.passed]
        made["meta"]["great_expectations_version"] = version()
        return made


def dataset(project: Project, records: pd.DataFrame) -> Dataset:
    """The project's records as rules see them. Raises: Misused for a bad nomenclature, Refused for no records."""
    return _dataset(project, records, _codes(project))


def leakage(project: Project, records: pd.DataFrame) -> list[Finding]:
    """Whether the split that is there leaks, by each rule about it; not assessed where it is missing or of others."""
    import pandas as pd
    import pyarrow as pa

    from towpath_checks import rules

    chosen = {name: rule for name, rule in _all_rules(project).items() if name.startswith(LEAKAGE)}
    seen = dataset(project, records)
    if not project.splits.is_file():
        return _ours(project, rules.judge(chosen, seen))
    data = project.settings.data
    try:
        splits = pd.read_parquet(project.splits, columns=[data.record_id, "part"])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CouldNot(f"{data.splits} is damaged", hint=f"rm {data.splits} && towpath run") from error
    to_train = records.loc[records[data.wave].isin(data.train_waves), data.record_id]
    if set(to_train) != set(splits[data.record_id]):
        got = f"{_OPEN}: the split was made from other records (towpath run makes a new one)"
        judged = rules.judge(chosen, seen)
        return _ours(project, [replace(found, passed=None, got=got, count=None, examples=()) for found in judged])
    return _ours(project, rules.judge(chosen, replace(seen, splits=splits)))


def with_leakage(project: Project, checked: Checked, how: How) -> Checked:
    """The checks of the prepared data together with what the rules say of the split that is there."""
    if any(found.gate == "readable" for found in checked.report.findings):
        return checked
    digests = {"data": sha256_file(project.prepared)}
    digests["split"] = sha256_file(project.splits) if project.splits.is_file() else "none"

    def judge() -> Checked:
        with _open(project, project.prepared) as table:
            found = leakage(project, _frame(project, table))
        return Checked(Report(checked.report.data, checked.report.records, digests, tuple(found)), {})

    found = _remembered({"of": "split", **digests, **_settled(project)}, how, judge).report
    whole = (*checked.report.findings, *found.findings)
    return replace(checked, report=replace(checked.report, findings=whole, notes=()))


def read(project: Project, data: Path | str) -> pd.DataFrame:
    """All columns of a table that has those of the project, as they lie there; every CSV cell is text.

    Raises: NotFound, Misused for another kind of file, Refused for what is no table with the project's columns.
    """
    with _open(project, data, numbers=()) as table:
        return _frame(project, table)


def _frame(project: Project, table: Table) -> pd.DataFrame:
    _require(project, table)
    return table.frame()


def _require(project: Project, table: Table) -> None:
    """Raise Refused for a table without the project's columns, or without records."""
    data = project.settings.data
    table.require([data.record_id, *project.input_names(), data.target, data.wave])
    if not table.rows:
        raise Refused("no records")


def _open(project: Project, data: Path | str, *, numbers: tuple[str, ...] | None = None) -> Table:
    """Called as people know it, and never by where it lies on this machine; the number inputs are numbers."""
    numbers = tuple(_number_inputs(project)) if numbers is None else numbers
    whole = Path(data).resolve()
    inside = "::" not in str(data) and whole.is_relative_to(project.root)
    return open_table(data, shown=whole.relative_to(project.root).as_posix() if inside else "", numbers=numbers)


def _or_none(digest: str | None) -> str:
    return digest or "none: a database may change under its name"


# Verdicts


def _judged(
    project: Project,
    table: Table,
    asked: Suite,
    chosen: Mapping[str, rules.Rule],
    codes: frozenset[str],
    inputs: Mapping[str, str],
    how: How,
    *,
    training: bool,
) -> tuple[Report, dict[str, Any]]:
    from towpath_checks import rules

    data = project.settings.data
    _require(project, table)
    expectations, evidence = _suited(asked, table, how, "" if data.record_id in data.identifiers else data.record_id)
    how.say(f"  {len(chosen)} rules")
    frame = _frame(project, table)
    judged = rules.judge(chosen, _dataset(project, frame, codes, training=training))
    findings = (*_numbers(project, table), *expectations, *_ours(project, judged))
    return Report(table.shown, len(frame), inputs, findings, (_NOTE,) if training else (), how.stage), evidence


def _suited(asked: Suite, table: Table, how: How, name: str) -> tuple[tuple[Finding, ...], dict[str, Any]]:
    """Without examples where a record's own name could be a person's: the count tells enough."""
    from towpath_checks import engines, identifiers

    how.say(f"  {len(asked.expectations)} expectations of {asked.file}")
    said = engines.run(asked, table, engine=how.engine, name=name, cross_check=how.cross_check, memory=how.memory)
    findings = (replace(found, examples=identifiers.shown(found.examples, [])) for found in said.findings)
    return tuple(findings), said.evidence


def _unreadable(asked: Suite, shown: str, error: Refused, expected: str, inputs: Mapping[str, str]) -> Checked:
    unfit = Finding("readable", shown, False, error.message, expected, engine=ENGINE)
    evidence = {"success": False, "suite_name": asked.name, "results": [], "meta": {"suite_digest": asked.digest}}
    return Checked(Report(shown, 0, inputs, (unfit,)), evidence)


def _ours(project: Project, judged: list[Finding]) -> list[Finding]:
    """With the engine, and the stage that the project set for the rule."""
    given = project.settings.checks.rules
    stages = {name: stage_asked(settings.get("blocks_from"), name) for name, settings in given.items()}
    return [replace(found, engine=ENGINE, blocks_from=stages.get(found.gate, "")) for found in judged]


# What is remembered


def _remembered(about: Mapping[str, str | None], how: How, judge: Callable[[], Checked]) -> Checked:
    """What was found under the same digests, or what is found now; what could not be assessed is tried each time."""
    checked = None
    if how.memory is not None:
        about = {**about, **_engines(how)}
        checked = None if how.again else _recalled(how.memory, about)
    if checked is None:
        checked = judge()
        report = checked.report
        open_ = any(found.passed is False and found.got.startswith(_OPEN) for found in report.findings)
        if how.memory is not None and not open_:
            kept = {"report": reports.kept(report), "evidence": checked.evidence}
            how.memory.keep(about, json.loads(json.dumps(kept)))
    return replace(checked, report=replace(checked.report, stage=how.stage))


def _of_unchanged(table: Table, judge: Callable[[], Checked]) -> Checked:
    """Raise CouldNot where the files changed meanwhile: what was found is of neither the old nor the new ones."""
    checked = judge()
    if table.changed():
        raise CouldNot(f"{table.shown} changed while it was read", hint="ask again when nobody writes to it")
    return checked


def _recalled(memory: Memory, about: Mapping[str, str | None]) -> Checked | None:
    found = memory.recall(about)
    if found is None:
        return None
    try:
        report = reports.restored(found.content["report"], remembered=stamp(found.moment))
        return Checked(report, dict(found.content["evidence"]))
    except (KeyError, TypeError, ValueError):
        return None


def _engines(how: How) -> dict[str, str]:
    from towpath_checks import engines

    return {"engine": how.engine, "cross_check": str(how.cross_check), **engines.versions()}


def _settled(project: Project) -> dict[str, str]:
    """The digests of all that a verdict depends on beside the data: settings, the files that they name, the rules."""
    from towpath import meanings
    from towpath_checks import rules

    settings = project.settings.model_dump(mode="json", include={"task", "data", "nomenclature", "checks"})
    made = {settings["data"].get(name) for name in ("raw", "prepared", "splits")}
    named = {text for text in _texts(settings) if text not in made and project.path(text).is_file()}
    files = {text: sha256_file(project.path(text)) for text in sorted(named)}
    folder = Path(rules.__file__).parent
    ours = {path.stem: sha256_file(path) for path in sorted([*folder.glob("*.py"), *folder.parent.glob("[a-z]*.py")])}
    return {
        "settings": sha256_bytes(json.dumps(settings, sort_keys=True).encode()),
        "files": sha256_bytes(json.dumps(files).encode()),
        "rules": sha256_bytes(json.dumps(ours).encode()),
        **meanings.settled(project),
    }


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str) and content:
        yield content
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, (list, tuple)):
        for value in content:
            yield from _texts(value)


# What rules need


def _number_inputs(project: Project) -> list[str]:
    return [field.name for field in project.settings.data.inputs if field.type == "number"]


def _numbers(project: Project, table: Table) -> list[Finding]:
    """What was found in the number inputs; nothing is said where there are none."""
    if not _number_inputs(project):
        return []
    odd, count = table.odd_numbers()
    finding = Finding(
        "numbers",
        ", ".join(odd) or "the number inputs",
        not odd,
        f"{of_records(count, table.rows)} with something else",
        "a finite number or nothing",
        count=count,
        total=table.rows,
        engine=ENGINE,
    )
    return [finding]


def _dataset(project: Project, records: pd.DataFrame, codes: frozenset[str], *, training: bool = True) -> Dataset:
    from towpath import meanings, tasks
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
        **meanings.known(project, records),
    )


def _rules(project: Project) -> dict[str, rules.Rule]:
    """All rules but those about the split, with the project's settings."""
    return {name: rule for name, rule in _all_rules(project).items() if not name.startswith(LEAKAGE)}


def _all_rules(project: Project) -> dict[str, rules.Rule]:
    """Raise Misused for a rule, a setting or a stage that there is not."""
    from towpath_checks import rules

    checks = project.settings.checks
    given = {**checks.rules, "class_size": {"minimum": checks.min_per_class, **checks.rules.get("class_size", {})}}
    for name, settings in given.items():
        rules.find(name)
        where = f"towpath.yaml, checks.rules.{name}"
        stage = stage_asked(settings.get("blocks_from"), f"{where}.blocks_from")
        if (stage and name.startswith(LEAKAGE)) or (name == LEAKAGE and settings.get("severity", "error") != "error"):
            key = "blocks_from" if stage else "severity"
            raise Misused(f"{where}.{key}: a split that leaks is no split at any stage", hint="mend towpath.yaml")
    own = {name: {k: v for k, v in settings.items() if k != "blocks_from"} for name, settings in given.items()}
    return {name: rules.make(name, own.get(name, {})) for name in rules.names()}


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

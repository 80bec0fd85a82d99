"""A project: what `towpath.yaml` says, and where its files lie."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field as Constrained
from pydantic import ValidationInfo, field_validator, model_validator

from towpath import project_root
from towpath_core.errors import CouldNot, Misused, NotFound
from towpath_core.refs import check_name
from towpath_registry import yamls
from towpath_registry.keys import PASSPHRASE
from towpath_registry.yamls import Section

FILE, find = project_root.FILE, project_root.find
Share = Annotated[float, Constrained(gt=0, lt=1)]
Number = float | int
Amount = Annotated[float, Constrained(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Constrained(gt=0, allow_inf_nan=False)]


def _day(day: str) -> str:
    if day and not _is_day(day):
        raise ValueError(f"{day!r} is no day, expected one such as 2027-03-31")
    return day


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class Owners(Section):
    """Who answers for the model, by role, and when that is looked at again; empty until somebody takes the role."""

    business_owner: str = ""
    methodologist: str = ""
    data_scientist: str = ""
    it_operator: str = ""
    subject_matter_reviewer: str = ""
    next_review: str = ""

    _day = field_validator("next_review")(_day)


class Scope(Section):
    """What the model is for."""

    driver: str = ""
    population: str = ""
    parent_process: str = ""
    use_of_output: str = ""
    error_tolerance: str = ""
    stop_rule: str = ""


class Input(Section):
    """A column that the model sees; `max_length` counts the characters of a string."""

    name: str
    type: Literal["string", "number", "category"]
    required: bool = True
    max_length: Annotated[int, Constrained(gt=0)] = 1000


class Data(Section):
    """Where the data lie and what their columns mean; whoever does not name an optional column has no rule about it."""

    raw: str
    prepared: str = "data/prepared.parquet"
    splits: str = "data/splits.parquet"
    record_id: str = "record_id"
    inputs: Annotated[tuple[Input, ...], Constrained(min_length=1)]
    target: str
    wave: str
    train_waves: Annotated[tuple[str, ...], Constrained(min_length=1)]
    # optional: the column that
    group: str = ""  # is equal for records that belong together: a household, an enterprise
    period: str = ""  # says what time a record is about
    block: str = ""  # is equal for records from one area
    domains: tuple[str, ...] = ()  # results are published by
    label_source: str = ""  # says who or what gave the label
    label_date: str = ""  # and when
    label_version: str = ""  # and by which version of the nomenclature
    identifiers: tuple[str, ...] = ()  # names a person or enterprise, whatever its values look like

    @field_validator("target")
    @classmethod
    def _unseen(cls, target: str, others: ValidationInfo) -> str:
        """The model sees neither the answer nor the record's name, and each input once."""
        names = [field.name for field in others.data.get("inputs", ())]
        if target in names:
            raise ValueError(f"the model would see the answer: {target} is in data.inputs")
        if others.data.get("record_id") in names:
            raise ValueError(f"the model would see the record's name: {others.data['record_id']} is in data.inputs")
        if len(set(names)) < len(names):
            raise ValueError("data.inputs names a column twice")
        return target

    @field_validator("label_source", "label_date", "label_version")
    @classmethod
    def _not_an_input(cls, column: str, others: ValidationInfo) -> str:
        """What is known of a label only with the label is part of the answer."""
        if column and column in [field.name for field in others.data.get("inputs", ())]:
            raise ValueError(f"the model would see what comes with the answer: {column} is in data.inputs")
        return column

    @field_validator("domains", "identifiers")
    @classmethod
    def _each_once(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(columns) or len(set(columns)) < len(columns):
            raise ValueError("expected names of columns, each once")
        return columns


class Nomenclature(Section):
    """The list of valid codes: a CSV with the columns code, title. `levels` are prefix lengths, the finest last.

    `correspondence` leads to it from the version before: a CSV with the columns from_code, to_code.
    """

    name: str
    version: str
    file: str
    levels: tuple[int, ...] = ()
    correspondence: str = ""

    @field_validator("levels")
    @classmethod
    def _ascending(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if any(level < 1 for level in levels) or list(levels) != sorted(set(levels)):
            raise ValueError("expected lengths from the shortest to the longest, such as [1, 2, 4]")
        return levels


class Checks(Section):
    """The expectations, and the settings of rules by name of the rule; docs/handbook/checks.md lists what each takes.

    `min_per_class` is short for rules.class_size.minimum, the one that every project thinks about.
    """

    suite: str = "checks/suite.json"
    min_per_class: Annotated[int, Constrained(ge=1)] = 2
    rules: dict[str, dict[str, str | bool | int | float | tuple[str, ...]]] = Constrained(default_factory=dict)


class AutoThreshold(Section):
    """The promise of the automatic decisions: the accuracy that they are to reach, and how surely."""

    target: Share
    confidence: Share = 0.95


class Limit(Section):
    """A bound for one measure, fixed before the run."""

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Limit:
        if self.at_least is None and self.at_most is None:
            raise ValueError("expected at_least or at_most")
        if any(isinstance(bound, float) and not math.isfinite(bound) for bound in (self.at_least, self.at_most)):
            raise ValueError("expected a finite number")
        return self


class Monitoring(Section):
    """From where on a wave counts as drifted: PSI of an input, an answer or the confidence; points of accuracy lost."""

    psi: Annotated[Number, Constrained(gt=0)] = 0.2
    accuracy_drop: Share = 0.05


class Candidate(Section):
    """What the model costs, in money: once, and in a year beside the people who review."""

    development: Amount = 0
    labelling: Amount = 0
    other_fixed: Amount = 0
    compute_per_year: Amount = 0
    maintenance_per_year: Amount = 0


class Present(Section):
    """What the present process costs, in money, and a person's minutes for each record; `accuracy` of what it gives."""

    fixed: Amount = 0
    per_year: Amount = 0
    minutes_per_record: Amount
    accuracy: Annotated[float, Constrained(gt=0, le=1)]


class Cost(Section):
    """Everything that a cost per accurate record is made of, but what is measured."""

    currency: str
    horizon_years: Positive
    records_per_year: Positive
    hourly_rate: Positive
    minutes_per_review: Amount
    candidate: Candidate = Candidate()
    baseline: Present


class Timeliness(Section):
    """The day on which the work began, and how long the present process takes."""

    started: str = ""
    present_seconds_per_1000_records: Positive | None = None

    _day = field_validator("started")(_day)


class Quality(Section):
    """What the quality report is made of beside the measures themselves; what is left out is not assessed.

    `reviewer_accuracy` is the share of right answers among those that people give. `stress` names a labelled file with
    the prepared columns, `audit_sample` one with record_id, predicted, true and inclusion_probability. `tolerance` is
    how far a published share may move under another seed, algorithm or threshold.
    """

    reviewer_accuracy: Annotated[float, Constrained(gt=0, le=1)] | None = None
    stress: str = ""
    audit_sample: str = ""
    tolerance: Share = 0.01
    cost: Cost | None = None
    timeliness: Timeliness = Timeliness()


class Settings(Section):
    """The content of towpath.yaml."""

    schema_: Annotated[Literal[1], Constrained(alias="schema")]
    name: str
    task: str
    title: str
    owners: Owners
    scope: Scope
    data: Data
    nomenclature: Nomenclature
    checks: Checks = Checks()
    threshold: AutoThreshold
    limits: Annotated[dict[str, Limit], Constrained(min_length=1)]
    monitoring: Monitoring = Monitoring()
    quality: Quality = Quality()
    examples: Annotated[tuple[dict[str, str | int | float | None], ...], Constrained(min_length=1)]

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        try:
            return check_name(name)
        except Misused as error:
            raise ValueError(f"{error.message}; {error.hint}") from error

    @field_validator("examples")
    @classmethod
    def _examples(cls, examples: tuple[dict[str, Any], ...], others: ValidationInfo) -> tuple[dict[str, Any], ...]:
        if data := others.data.get("data"):
            known = {field.name for field in data.inputs}
            for number, example in enumerate(examples):
                if unknown := ", ".join(sorted(set(example) - known)):
                    raise ValueError(f"examples.{number} has {unknown}, which data.inputs does not name")
        return examples


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder and its settings."""

    root: Path
    settings: Settings

    @property
    def name(self) -> str:
        return self.settings.name

    def path(self, relative: str) -> Path:
        return self.root / relative

    @property
    def prepared(self) -> Path:
        return self.root / self.settings.data.prepared

    @property
    def splits(self) -> Path:
        return self.root / self.settings.data.splits

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def package(self) -> Path:
        """The packaged model: what is registered, served and built into an image."""
        return self.root / "package"

    @property
    def trained(self) -> Path:
        """What the train stage saved."""
        return self.root / "model" / "model.skops"

    def input_names(self) -> list[str]:
        return [field.name for field in self.settings.data.inputs]


def load(start: Path | None = None) -> Project:
    """Raise NotFound outside a project, Misused for a towpath.yaml that does not fit."""
    try:
        root = find(start)
    except FileNotFoundError as error:
        raise CouldNot("the working folder is gone", hint="cd to a folder that exists") from error
    if root is None:
        raise NotFound(
            f"there is no {FILE} here or above {start or Path.cwd()}",
            hint="cd into a project, or make one: towpath new occupation-coder --template coding",
        )
    return Project(root, yamls.read(root / FILE, Settings, "the project's settings"))


def stage_environment() -> dict[str, str]:
    """The environment for a project's stages: this Python first on the PATH, and nothing that opens a key."""
    import sys

    environ = {name: value for name, value in os.environ.items() if name != PASSPHRASE}
    return {**environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}

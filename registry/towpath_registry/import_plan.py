"""What an import would do: which models by which names, how much of it is here already, and what stood at a level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from towpath_core.clock import stamp
from towpath_core.errors import Misused, NotFound, Refused
from towpath_core.refs import check_name
from towpath_registry.names import governed
from towpath_registry.plain_registry import FROM, WHICH, Experiment, Logged, Model, Run, Version, whole

if TYPE_CHECKING:
    from towpath_registry.mlflow_transfer import Side

NOT_COPIED = "deleted runs and experiments, traces, prompts, webhooks, users and their permissions"


@dataclass(frozen=True, slots=True)
class Order:
    """What to import: all, or `only` these models with what is behind them; `names` maps a model's name to its new one.

    With `without_files`, what has lost its files at the source is imported without them.
    """

    only: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    without_files: bool = False


@dataclass(frozen=True, slots=True)
class Stand:
    """A version that stood at a level, or at what looks like one, under the name `was`."""

    model: str
    version: int
    level: str
    was: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the plan: an experiment's runs, or a model's versions; `there` are those that were imported before."""

    name: str
    target: str
    count: int
    there: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do. `stood` are the versions at levels, which are for the caller to decide about."""

    source: str
    experiments: tuple[Part, ...]
    models: tuple[Part, ...]
    stood: tuple[Stand, ...]
    deleted_runs: int


class Selection:
    """What an order asks of a source: the models, and the runs and logged models of each experiment."""

    def __init__(self, source: Side, order: Order) -> None:
        self.source, self.order = source, order
        self.models = self._wanted_models()
        self.scope = list(self._wanted_runs())

    def _wanted_models(self) -> list[Model]:
        found = self.source.models()
        names = [model.name for model in found]
        unknown = [name for name in (*self.order.only, *self.order.names) if name not in names]
        if unknown:
            raise NotFound(
                f"{self.source.address} has no model {unknown[0]}", hint=f"it has {', '.join(names[:20]) or 'none'}"
            )
        return [model for model in found if not self.order.only or model.name in self.order.only]

    def _wanted_runs(self) -> Iterator[tuple[Experiment, list[Run], list[Logged]]]:
        """Each experiment with those of its runs and logged models that are asked for."""
        versions = [version for model in self.models for version in model.versions]
        sources = {version.source.removeprefix("models:/") for version in versions}
        for experiment in self.source.experiments():
            runs, logged = self.source.runs(experiment), self.source.logged(experiment)
            if self.order.only:
                logged = [one for one in logged if one.id in sources]
                behind = {version.run for version in versions} | {one.run for one in logged}
                runs = [run for run in runs if run.id in behind]
            if runs or logged or (experiment.tags and not self.order.only):
                yield experiment, runs, logged

    def name(self, model: Model) -> str:
        return self.order.names.get(model.name, model.name)

    def origin(self, version: Version) -> str:
        """Where a version came from, in one line: for people, and to know it again."""
        parts = [
            f"{self.source.address} {version.name}/{version.number}",
            f"made {_moment(version.created)}",
            *([f"run {version.run}"] if version.run else []),
            f"source {version.source}",
            *([f"stage {version.stage}"] if version.stage else []),
        ]
        return ", ".join(parts)

    def same(self, there: Version | None, version: Version) -> bool:
        return there is not None and there.tags.get(FROM) == self.origin(version)

    def misplaced(self, version: Version, model: Model) -> bool:
        """Whether it is a version of this import that got a lower number than its own, and was to be deleted."""
        wanted = {self.origin(one): one.number for one in model.versions}
        return version.number < wanted.get(version.tags.get(FROM, ""), 0)

    def runs_there(self, target: Side, experiment: Experiment | None) -> dict[str, Run]:
        """The runs of this source that are here, by their ids there."""
        if experiment is None:
            return {}
        found = target.runs(experiment, f"tags.`{WHICH}` != ''")
        return {run.tags[WHICH]: run for run in found if run.tags.get(FROM) == self.source.address}

    def logged_there(self, target: Side, experiment: Experiment) -> dict[str, Logged]:
        found = target.logged(experiment, f"tags.`{WHICH}` != ''")
        return {one.tags[WHICH]: one for one in found if one.tags.get(FROM) == self.source.address}


def planned(asked: Selection, target: Side, levels: Sequence[str]) -> Plan:
    """Raise Refused for names that cannot be had, with the options that choose others."""
    known = {model.name: model for model in target.models()}
    _refuse_names(asked, known)
    experiments = {e.name: e for e in target.experiments()}
    parts = []
    for experiment, runs, _ in asked.scope:
        there = asked.runs_there(target, experiments.get(experiment.name))
        done = sum(run.id in there and whole(there[run.id], run) for run in runs)
        parts.append(Part(experiment.name, experiment.name, len(runs), done))
    models = []
    for model in asked.models:
        name = asked.name(model)
        here = {v.number: v for v in known[name].versions} if name in known else {}
        done = sum(asked.same(here.get(version.number), version) for version in model.versions)
        models.append(Part(model.name, name, len(model.versions), done))
    deleted = sum(asked.source.deleted_runs(experiment) for experiment, _, _ in asked.scope)
    stood = sorted(_stood(asked, known, levels), key=lambda one: (one.model, one.level, one.version))
    return Plan(asked.source.address, tuple(parts), tuple(models), tuple(stood), deleted)


def unusable(name: str) -> str:
    """Why towpath's commands could not name a model so; empty if they can."""
    try:
        check_name(name)
    except Misused as error:
        return error.hint
    return ""


def _refuse_names(asked: Selection, known: Mapping[str, Model]) -> None:
    wrong: dict[str, str] = {}
    taken: dict[str, str] = {}
    for model in asked.models:
        name = asked.name(model)
        if why := unusable(name):
            wrong[model.name] = f"{name}: {why}"
        elif name in taken:
            wrong[model.name] = f"{name} would be the name of {taken[name]} too"
        elif name in known and (why := _taken(asked, known[name], model)):
            wrong[model.name] = f"{name} is here already: {why}"
        taken[name] = model.name
    if wrong:
        chosen = " ".join(f"--as {name}={_proposed(name, {*known, *taken})}" for name in wrong)
        raise Refused(
            "these models cannot have the names that they would get: " + "; ".join(wrong.values()),
            hint=f"choose others, as in: {chosen}",
        )


def _taken(asked: Selection, there: Model, model: Model) -> str:
    """Why a model that is here is not this one, imported before; empty if it is."""
    numbers = {version.number: version for version in model.versions}
    for version in there.versions:
        if FROM not in version.tags:
            return f"its version {version.number} was made here"
        wanted = asked.origin(numbers[version.number]) if version.number in numbers else ""
        if version.tags[FROM] != wanted and not asked.misplaced(version, model):
            return f"its version {version.number} was imported from {version.tags[FROM]}"
    return ""


def _stood(asked: Selection, known: Mapping[str, Model], levels: Sequence[str]) -> Iterator[Stand]:
    """What stands at a level at the source and not yet here: by its alias, else by MLflow's old stage."""
    for model in asked.models:
        name = asked.name(model)
        here = known[name].aliases if name in known else {}
        stands = {(alias, number): alias for alias, number in model.aliases.items()}
        for version in model.versions:
            stands |= {(version.stage, version.number): f"stage {version.stage}"} if version.stage else {}
        for (alias, number), was in stands.items():
            level = governed(alias, levels)
            if level is not None and here.get(level) != number:
                yield Stand(name, number, level, was)


def _proposed(name: str, taken: set[str]) -> str:
    """A name that can be had, as near to the old one as it may be."""
    words = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())[:50]
    near = words if words[:1].isalpha() else f"model-{words}".rstrip("-")
    return near if near not in taken else f"{near}-imported"


def _moment(milliseconds: int) -> str:
    return stamp(datetime.fromtimestamp(milliseconds / 1000, UTC))[:19] + "Z"

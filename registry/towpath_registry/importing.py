"""A plain MLflow registry comes under towpath: all of it is copied, counted and compared, and nothing is claimed.

What is copied carries where it came from. A run or a logged model is marked when it was read back and is what was read
at the source, so that an import that was interrupted goes on behind the last mark, and one that is done does nothing.
An alias that is a level tells where a version stood, not what was checked: it is never moved past the gates.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towpath_core.clock import stamp
from towpath_core.digests import dir_hash, sha256_file
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused
from towpath_core.refs import check_name
from towpath_registry.names import governed
from towpath_registry.nouns import DIGEST as MODEL_DIGEST
from towpath_registry.nouns import IMPORTED_FROM, MONITORING, PROVENANCE

if TYPE_CHECKING:
    from towpath_registry.mlflow_transfer import Side

FROM = IMPORTED_FROM
# Of a run or a logged model: which one it was, what was read at the source, and as of which state.
WHICH, DIGEST, STATE = "towpath.imported", "towpath.imported_digest", "towpath.imported_state"
_MARKS = (FROM, WHICH, DIGEST, STATE)
_PARENT = "mlflow.parentRunId"
# Our tags that a version keeps under their own names; any other would be taken for something that we said here.
_KEPT = (MODEL_DIGEST, MONITORING, "towpath.task", *(f"towpath.{name}" for name in PROVENANCE))
NOT_COPIED = "deleted runs and experiments, traces, prompts, webhooks, users and their permissions"

Say = Callable[[str], None]
Value = tuple[str, str, int, int]  # of a metric: key, value as Python writes it, milliseconds, step
LinkedValue = tuple[str, str, int, int, str, str, str]  # the same, run, name and digest of a data set


@dataclass(frozen=True, slots=True)
class Experiment:
    id: str
    name: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Dataset:
    name: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """`latest` are the metrics' last values; `used` and `made` are logged models, with the step that made one."""

    id: str
    experiment: Experiment
    name: str
    status: str
    started: int
    ended: int | None
    tags: Mapping[str, str]
    params: Mapping[str, str]
    latest: tuple[tuple[str, str], ...]
    uri: str
    datasets: tuple[Dataset, ...]
    used: tuple[str, ...]
    made: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """A logged model."""

    id: str
    experiment: Experiment
    name: str
    run: str
    kind: str
    status: str
    created: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    uri: str
    values: frozenset[LinkedValue]


@dataclass(frozen=True, slots=True)
class Version:
    """`stage` is one of MLflow's old stages, empty for none."""

    name: str
    number: int
    run: str
    source: str
    stage: str
    created: int
    tags: Mapping[str, str]
    description: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    description: str
    tags: Mapping[str, str]
    aliases: Mapping[str, int]
    versions: tuple[Version, ...]


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


@dataclass(slots=True)
class Outcome:
    """What was copied by this import, what was found on both sides at its end, and what a person should know."""

    copied: dict[str, int] = field(default_factory=dict)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, count: int = 1) -> None:
        self.copied[what] = self.copied.get(what, 0) + count


class Importer:
    """One import, from the planning to the last count. `levels` are the levels of the registry that is written to."""

    def __init__(self, source: Side, target: Side, order: Order, levels: Sequence[str], say: Say) -> None:
        self._source, self._target, self._order = source, target, order
        self._levels, self._say = tuple(levels), say
        self._models = self._wanted_models()
        self._scope = list(self._wanted_runs())
        self._ids: dict[str, str] = {}
        self._logged: dict[str, tuple[str, str]] = {}  # by the id at the source: id here, digest of its files
        self.outcome = Outcome()

    # What would be done -----------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """Raise Refused for names that cannot be taken, with the options that choose others."""
        known = {model.name: model for model in self._target.models()}
        self._refuse_names(known)
        experiments = {e.name: e for e in self._target.experiments()}
        parts = []
        for experiment, runs, _ in self._scope:
            there = self._runs_there(experiments.get(experiment.name))
            done = sum(run.id in there and _whole(there[run.id], run) for run in runs)
            parts.append(Part(experiment.name, experiment.name, len(runs), done))
        models = []
        for model in self._models:
            name = self._name(model)
            there_now = {v.number: v for v in known[name].versions} if name in known else {}
            done = sum(self._is(there_now.get(version.number), version) for version in model.versions)
            models.append(Part(model.name, name, len(model.versions), done))
        deleted = sum(self._source.deleted_runs(experiment) for experiment, _, _ in self._scope)
        stood = sorted(self._stood(known), key=lambda one: (one.model, one.level, one.version))
        return Plan(self._source.address, tuple(parts), tuple(models), tuple(stood), deleted)

    def _wanted_models(self) -> list[Model]:
        found = self._source.models()
        names = [model.name for model in found]
        unknown = [name for name in (*self._order.only, *self._order.names) if name not in names]
        if unknown:
            raise NotFound(
                f"{self._source.address} has no model {unknown[0]}", hint=f"it has {', '.join(names[:20]) or 'none'}"
            )
        return [model for model in found if not self._order.only or model.name in self._order.only]

    def _wanted_runs(self) -> Iterator[tuple[Experiment, list[Run], list[Logged]]]:
        """Each experiment with those of its runs and logged models that are asked for."""
        versions = [version for model in self._models for version in model.versions]
        sources = {version.source.removeprefix("models:/") for version in versions}
        for experiment in self._source.experiments():
            runs, logged = self._source.runs(experiment), self._source.logged(experiment)
            if self._order.only:
                logged = [one for one in logged if one.id in sources]
                behind = {version.run for version in versions} | {one.run for one in logged}
                runs = [run for run in runs if run.id in behind]
            if runs or logged or (experiment.tags and not self._order.only):
                yield experiment, runs, logged

    def _refuse_names(self, known: Mapping[str, Model]) -> None:
        wrong: dict[str, str] = {}
        taken: dict[str, str] = {}
        for model in self._models:
            name = self._name(model)
            if why := unusable(name):
                wrong[model.name] = f"{name}: {why}"
            elif name in taken:
                wrong[model.name] = f"{name} would be the name of {taken[name]} too"
            elif name in known and (why := self._taken(known[name], model)):
                wrong[model.name] = f"{name} is here already: {why}"
            taken[name] = model.name
        if wrong:
            chosen = " ".join(f"--as {name}={_proposed(name, {*known, *taken})}" for name in wrong)
            raise Refused(
                "these models cannot have the names that they would get: " + "; ".join(wrong.values()),
                hint=f"choose others, as in: {chosen}",
            )

    def _taken(self, there: Model, model: Model) -> str:
        """Why a model that is here is not this one, imported before; empty if it is."""
        numbers = {version.number: version for version in model.versions}
        for version in there.versions:
            if FROM not in version.tags:
                return f"its version {version.number} was made here"
            wanted = self._origin(numbers[version.number]) if version.number in numbers else ""
            if version.tags[FROM] != wanted and not self._misplaced(version, model):
                return f"its version {version.number} was imported from {version.tags[FROM]}"
        return ""

    def _misplaced(self, version: Version, model: Model) -> bool:
        """Whether it is a version of this import that got a lower number than its own, and was to be deleted."""
        wanted = {self._origin(one): one.number for one in model.versions}
        return version.number < wanted.get(version.tags.get(FROM, ""), 0)

    def _stood(self, known: Mapping[str, Model]) -> Iterator[Stand]:
        """What stands at a level at the source and not yet here: by its alias, else by MLflow's old stage."""
        for model in self._models:
            name = self._name(model)
            here = known[name].aliases if name in known else {}
            stands = {(alias, number): alias for alias, number in model.aliases.items()}
            for version in model.versions:
                stands |= {(version.stage, version.number): f"stage {version.stage}"} if version.stage else {}
            for (alias, number), was in stands.items():
                level = governed(alias, self._levels)
                if level is not None and here.get(level) != number:
                    yield Stand(name, number, level, was)

    # What is done -----------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Copy everything that is not here yet. Raises: Mismatch for a copy that is not what was read."""
        places = {experiment.id: self._experiment(experiment) for experiment, _, _ in self._scope}
        started: list[tuple[Run, str, bool]] = []
        logged: list[tuple[Logged, Experiment, Logged | None]] = []
        for experiment, runs, models in self._scope:
            place = places[experiment.id]
            there = self._runs_there(place)
            for run in runs:
                self._ids[run.id] = there[run.id].id if run.id in there else self._open_run(run, place)
                started.append((run, self._ids[run.id], run.id in there and _whole(there[run.id], run)))
            found = self._logged_there(place)
            logged += [(one, place, found.get(one.id)) for one in models]
        for one, place, old in logged:
            self._logged[one.id] = (old.id, old.tags.get(DIGEST, "")) if old else (self._open_logged(one, place), "")
        self._copy_runs(started)
        self._copy_logged(logged)
        for model in self._models:
            self._copy_model(model, places)
        self._count(places)
        return self.outcome

    def _experiment(self, experiment: Experiment) -> Experiment:
        """The experiment of the same name here; tags that it has already stay."""
        known = {one.name: one for one in self._target.experiments()}.get(experiment.name)
        missing = {key: value for key, value in experiment.tags.items() if known is None or key not in known.tags}
        other = [key for key, value in experiment.tags.items() if known and known.tags.get(key, value) != value]
        if other:
            self.outcome.notes.append(f"the experiment {experiment.name} keeps its own {', '.join(sorted(other))}")
        if known is None:
            self.outcome.add("experiments")
        made = self._target.experiment(experiment.name, missing)
        return Experiment(made, experiment.name, {**missing, **(known.tags if known else {})})

    def _runs_there(self, experiment: Experiment | None) -> dict[str, Run]:
        """The runs of this source that are here, by their ids there."""
        if experiment is None:
            return {}
        found = self._target.runs(experiment, f"tags.`{WHICH}` != ''")
        return {run.tags[WHICH]: run for run in found if run.tags.get(FROM) == self._source.address}

    def _logged_there(self, experiment: Experiment) -> dict[str, Logged]:
        found = self._target.logged(experiment, f"tags.`{WHICH}` != ''")
        return {one.tags[WHICH]: one for one in found if one.tags.get(FROM) == self._source.address}

    def _open_run(self, run: Run, experiment: Experiment) -> str:
        marks = {FROM: self._source.address, WHICH: run.id}
        return self._target.new_run(experiment.id, replace(run, tags=_renamed(run.tags)), marks)

    def _open_logged(self, logged: Logged, experiment: Experiment) -> str:
        marks = {FROM: self._source.address, WHICH: logged.id}
        here = replace(logged, tags=_renamed(logged.tags), run=self._ids.get(logged.run, ""))
        return self._target.new_logged(experiment.id, here, marks)

    def _copy_runs(self, started: Sequence[tuple[Run, str, bool]]) -> None:
        for number, (run, new, done) in enumerate(started, 1):
            if done:
                continue
            self._say(f"run {number} of {len(started)}: {run.name or run.id}")
            wanted = self._here(run)
            values = self._source.values(run)
            with _scratch() as folder:
                self._source.fetch(run.uri, folder / "from")
                files = _files(folder / "from")
                self._target.fill_run(new, wanted, values, folder / "from")
                got = self._target.run(new, run.experiment)
                self._target.fetch(got.uri, folder / "here")
                read = _run_digest(_as_asked(got, wanted), self._target.values(got) & values, _only(folder, files))
            told = _run_digest(wanted, values, files)
            if read != told:
                raise Mismatch(
                    f"the run {run.id} of {self._source.address} is not whole after it was copied, as {new}",
                    hint="run the same command again; the run is copied anew",
                )
            self._target.mark_run(new, {DIGEST: told, STATE: _state(run)})
            self.outcome.add("runs")
            self.outcome.add("metric values", len(values))
            self.outcome.add("files of runs", len(files))

    def _here(self, run: Run) -> Run:
        """The run as it is to be here: with the ids that its relatives have here."""
        tags = _renamed(run.tags)
        if _PARENT in tags:
            tags[_PARENT] = self._ids.get(tags[_PARENT], tags[_PARENT])
        return replace(
            run,
            tags=tags,
            used=tuple(sorted(self._logged[one][0] for one in run.used if one in self._logged)),
            made=tuple(sorted((self._logged[one][0], step) for one, step in run.made if one in self._logged)),
        )

    def _copy_logged(self, logged: Sequence[tuple[Logged, Experiment, Logged | None]]) -> None:
        for one, place, old in logged:
            if old is None or DIGEST not in old.tags:
                self._say(f"logged model {one.name}")
                with _scratch() as folder:
                    self._source.fetch(one.uri, folder / "from")
                    digest = self._fill_logged(one, self._logged[one.id][0], place, folder)
                self._logged[one.id] = (self._logged[one.id][0], digest)

    def _fill_logged(self, logged: Logged, new: str, place: Experiment, folder: Path) -> str:
        """Write, read back and mark a logged model whose files lie in the folder; their digest, empty without one."""
        linked = frozenset((*v[:4], self._ids[v[4]], *v[5:]) for v in logged.values if v[4] in self._ids)
        wanted = replace(logged, tags=_renamed(logged.tags), run=self._ids.get(logged.run, ""), values=linked)
        files, digest = _files(folder / "from"), _dir_hash(folder / "from")
        self._target.fill_logged(new, wanted, folder / "from")
        got = self._target.one_logged(new, place)
        self._target.fetch(got.uri, folder / "here")
        if _logged_content(got, wanted) != _logged_content(wanted, wanted) or _only(folder, files) != files:
            raise Mismatch(
                f"the logged model {logged.id} of {self._source.address} is not whole after it was copied, as {new}",
                hint="run the same command again; the model is copied anew",
            )
        self._target.mark_logged(new, {DIGEST: digest})
        self.outcome.add("logged models")
        self.outcome.add("files of models", len(files))
        return digest

    def _copy_model(self, model: Model, places: Mapping[str, Experiment]) -> None:
        name = self._name(model)
        there = self._target.model(name)
        if there is None:
            self._target.new_model(name, replace(model, tags=_renamed(model.tags, _of_ours)))
            self.outcome.add("models")
        known = {version.number: version for version in there.versions} if there else {}
        for version in list(known.values()):
            if self._misplaced(version, model):
                self._target.drop_version(name, version.number)
                del known[version.number]
        for version in model.versions:
            if not self._is(known.get(version.number), version):
                self._say(f"{name}/{version.number}")
                self._copy_version(name, version, places)
        here = there.aliases if there else {}
        for alias, number in model.aliases.items():
            if governed(alias, self._levels) is None and here.get(alias) != number:
                self._target.set_alias(name, alias, number)
                self.outcome.add("aliases")

    def _copy_version(self, name: str, version: Version, places: Mapping[str, Experiment]) -> None:
        logged, digest, run = self._place(name, version, places)
        tags = {**_renamed(version.tags, _of_a_version), FROM: self._origin(version)}
        if digest:
            tags.setdefault(MODEL_DIGEST, digest)
        if tags.get(MODEL_DIGEST, digest) != digest:
            self.outcome.notes.append(f"the files of {name}/{version.number} are not those that it was registered with")
        while (number := self._target.new_version(name, logged, run, tags, version)) != version.number:
            self._target.drop_version(name, number)  # a number that was deleted there is passed over here
            if number > version.number:
                raise Mismatch(
                    f"the registry has had a {name}/{version.number} before, and does not give that number again",
                    hint=f"import it under another name: --as {version.name}={name}-imported",
                )
        self._compare_version(name, version, tags, digest)
        self.outcome.add("versions")

    def _compare_version(self, name: str, version: Version, tags: Mapping[str, str], digest: str) -> None:
        model = self._target.model(name)
        got = next((one for one in model.versions if one.number == version.number), None) if model else None
        whole = got is not None and got.description == version.description
        if got is None or not whole or {key: got.tags.get(key) for key in tags} != tags:
            raise Mismatch(f"{name}/{version.number} is not whole after it was registered", hint="import it again")
        with _scratch() as folder:
            self._target.fetch(self._target.files_of(got), folder / "here")
            if _dir_hash(folder / "here") != digest:
                raise Mismatch(f"the files of {name}/{version.number} are others than at the source")

    def _place(self, name: str, version: Version, places: Mapping[str, Experiment]) -> tuple[str, str, str]:
        """The logged model that holds a version's files here, their digest, and the version's run here.

        A version keeps the logged model that it was made from; one from elsewhere gets a logged model of its own, which
        nobody writes to any more.
        """
        run = self._ids.get(version.run, "")
        of = {one.id: one for _, _, models in self._scope for one in models}.get(
            version.source.removeprefix("models:/")
        )
        if of is not None and self._ids.get(of.run, "") == run and self._logged[of.id][1]:
            return (*self._logged[of.id], run)
        where = next((e for e, runs, _ in self._scope for one in runs if one.id == version.run), None)
        place = places[where.id] if where else self._experiment(Experiment("", name, {}))
        own = Logged(f"{version.name}/{version.number}", place, name, version.run, "", "READY", version.created, {}, {},
                     "", frozenset())  # fmt: skip
        old = self._logged_there(place).get(own.id)
        if old is not None and DIGEST in old.tags:
            return old.id, old.tags[DIGEST], run
        with _scratch() as folder:
            self._fetch_version(version, folder / "from")
            new = old.id if old else self._open_logged(own, place)
            return new, self._fill_logged(own, new, place, folder), run

    def _fetch_version(self, version: Version, folder: Path) -> None:
        """Raise CouldNot where the files are gone, unless the order is to do without them."""
        ref = f"{version.name}/{version.number}"
        try:
            found = self._source.fetch(self._source.files_of(version), folder)
        except NotFound:
            found = False
        if not found and not self._order.without_files:
            raise CouldNot(
                f"the files of {ref} are gone from {self._source.address}",
                hint="import it without them: --without-files; what was copied so far stays",
            )
        if not found:
            self.outcome.notes.append(f"{ref} was imported without its files, which are gone at the source")

    def _count(self, places: Mapping[str, Experiment]) -> None:
        """Count both sides anew. Raises: Mismatch when they differ."""
        runs = sum(len(runs) for _, runs, _ in self._scope)
        here = sum(DIGEST in run.tags for place in places.values() for run in self._runs_there(place).values())
        found = {model.name: model for model in self._target.models()}
        versions = [(self._name(model), version) for model in self._models for version in model.versions]
        same = sum(
            self._is(known, version)
            for name, version in versions
            for known in (found[name].versions if name in found else ())
            if known.number == version.number
        )
        plain = [(self._name(m), a, n) for m in self._models for a, n in m.aliases.items() if not self._level(a)]
        set_here = sum(found[name].aliases.get(alias) == number for name, alias, number in plain if name in found)
        ids = {one.id for _, _, models in self._scope for one in models}
        logged = {
            one.tags[WHICH]
            for place in places.values()
            for one in self._logged_there(place).values()
            if DIGEST in one.tags
        }
        self.outcome.counted = {
            "runs": (runs, here),
            "logged models": (len(ids), len(ids & logged)),
            "models": (len(self._models), sum(self._name(model) in found for model in self._models)),
            "versions": (len(versions), same),
            "other aliases": (len(plain), set_here),
        }
        short = [
            f"{what}: {there} there, {got} here" for what, (there, got) in self.outcome.counted.items() if got < there
        ]
        if short:
            raise Mismatch(f"not everything arrived: {'; '.join(short)}", hint="run the same command again")

    def _level(self, alias: str) -> str | None:
        return governed(alias, self._levels)

    def _name(self, model: Model) -> str:
        return self._order.names.get(model.name, model.name)

    def _is(self, there: Version | None, version: Version) -> bool:
        return there is not None and there.tags.get(FROM) == self._origin(version)

    def _origin(self, version: Version) -> str:
        """Where a version came from, in one line: for people, and to know it again."""
        parts = [
            f"{self._source.address} {version.name}/{version.number}",
            f"made {_moment(version.created)}",
            *([f"run {version.run}"] if version.run else []),
            f"source {version.source}",
            *([f"stage {version.stage}"] if version.stage else []),
        ]
        return ", ".join(parts)


# Digests and other small things -------------------------------------------------------------------------------------


def _run_digest(run: Run, values: Iterable[Value], files: Mapping[str, str]) -> str:
    """Of everything that a run says and holds, whatever its id."""
    content = {
        "name": run.name,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "tags": dict(run.tags),
        "params": dict(run.params),
        "datasets": [_plain(one) for one in run.datasets],
        "used": list(run.used),
        "made": [list(one) for one in run.made],
        "values": sorted(map(list, values)),
        "files": dict(files),
    }
    return _digest(content)


def _state(run: Run) -> str:
    """Of what is quickly read of a run; it changes when somebody goes on with the run."""
    facts = [run.name, run.status, run.ended, dict(run.tags), dict(run.params), [list(one) for one in run.latest]]
    return _digest([*facts, [_plain(one) for one in run.datasets], list(run.used), [list(one) for one in run.made]])


def _whole(here: Run, run: Run) -> bool:
    """Whether the run was copied to its end, and is the same at the source since."""
    return DIGEST in here.tags and here.tags.get(STATE) == _state(run)


def _as_asked(got: Run, wanted: Run) -> Run:
    """The run that is here, without what was added to it here."""
    return replace(
        got,
        tags={key: got.tags.get(key, "") for key in wanted.tags},
        params={key: got.params.get(key, "") for key in wanted.params},
        datasets=tuple(one for one in got.datasets if one in wanted.datasets),
        used=tuple(one for one in got.used if one in wanted.used),
        made=tuple(one for one in got.made if one in wanted.made),
    )


def _logged_content(got: Logged, wanted: Logged) -> dict[str, Any]:
    return {
        "facts": (got.name, got.kind, got.status, got.run),
        "tags": {key: got.tags.get(key) for key in wanted.tags},
        "params": {key: got.params.get(key) for key in wanted.params},
        "values": got.values & wanted.values,
    }


def _renamed(tags: Mapping[str, str], ours: Callable[[str], bool] = _MARKS.__contains__) -> dict[str, str]:
    """Tags that an earlier registry wrote say so where they would be taken for something that was said here."""
    return {f"imported.{key}" if ours(key) else key: value for key, value in tags.items()}


def _of_ours(key: str) -> bool:
    return key.startswith("towpath.")


def _of_a_version(key: str) -> bool:
    return _of_ours(key) and key not in _KEPT


def _files(folder: Path) -> dict[str, str]:
    """Each file's digest by its path."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in found}


def _only(folder: Path, files: Mapping[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in _files(folder / "here").items() if name in files}


def _dir_hash(folder: Path) -> str:
    """Empty for a folder that has none: without files, or with names that could be taken for others."""
    try:
        return dir_hash(folder)
    except Refused:
        return ""


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for the files of one thing: `from` the source, and what was read back from `here`."""
    with tempfile.TemporaryDirectory(prefix="towpath-import-") as folder:
        for name in ("from", "here"):
            (Path(folder) / name).mkdir()
        yield Path(folder)


def _digest(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _plain(dataset: Dataset) -> list[Any]:
    return [getattr(dataset, name) for name in Dataset.__dataclass_fields__]


def _moment(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return stamp(datetime.fromtimestamp(milliseconds / 1000, UTC))[:19] + "Z"


def unusable(name: str) -> str:
    """Why towpath's commands could not name a model so; empty if they can."""
    try:
        check_name(name)
    except Misused as error:
        return error.hint
    return ""


def _proposed(name: str, taken: set[str]) -> str:
    """A name that can be had, as near to the old one as it may be."""
    words = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split())[:50]
    near = words if words[:1].isalpha() else f"model-{words}".rstrip("-")
    return near if near not in taken else f"{near}-imported"

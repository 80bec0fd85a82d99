"""A plain MLflow registry comes under towpath: all of it is copied, counted and compared, and nothing is claimed.

What is copied carries where it came from. A run or a logged model is marked when it was read back and is what was read
at the source, so that an import that was interrupted goes on behind the last mark, and one that is done does nothing.
An alias that is a level tells where a version stood, not what was checked: it is never moved past the gates.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from towpath_core.digests import dir_hash, sha256_file
from towpath_core.errors import CouldNot, Mismatch, NotFound, Refused
from towpath_registry.import_plan import Order, Plan, Selection, planned
from towpath_registry.names import governed
from towpath_registry.nouns import DIGEST as MODEL_DIGEST
from towpath_registry.plain_registry import (
    DIGEST,
    FROM,
    STATE,
    WHICH,
    Experiment,
    Logged,
    Model,
    Run,
    Version,
    as_asked,
    logged_content,
    of_a_version,
    of_ours,
    renamed,
    run_digest,
    state,
    whole,
)

if TYPE_CHECKING:
    from towpath_registry.mlflow_transfer import Side

_PARENT = "mlflow.parentRunId"
Say = Callable[[str], None]


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
        self._source, self._target = source, target
        self._levels, self._say = tuple(levels), say
        self._asked = Selection(source, order)
        self._ids: dict[str, str] = {}
        self._logged: dict[str, tuple[str, str]] = {}  # by the id at the source: id here, digest of its files
        self._models = {one.id: one for _, _, models in self._asked.scope for one in models}
        self._homes = {run.id: experiment.id for experiment, runs, _ in self._asked.scope for run in runs}
        self._own: dict[str, dict[str, Logged]] = {}  # by the experiment's id: what an earlier import made there
        self.outcome = Outcome()

    def plan(self) -> Plan:
        """Raise Refused for names that cannot be had, with the options that choose others."""
        return planned(self._asked, self._target, self._levels)

    def run(self) -> Outcome:
        """Copy everything that is not here yet. Raises: Mismatch for a copy that is not what was read."""
        places = {experiment.id: self._experiment(experiment) for experiment, _, _ in self._asked.scope}
        started: list[tuple[Run, str, bool]] = []
        logged: list[tuple[Logged, Experiment, Logged | None]] = []
        for experiment, runs, models in self._asked.scope:
            place = places[experiment.id]
            there = self._asked.runs_there(self._target, place)
            for run in runs:
                self._ids[run.id] = there[run.id].id if run.id in there else self._open_run(run, place)
                started.append((run, self._ids[run.id], run.id in there and whole(there[run.id], run)))
            found = self._asked.logged_there(self._target, place)
            logged += [(one, place, found.get(one.id)) for one in models]
        for one, place, old in logged:
            self._logged[one.id] = (old.id, old.tags.get(DIGEST, "")) if old else (self._open_logged(one, place), "")
        self._copy_runs(started)
        self._copy_logged(logged)
        for model in self._asked.models:
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

    def _open_run(self, run: Run, experiment: Experiment) -> str:
        marks = {FROM: self._source.address, WHICH: run.id}
        return self._target.new_run(experiment.id, replace(run, tags=renamed(run.tags)), marks)

    def _open_logged(self, logged: Logged, experiment: Experiment) -> str:
        marks = {FROM: self._source.address, WHICH: logged.id}
        here = replace(logged, tags=renamed(logged.tags), run=self._ids.get(logged.run, ""))
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
                read = run_digest(as_asked(got, wanted), self._target.values(got) & values, _only(folder, files))
            told = run_digest(wanted, values, files)
            if read != told:
                raise Mismatch(
                    f"the run {run.id} of {self._source.address} is not whole after it was copied, as {new}",
                    hint="run the same command again; the run is copied anew",
                )
            self._target.mark_run(new, {DIGEST: told, STATE: state(run)})
            self.outcome.add("runs")
            self.outcome.add("metric values", len(values))
            self.outcome.add("files of runs", len(files))

    def _here(self, run: Run) -> Run:
        """The run as it is to be here: with the ids that its relatives have here."""
        tags = renamed(run.tags)
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
        wanted = replace(logged, tags=renamed(logged.tags), run=self._ids.get(logged.run, ""), values=linked)
        files, digest = _files(folder / "from"), _dir_hash(folder / "from")
        self._target.fill_logged(new, wanted, folder / "from")
        got = self._target.one_logged(new, place)
        self._target.fetch(got.uri, folder / "here")
        if logged_content(got, wanted) != logged_content(wanted, wanted) or _only(folder, files) != files:
            raise Mismatch(
                f"the logged model {logged.id} of {self._source.address} is not whole after it was copied, as {new}",
                hint="run the same command again; the model is copied anew",
            )
        self._target.mark_logged(new, {DIGEST: digest})
        self.outcome.add("logged models")
        self.outcome.add("files of models", len(files))
        return digest

    def _copy_model(self, model: Model, places: Mapping[str, Experiment]) -> None:
        name = self._asked.name(model)
        there = self._target.model(name)
        if there is None:
            self._target.new_model(name, replace(model, tags=renamed(model.tags, of_ours)))
            self.outcome.add("models")
        known = {version.number: version for version in there.versions} if there else {}
        for version in list(known.values()):
            if self._asked.misplaced(version, model):
                self._target.drop_version(name, version.number)
                del known[version.number]
        for version in model.versions:
            if not self._asked.same(known.get(version.number), version):
                self._say(f"{name}/{version.number}")
                self._copy_version(name, version, places)
        here = there.aliases if there else {}
        for alias, number in model.aliases.items():
            if governed(alias, self._levels) is None and here.get(alias) != number:
                self._target.set_alias(name, alias, number)
                self.outcome.add("aliases")

    def _copy_version(self, name: str, version: Version, places: Mapping[str, Experiment]) -> None:
        logged, digest, run = self._place(name, version, places)
        tags = {**renamed(version.tags, of_a_version), FROM: self._asked.origin(version)}
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
        got = self._target.version(name, version.number)
        if got.description != version.description or {key: got.tags.get(key) for key in tags} != tags:
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
        of = self._models.get(version.source.removeprefix("models:/"))
        if of is not None and self._ids.get(of.run, "") == run and self._logged[of.id][1]:
            return (*self._logged[of.id], run)
        home = self._homes.get(version.run)
        place = places[home] if home else self._experiment(Experiment("", name, {}))
        own = Logged(f"{version.name}/{version.number}", place, name, version.run, "", "READY", version.created, {}, {},
                     "", frozenset())  # fmt: skip
        if place.id not in self._own:
            self._own[place.id] = self._asked.logged_there(self._target, place)
        old = self._own[place.id].get(own.id)
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
        if not found and not self._asked.order.without_files:
            raise CouldNot(
                f"the files of {ref} are gone from {self._source.address}",
                hint="import it without them: --without-files; what was copied so far stays",
            )
        if not found:
            self.outcome.notes.append(f"{ref} was imported without its files, which are gone at the source")

    def _count(self, places: Mapping[str, Experiment]) -> None:
        """Count both sides anew. Raises: Mismatch when they differ."""
        asked, target = self._asked, self._target
        found = {model.name: model for model in target.models()}
        runs = [run for place in places.values() for run in asked.runs_there(target, place).values()]
        logged = [one for place in places.values() for one in asked.logged_there(target, place).values()]
        named = [(asked.name(model), model) for model in asked.models]
        there = {(name, v.number): v for name, _ in named if name in found for v in found[name].versions}
        versions = [(name, version) for name, model in named for version in model.versions]
        aliases = [(name, a, n) for name, model in named for a, n in model.aliases.items() if not self._level(a)]
        models = set(self._models)
        self.outcome.counted = {
            "runs": (sum(len(runs) for _, runs, _ in asked.scope), sum(DIGEST in run.tags for run in runs)),
            "logged models": (len(models), len(models & {one.tags[WHICH] for one in logged if DIGEST in one.tags})),
            "models": (len(named), sum(name in found for name, _ in named)),
            "versions": (len(versions), sum(asked.same(there.get((name, v.number)), v) for name, v in versions)),
            "other aliases": (len(aliases), sum(found[name].aliases.get(a) == n for name, a, n in aliases)),
        }
        short = [f"{what}: {of} there, {got} here" for what, (of, got) in self.outcome.counted.items() if got < of]
        if short:
            raise Mismatch(f"not everything arrived: {'; '.join(short)}", hint="run the same command again")

    def _level(self, alias: str) -> str | None:
        return governed(alias, self._levels)


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

"""`towpath import`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from towpath.console import Console, clean, table, with_console
from towpath_core.errors import CouldNot, Misused, NotFound, Refused
from towpath_registry.nouns import Question

if TYPE_CHECKING:
    from towpath_registry.adopting import Adopted
    from towpath_registry.import_plan import Order, Plan, Stand
    from towpath_registry.importing import Outcome
    from towpath_registry.mlflow_transfer import Side
    from towpath_registry.store import Store

_SQLITE = "sqlite:///"
_FROM = "imported_from"  # what an entry of the ledger says of an import
# What the source wants to know of who reads it; what MLFLOW_TRACKING_… says is for the registry that is written to.
_CREDENTIALS = {
    "MLFLOW_TRACKING_USERNAME": "TOWPATH_SOURCE_USERNAME",
    "MLFLOW_TRACKING_PASSWORD": "TOWPATH_SOURCE_PASSWORD",
    "MLFLOW_TRACKING_TOKEN": "TOWPATH_SOURCE_TOKEN",
}


@click.command("import")
@click.argument("source", required=False)
@click.option("--adopt", is_flag=True, help="Copy nothing: put the database of MLFLOW_TRACKING_URI under towpath.")
@click.option("--model", "only", multiple=True, metavar="NAME", help="Only this model, with the runs behind it.")
@click.option("--as", "names", multiple=True, metavar="OLD=NEW", help="The name that a model gets here.")
@click.option(
    "--artifacts",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the files of a SQLite source lie, if its server kept them; by default beside it.",
)
@click.option("--without-files", is_flag=True, help="Import versions whose files are gone, without them.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported; write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@with_console
def command(
    console: Console,
    source: str | None,
    adopt: bool,
    only: tuple[str, ...],
    names: tuple[str, ...],
    artifacts: Path | None,
    without_files: bool,
    dry_run: bool,
    yes: bool,
) -> int | None:
    """Bring a plain MLflow registry under towpath: a server's, or a SQLite database.

    Copies experiments, runs with the history of their metrics, logged models, versions with their numbers, aliases and
    all files, and compares what arrived. What was done is passed over, so an import that stopped goes on. Nothing of
    it has passed a gate: a version that stood at a level is promoted anew, with evidence.

    \b
    towpath import http://mlflow.example:5000 --dry-run
    towpath import sqlite:///mlflow.db -y
    towpath import http://mlflow.example:5000 --model Churn --as Churn=churn
    MLFLOW_TRACKING_URI=sqlite:///mlflow.db towpath import --adopt
    """
    from towpath_registry.import_plan import Order

    if adopt == (source is not None) or (adopt and (only or names or artifacts or without_files)):
        raise Misused(
            "either a registry is named, which is copied, or the database in force is adopted as it is",
            hint="towpath import http://mlflow.example:5000, or towpath import --adopt",
        )
    if source is None:
        _adopt(console, dry_run=dry_run)
        return None
    order = Order(only, _chosen(names, only), without_files)
    with _alone(dry_run=dry_run), _reading(source, artifacts) as reads, _writing(dry_run=dry_run) as writes:
        return _import(console, reads, writes, order, dry_run=dry_run, yes=yes)


def _import(console: Console, reads: Side, writes: Side, order: Order, *, dry_run: bool, yes: bool) -> int | None:
    from towpath_registry.importing import Importer
    from towpath_registry.store import open_store

    store = open_store(os.environ)
    governed, levels = _governed(store, reads.address)
    work = Importer(reads, writes, order, levels, console.say)
    plan = work.plan()
    shown = {"plan": asdict(plan), "governed": governed}
    if dry_run:
        console.result({**shown, "imported": False}, f"{_planned(plan, governed)}\n\nNothing was written (--dry-run).")
        return None
    if not yes and not _agreed(plan, governed):
        console.say("Nothing was written.")
        return 1
    outcome = work.run()
    stand, rest = ([], list(plan.stood)) if governed else _divided(plan.stood)
    _put(store, reads.address, stand)
    content = {**shown, "imported": True, **asdict(outcome), "stood": list(map(asdict, stand)),
               "to_promote": list(map(asdict, rest))}  # fmt: skip
    console.result(content, _told(plan, outcome, stand, rest))
    return None


def _chosen(names: Sequence[str], only: Sequence[str]) -> dict[str, str]:
    """OLD=NEW, or NEW alone where one model is asked for."""
    pairs = [
        (name.rpartition("=")[0] or (only[0] if len(only) == 1 else ""), name.rpartition("=")[2]) for name in names
    ]
    if any(not old or not new for old, new in pairs) or len(dict(pairs)) != len(pairs):
        raise Misused(
            "a new name is given as OLD=NEW, once for each model", hint="towpath import SOURCE --as Churn_Model=churn"
        )
    return dict(pairs)


# The two sides -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _reading(source: str, artifacts: Path | None) -> Iterator[Side]:
    from towpath_registry import places
    from towpath_registry.mlflow_transfer import Side
    from towpath_registry.remote import open_remote
    from towpath_registry.sqlite_copy import frozen

    credentials = {theirs: os.environ.get(ours, "") for theirs, ours in _CREDENTIALS.items()}
    if source.startswith(("http://", "https://")):
        address = places.without_password(source).rstrip("/")
        if address == places.without_password(places.tracking_uri(os.environ)):
            raise Misused(f"{address} is the registry in force", hint="unset MLFLOW_TRACKING_URI, or set it to another")
        if artifacts:
            raise Misused("--artifacts is for a SQLite source; a server knows where its files lie")
        if open_remote(source, credentials) is not None:
            raise Refused(
                f"{address} has a ledger, which a copy of its models would lose",
                hint=f"use the registry as it is: MLFLOW_TRACKING_URI={address}",
            )
        yield Side(source.rstrip("/"), address, credentials)
        return
    if not source.startswith(_SQLITE) or source == _SQLITE:
        raise Misused(f"{places.without_password(source)} is nothing that can be imported", hint=_instead(source))
    path = Path(source.removeprefix(_SQLITE)).absolute()
    if path == places.database(os.environ):
        raise Misused(f"{path} is the registry in force", hint="towpath import --adopt puts it under towpath as it is")
    with frozen(path, artifacts) as copy:
        yield Side(f"{_SQLITE}{copy}", f"{_SQLITE}{path}", {})


def _instead(source: str) -> str:
    if Path(source).is_dir() or source.startswith("file:"):
        return "mlflow migrate-filestore --source FOLDER --target sqlite:///mlflow.db, then import sqlite:///mlflow.db"
    if source.endswith(".db"):
        return f"write it as sqlite:///{source}"
    return "name a server (http://…, https://…) or a database (sqlite:///…); over another database, start mlflow server"


@contextlib.contextmanager
def _writing(*, dry_run: bool) -> Iterator[Side]:
    """The registry in force, made if need be; for a dry run one that is not there yet is an empty one elsewhere."""
    from towpath_registry import places
    from towpath_registry.actor import actor
    from towpath_registry.mlflow_transfer import Side

    environ: dict[str, str] = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="towpath-import-") as nowhere:
        database = places.database(environ)
        if dry_run and database is not None and not database.exists():
            environ |= {"MLFLOW_TRACKING_URI": "", "TOWPATH_HOME": nowhere}
        places.ensure_home(environ)
        own = {name: os.environ.get(name, "") for name in _CREDENTIALS}
        uri = places.tracking_uri(environ)
        yield Side(uri, places.without_password(uri), own, places.artifacts(environ), actor(environ))


@contextlib.contextmanager
def _alone(*, dry_run: bool) -> Iterator[None]:
    """One import at a time; the system lets the lock go when the process ends, however it ends."""
    from towpath_registry import places

    if dry_run:
        yield
        return
    home = places.home(os.environ)
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / ".import.lock").open("w")
    except OSError as error:
        raise CouldNot(f"cannot write into {home}: {error.strerror}", hint="set TOWPATH_HOME") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CouldNot("another import is under way here", hint="wait for it, then run it again") from error
        yield


# Levels --------------------------------------------------------------------------------------------------------------


def _governed(store: Store, source: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the ledger tells of anything but an import from this source, and which levels there are."""
    from towpath_registry.governing import desk
    from towpath_registry.nouns import LEVELS

    try:
        levels = tuple(level.name for level in desk(os.environ).policy().levels)
        told = [*store.ledger(""), *(e for model in store.models() for e in store.ledger(model.name, Question()))]
    except Refused:  # a shared registry where nobody has set a policy yet
        return True, LEVELS
    except NotFound:  # there is no registry yet: for a dry run it is not made
        return False, LEVELS
    return any(entry.details.get(_FROM) != source for entry in told), levels


def _divided(stood: Sequence[Stand]) -> tuple[list[Stand], list[Stand]]:
    """What stands where it stood, and the rest: of two for one level an alias goes before a stage, and neither if both
    are of a kind."""
    stand: list[Stand] = []
    for model, level in dict.fromkeys((one.model, one.level) for one in stood):
        both = [one for one in stood if (one.model, one.level) == (model, level)]
        exact = [one for one in both if one.was == level] or [one for one in both if one.was.startswith("stage ")]
        stand += exact if len(exact) == 1 else []
    return stand, [one for one in stood if one not in stand]


def _put(store: Store, source: str, stand: Sequence[Stand]) -> None:
    """Put versions where they stood; the ledger says that this is all that is known of it."""
    from towpath_core.refs import ModelRef
    from towpath_registry.actor import actor
    from towpath_registry.nouns import IMPORTED, Decision

    by = actor(os.environ)
    for one in stand:
        digest = store.version(ModelRef(one.model, version=one.version)).digest
        why = f"it stood there before, as {one.was}"
        said = Decision(one.model, IMPORTED, one.level, one.version, None, by, why, digest, "", ())
        store.record(replace(said, details={_FROM: source}))


# What is said --------------------------------------------------------------------------------------------------------


def _agreed(plan: Plan, governed: bool) -> bool:
    if not sys.stdin.isatty():
        raise Misused("there is no terminal to ask on", hint="look with --dry-run, then say yes with -y")
    click.echo(_planned(plan, governed), err=True)
    return click.confirm("\nImport it?", err=True)


def _planned(plan: Plan, governed: bool) -> str:
    from towpath_registry.import_plan import NOT_COPIED

    rows: list[tuple[object, ...]]
    rows = [("experiment", part.name, None, f"{part.count} runs", part.there) for part in plan.experiments]
    rows += [
        ("model", part.name, part.target if part.target != part.name else None, f"{part.count} versions", part.there)
        for part in plan.models
    ]
    parts = [f"From {plan.source}", table(("what", "name", "new name", "holds", "here already"), rows)]
    if plan.stood:
        parts.append(
            _stood(plan.stood, "stands at a level there" + (", and is to be promoted here" if governed else ""))
        )
    parts.append(f"Not copied: {NOT_COPIED}." + (f" Deleted runs: {plan.deleted_runs}." if plan.deleted_runs else ""))
    return clean("\n\n".join(parts))


def _stood(stood: Sequence[Stand], head: str) -> str:
    return table((head, "level", "was"), [(f"{one.model}/{one.version}", one.level, one.was) for one in stood])


def _told(plan: Plan, outcome: Outcome, stand: Sequence[Stand], rest: Sequence[Stand]) -> str:
    counted = [(what, there, here) for what, (there, here) in outcome.counted.items()]
    copied = ", ".join(f"{count} {what}" for what, count in outcome.copied.items())
    parts = [
        f"Imported from {plan.source}: {copied or 'nothing new'}.",
        table(("compared", "there", "here"), counted),
        *([_stood(stand, "stands where it stood, as imported")] if stand else []),
        *([_stood(rest, "to be promoted")] if rest else []),
        *outcome.notes,
    ]
    return clean("\n\n".join([*parts, _next(rest)]))


def _next(rest: Sequence[Stand]) -> str:
    why = "No imported version has passed a gate: it has no evidence until towpath run makes the model anew."
    following = f"promote {rest[0].model}/{rest[0].version} --to {rest[0].level} --dry-run" if rest else "list"
    return f"{why}\nNext: towpath {following}"


# Adopting ------------------------------------------------------------------------------------------------------------


def _adopt(console: Console, *, dry_run: bool) -> None:
    from towpath_core.clock import utc_now
    from towpath_registry import places
    from towpath_registry.adopting import adopt
    from towpath_registry.embedded import EmbeddedStore

    path = places.database(os.environ)
    if path is None:
        raise Misused(
            "a server's database is adopted by towpath server, which is started over it", hint="towpath server --help"
        )
    found = adopt(EmbeddedStore(path, utc_now, environ=os.environ), console.say, dry_run=dry_run)
    stood = [{"model": e.model, "version": e.version, "level": e.level, "entry": e.seq} for e in found.stood]
    content = {**asdict(found), "stood": stood, "adopted": not dry_run or found.already}
    console.result(content, _adopted(path, found, dry_run=dry_run))


def _adopted(path: Path, found: Adopted, *, dry_run: bool) -> str:
    if found.already:
        return f"{path} is under towpath already: {found.models} models, {found.versions} versions."
    would = "would be" if dry_run else "is"
    computed = f"{found.digests} digests computed from the files"
    lines = [f"{path} {would} under towpath: {found.models} models, {found.versions} versions, {computed}."]
    rows = [(f"{e.model}/{e.version}", e.level, e.seq) for e in found.stood]
    lines += [table(("stands where it stood", "level", "ledger entry"), rows)] if rows else []
    if found.without_files:
        lines.append(f"Without a digest, because their files are not here: {', '.join(found.without_files[:10])}")
    if found.look_alikes:
        lines.append(f"These aliases look like a level and are none: {', '.join(found.look_alikes[:10])}")
    if found.odd_names:
        lines.append(f"No towpath command can name these models: {', '.join(found.odd_names[:10])}")
    lines.append("No version has passed a gate yet: it has no evidence until towpath run makes the model anew.")
    return clean("\n\n".join([*lines, "Nothing was written (--dry-run)." if dry_run else "Next: towpath list"]))

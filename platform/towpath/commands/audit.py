"""`towpath audit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, mark, table, with_console
from towpath_core.errors import CouldNot, Misused, NotFound, TowpathError

if TYPE_CHECKING:
    from towpath_registry.auditing import Audit, Kept
    from towpath_registry.checkpoints import PublicKey
    from towpath_registry.database import Databases
    from towpath_registry.exporting import Exported

_FILE = click.Path(path_type=Path, dir_okay=False)
_DATABASE = "The database of a server, on its machine: sqlite:///… or postgresql://user@host/name."
_LONG = 50_000  # entries after which something is said
FAILED = 5


@click.group("audit", invoke_without_command=True)
@click.option("--anchor", "anchors", multiple=True, type=_FILE, metavar="FILE", help="Checkpoints kept elsewhere.")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Trust this key for checkpoints, not the home's own.")
@click.option("--full", is_flag=True, help="Read every word of a long ledger, and verify every signature.")
@click.option("--database", default="", help=_DATABASE)
@with_console
@click.pass_context
def command(
    ctx: click.Context,
    /,
    console: Console,
    anchors: tuple[Path, ...],
    keys: tuple[str, ...],
    full: bool,
    database: str,
) -> int:
    """Verify the ledger, what was signed of it, and that the registry follows from it.

    Exit code 5 if anything does not hold. What the owner of the database cannot have changed is what was carried out of
    it: the checkpoints in the places that TOWPATH_ANCHORS names, and those that you give.

    \b
    towpath audit
    towpath audit --anchor letter.note --full
    towpath audit export ledger.tar.gz
    towpath audit verifier > verify_towpath_ledger.py
    """
    if ctx.invoked_subcommand:
        return 0
    from towpath_registry import auditing, tables
    from towpath_registry.checkpoints import trusted

    given = [_given(path) for path in anchors]
    mine = trusted(keys) if keys else {}
    with opened_database(os.environ, database).reading() as rows:
        if not tables.exists(rows):
            raise NotFound("nothing was ever recorded in this registry", hint="towpath promote makes the first entry")
        home = _home(os.environ, database)
        known, text = (mine, "") if keys else _own(home, auditing.name_of(rows))
        kept = [*_carried_out(home), *given]

        def tell(done: int, of: int) -> None:
            if of > _LONG and done % _LONG == 0:
                console.say(f"{done} of {of} entries")

        found = auditing.audit(rows, keys=known, anchors=kept, full=full, tell=tell)
    console.result(_content(found, kept, text), _text(found, kept, text))
    return 0 if found.passed else FAILED


@command.command("export")
@click.argument("file", type=_FILE)
@click.option("--database", default="", help=_DATABASE)
@with_console
def export(console: Console, file: Path, database: str) -> None:
    """Write the ledger into one FILE, which an auditor verifies offline.

    It holds all entries, the checkpoints, the policies, the evidence that entries name as far as it is at hand, and the
    verifier. It is never written over another file.

    \b
    towpath audit export ledger.tar.gz
    python3 -I verify_towpath_ledger.py ledger.tar.gz --key KEY --anchor FILE
    """
    from towpath_core.digests import sha256_file

    key, made = _exported(os.environ, file, database)
    digest = sha256_file(file)
    lack = f"\n{len(made.missing)} statements that entries name were not at hand." if made.missing else ""
    text = (
        f"{file} holds {made.entries} entries, {made.checkpoints} checkpoints, {made.policies} policies and"
        f" {made.evidence} statements of evidence.{lack}\n"
        f"{digest}\nKey: {key or 'none was made yet'}\n"
        f"Next: python3 -I verify_towpath_ledger.py {file} --key KEY --anchor FILE"
    )
    console.result({"file": str(file), "digest": digest, "key": key, **asdict(made)}, text)


@command.command("verifier")
def verifier() -> None:
    """Print the program that verifies an export: one file, for any Python 3.9 or later, without packages.

    \b
    towpath audit verifier > verify_towpath_ledger.py
    towpath audit verifier | sha256sum
    """
    from towpath_registry.exporting import VERIFIER

    click.echo(VERIFIER.read_bytes(), nl=False)


def opened_database(environ: Mapping[str, str], address: str = "") -> Databases:
    """The database at the address, else the embedded one. Raises: Misused; CouldNot for what only a server can read."""
    from towpath_registry import places, server_database

    if address:
        return server_database.opened(server_database.address(address))
    if places.database(environ) is None:
        raise CouldNot(
            "an audit reads the database itself, not through the server that answers at MLFLOW_TRACKING_URI",
            hint="on the server's machine: towpath audit --database postgresql://user@host/name",
        )
    return server_database.opened(places.tracking_uri(environ))


def _exported(environ: Mapping[str, str], file: Path, address: str) -> tuple[str, Exported]:
    """The key, as auditors are given it, and what went into the file: of a database, or of a governed server."""
    from towpath_registry import auditing, exporting, places, tables

    if not address and places.database(environ) is None:
        return _from_server(environ, file), exporting.held(file)
    with opened_database(environ, address).reading() as rows:
        if not tables.exists(rows):
            raise NotFound("nothing was ever recorded in this registry", hint="towpath promote makes the first entry")
        _, key = _own(_home(environ, address), auditing.name_of(rows))
        return key, exporting.export(rows, file, _envelopes(environ))


def _from_server(environ: Mapping[str, str], file: Path) -> str:
    """Have a governed server export its ledger; the key that it says it signs with."""
    from towpath_registry.remote import RemoteStore
    from towpath_registry.store import open_store

    store = open_store(environ)
    if not isinstance(store, RemoteStore):
        raise CouldNot("a plain MLflow server has no ledger that could be exported", hint="towpath server starts one")
    store.export(file)
    return store.vkey()


def _home(environ: Mapping[str, str], address: str) -> Mapping[str, str]:
    """The environment whose home holds the registry's key and anchors: beside an embedded database."""
    from towpath_registry import places

    path = None if address else places.database(environ)
    return {**environ, "TOWPATH_HOME": str(path.parent)} if path else environ


def _own(home: Mapping[str, str], name: str) -> tuple[dict[str, PublicKey], str]:
    """The home's key, trusted for the ledger of that name, and as auditors are given it; nothing without one."""
    from towpath_registry import checkpoints, keys

    public = keys.home_public(home, keys.LEDGER, ask=False) if name else None
    if public is None:
        return {}, ""
    return {checkpoints.key_id(name, public): public}, checkpoints.vkey(name, public)


def _carried_out(home: Mapping[str, str]) -> list[Kept]:
    """What lies in the registry's own anchors."""
    from towpath_registry import places
    from towpath_registry.anchors import Anchors
    from towpath_registry.auditing import Kept

    kept = []
    inside = places.home(home).resolve()
    for place in Anchors.chosen(home).places:
        outside = not place.path.resolve().is_relative_to(inside)
        try:
            kept.append(Kept(str(place), tuple(place.notes()), outside))
        except TowpathError as error:
            kept.append(Kept(str(place), (), outside, error.message))
    return kept


def _given(path: Path) -> Kept:
    from towpath_registry.anchors import NoteFile
    from towpath_registry.auditing import Kept

    if not path.exists():
        raise NotFound(f"there is no file {path}")
    notes = NoteFile(path).notes()
    if not notes:
        raise Misused(f"{path} holds no checkpoint", hint="an anchor is the text of one, or of several")
    return Kept(str(path), tuple(notes))


def _envelopes(environ: Mapping[str, str]) -> list[bytes]:
    """The evidence of all versions, as far as this machine can reach it."""
    from towpath_registry.store import open_store

    store = open_store(environ)
    found = []
    try:
        for model in store.models():
            for version in store.versions(model.name):
                found += [content for _, content in store.evidence(version)]
    except CouldNot:  # what is not at hand is told as missing
        return found
    return found


def _content(found: Audit, kept: list[Kept], key: str) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "findings": [{**asdict(finding), "reason": finding.reason} for finding in found.findings],
        "entries": found.entries,
        "head": found.head,
        "checkpoints": found.checkpoints,
        "unsigned": found.unsigned,
        "anchors": [{"place": place.name, "notes": len(place.notes), "outside": place.outside} for place in kept],
        "uncovered": found.uncovered,
        "every_word": found.read,
        "key": key,
    }


def _text(found: Audit, kept: list[Kept], key: str) -> str:
    faults = [finding for finding in found.findings if not finding.passed]
    rows = [(f.gate, mark(f.passed), f"{f.subject} is {f.got}") for f in found.findings]
    good = "All of it holds." if found.entries else "Nothing has been recorded yet."
    lines = [
        good if found.passed else "Something does not hold.",
        table(("what", "verdict", "why"), rows),
        *(clean(f"{f.gate}: {f.reason}") for f in faults),
        _facts(found, kept, key),
    ]
    if not found.read:
        lines.append("Not read: what the entries tell of requests, approvals and evidence; --full reads it.")
    return "\n\n".join(lines)


def _facts(found: Audit, kept: list[Kept], key: str) -> str:
    outside = [place.name for place in kept if place.outside and place.notes]
    anchors = f"{', '.join(outside)}; {found.uncovered} entries are covered by none"
    if not outside:
        anchors = "none but beside the database, which who owns it can rewrite too; set TOWPATH_ANCHORS"
    facts = [
        ("entries", found.entries),
        ("last hash", found.head if found.entries else None),
        ("checkpoints", f"{found.checkpoints}; {found.unsigned} entries came after the last"),
        ("anchors", anchors),
        ("key", key or None),
    ]
    return table(("", ""), facts).partition("\n")[2]

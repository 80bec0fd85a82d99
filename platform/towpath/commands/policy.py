"""`towpath policy`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, table, with_console
from towpath_core.errors import Misused, Refused

if TYPE_CHECKING:
    from towpath_registry.nouns import LedgerEntry
    from towpath_registry.policy import Level, Policy
    from towpath_registry.policy_changes import Change

READY = ("solo", "team", "strict")
FILE = "policy.yaml"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("policy")
def command() -> None:
    """What each level asks, who may approve, whose keys count, what may be loaded.

    The policy belongs to the registry. Where nobody has set one, it is `solo`: every gate, and no approvals. To have
    another, copy one of the three that come with towpath, change it, check it, and put it in force.

    \b
    towpath policy show
    towpath policy init team policy.yaml
    towpath policy check policy.yaml
    towpath policy set policy.yaml --reason "four eyes at production"
    """


@command.command("check")
@click.argument("file", type=_FILE, required=False)
@with_console
def check(console: Console, file: Path | None) -> int:
    """Say whether a policy can be used.

    Every fault of FILE is told, with its line and key. Without FILE it is the policy in force. The exit code is 2 for a
    file with a fault, and 1 for a policy under which nothing could be loaded here.

    \b
    towpath policy check policy.yaml
    towpath policy check
    """
    if file:
        from towpath_registry import policy_file

        policy = policy_file.read(file)
    else:
        from towpath_registry import governing

        policy = governing.policy_in_force(os.environ)
    doubt, notes = policy.loading.types().doubt, _notes(policy)
    told = {"name": policy.name, "version": policy.version, "digest": policy.digest, "doubt": doubt, "notes": notes}
    people, keys = _many(len(policy.people), "person", "people"), _many(len(policy.signers), "key", "keys")
    levels = _many(len(policy.levels), "level", "levels")
    lines = [f"{_named(policy)} can be used: {levels}, {people}, {keys}.", policy.digest]
    lines += [f"Note: {note}" for note in notes]
    if doubt:
        lines[0] = f"{_named(policy)} lets nothing be loaded: the list of types is {doubt}."
    console.result({"policy": told, "usable": not doubt}, clean("\n".join(lines)))
    return 1 if doubt else 0


@command.command("show")
@click.option("--yaml", "as_yaml", is_flag=True, help="As a file that `towpath policy set` takes.")
@with_console
def show(console: Console, as_yaml: bool) -> None:
    """Show the policy in force.

    \b
    towpath policy show
    towpath policy show --yaml > policy.yaml
    """
    from towpath_registry import governing

    policy = governing.policy_in_force(os.environ)
    if as_yaml and not console.json:
        from towpath_registry import policy_file

        click.echo(policy_file.text(policy), nl=False)
        return
    console.result({"policy": policy.content(), "digest": policy.digest}, _text(policy))


@command.command("init")
@click.argument("name", type=click.Choice(READY))
@click.argument("file", type=_FILE, default=FILE)
@with_console
def init(console: Console, name: str, file: Path) -> None:
    """Write a ready policy into a file, to be changed.

    FILE is policy.yaml if you name none. A file that is there is never overwritten.

    solo: one person, no approvals. team: somebody else looks, at production a methodologist and a business owner.
    strict: signed approvals of three roles, quality that two people vouch for, a reviewed list of what may be loaded.

    \b
    towpath policy init team
    towpath policy init strict office.yaml
    """
    from towpath_registry import policy_file

    content = policy_file.built_in(name)
    try:
        with file.open("xb") as stream:
            stream.write(content)
    except FileExistsError as error:
        raise Misused(f"{file} exists", hint=f"choose another name: towpath policy init {name} FILE") from error
    console.result(
        {"file": str(file), "policy": name}, f"Wrote {file}.\nNext: edit it, then towpath policy check {file}"
    )


@command.command("set")
@click.argument("file", type=_FILE)
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the ledger.")
@click.option("--dry-run", is_flag=True, help="Show what would change; change and record nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@with_console
def set_(console: Console, file: Path, reason: str, dry_run: bool, yes: bool) -> int:
    """Put a policy in force. First it shows what changes, and what would be asked less of than before.

    Who may do so is the word of the policy in force. Requests that wait for approval end, because they were judged by
    the old one. The ledger keeps both.

    \b
    towpath policy set policy.yaml --reason "four eyes at production"
    """
    from towpath_registry import governing, policy_file

    if not reason.strip():
        raise Misused("a policy is set for a reason", hint=f'towpath policy set {file} --reason "..."')
    new = policy_file.read(file)
    old = _before()
    if old is not None and new.digest == old.digest:
        console.result(_set_content(old, new, None), f"{_named(new)} is in force already; nothing to do.")
        return 0
    if old is not None and new.name == old.name and new.version <= old.version:
        raise Misused(
            f"{file.name}: version {new.version} of {new.name}, and version {old.version} is in force",
            hint=f"write version: {old.version + 1} into {file}",
        )
    plan = _plan(old, new)
    if dry_run:
        console.result(_set_content(old, new, None), f"{plan}\n\nNothing was changed (--dry-run).")
        return 0
    if not yes and not _asked(plan):
        console.say("Nothing was changed.")
        return 1
    entry = governing.set_policy(os.environ, new, reason)
    done = f"Done: {_named(new)} is in force. Ledger entry {entry.seq}, by {entry.actor}."
    console.result(_set_content(old, new, entry), f"{plan}\n\n{done}" if yes else done)
    return 0


def _before() -> Policy | None:
    """The policy in force; None on a server where nobody has set one yet."""
    from towpath_registry import governing

    try:
        return governing.policy_in_force(os.environ)
    except Refused:
        return None


def _asked(plan: str) -> bool:
    if not sys.stdin.isatty():
        raise Misused("there is no terminal to ask on", hint="look with --dry-run, then say yes with -y")
    click.echo(plan, err=True)
    return click.confirm("\nDo it?", err=True)


def _plan(old: Policy | None, new: Policy) -> str:
    from towpath_registry.policy_changes import weaker

    head = f"Put {_named(new)} in force, instead of {_named(old) if old else 'none'}"
    parts = [head, new.digest, "", table(("setting", "now", "then"), _changes(old, new))]
    less = weaker(old, new) if old else ()
    if less:
        parts += ["", "What this asks less of, or lets more through:", *(f"  {told}" for told in less)]
    notes = [
        *_notes(new),
        *(
            [f"nothing could be loaded here: the list of types is {doubt}"]
            if (doubt := new.loading.types().doubt)
            else []
        ),
    ]
    parts += ["", *(f"Note: {note}" for note in notes)] if notes else []
    return clean("\n".join(parts))


def _changes(old: Policy | None, new: Policy) -> tuple[Change, ...]:
    from towpath_registry.policy import Policy
    from towpath_registry.policy_changes import changes

    return changes(old or Policy("none", ()), new)


def _set_content(old: Policy | None, new: Policy, entry: LedgerEntry | None) -> dict[str, Any]:
    from towpath_registry.policy_changes import weaker

    return {
        "policy": {"name": new.name, "version": new.version, "digest": new.digest},
        "before": {"name": old.name, "version": old.version, "digest": old.digest} if old else None,
        "changes": [change._asdict() for change in _changes(old, new)],
        "weaker": list(weaker(old, new)) if old else [],
        "set": entry is not None,
        "ledger_entry": entry.seq if entry else None,
    }


def _notes(policy: Policy) -> list[str]:
    """What is allowed, and may come as a surprise."""
    return [
        f"if {name} asks for {level.name}, not enough others could approve it"
        for level in policy.levels
        for name in policy.stuck(level)
    ]


def _text(policy: Policy) -> str:
    parts = [
        f"{_named(policy)}\n{policy.digest}",
        *(_level(level) for level in policy.levels),
        _block("People", [(person.name, ", ".join(person.roles)) for person in policy.people]),
        _block("Keys", [(s.name, s.owner, ", ".join(s.may), _counts(s)) for s in policy.signers])
        if not policy.own_keys
        else "Keys: those that the ledger tells of",
        _block(
            "Evidence",
            [(kind, f"{rule.valid_days} days", _signed(rule.signatures)) for kind, rule in policy.evidence.items()],
        ),
        _loading(policy),
        f"May set another policy: {policy.policy_role or 'anybody'}",
    ]
    return clean("\n\n".join(part for part in parts if part))


def _level(level: Level) -> str:
    who = ", ".join(f"{asked.count} {asked.role}" for asked in level.approvals)
    signed, apart = " signed" if level.signed_approvals else "", " or ".join(level.distinct_from)
    rows = [
        ("leads to", level.stage),
        ("after", level.after or "nothing"),
        ("gates", ", ".join(level.gates)),
        ("approvals", f"{who}{signed}, not {apart}" if who and apart else who or "none"),
        ("a request lives", f"{level.request_days} days"),
        ("next look", f"after {level.review_days} days"),
    ]
    return _block(level.name, rows)


def _block(head: str, rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = table(("",) * len(rows[0]), rows).splitlines()[1:]
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _counts(signer: Any) -> str:
    since, until = f"from {signer.since:%Y-%m-%d}", f" until {signer.until:%Y-%m-%d}" if signer.until else ""
    gone = f", revoked {signer.revoked.at:%Y-%m-%d} ({signer.revoked.reason})" if signer.revoked else ""
    return f"{since}{until}{gone}"


def _signed(number: int) -> str:
    return "signed by one" if number == 1 else f"signed by {number} different people"


def _loading(policy: Policy) -> str:
    from towpath_core import estimators

    loading, types = policy.loading, policy.loading.types()
    which = "the platform's list" if loading.list == "platform" else "the list that was reviewed"
    less = f", without {', '.join(loading.without)}" if loading.without else ""
    rows = [
        ("formats", ", ".join(loading.formats)),
        ("types", types.doubt or f"{len(types.names)} of {which}{less}"),
        ("the list here", estimators.PLATFORM.digest),
    ]
    return _block("Loading", rows)


def _named(policy: Policy) -> str:
    return f"{policy.name} version {policy.version}"


def _many(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"

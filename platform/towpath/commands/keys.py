"""`towpath keys`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, clean, table, with_console
from towpath_core.clock import short, stamp, utc_now

if TYPE_CHECKING:
    from towpath_registry.keys import Kept, PublicKey


@click.group("keys")
def command() -> None:
    """The keys of this machine: one signs evidence, the other the ledger's checkpoints.

    Both are made when they are first needed, and lie in TOWPATH_HOME/keys. TOWPATH_KEY=FILE signs evidence with another
    key; TOWPATH_KEY_PASSPHRASE opens a key that is locked.

    \b
    towpath keys list
    towpath keys show
    towpath keys rotate
    """


@command.command("list")
@with_console
def list_keys(console: Console) -> None:
    """List the keys that are kept here, and those that were replaced.

    \b
    towpath keys list
    towpath keys list --json
    """
    from towpath_registry import keys
    from towpath_registry.actor import actor

    owner = actor(os.environ)
    kept = keys.kept(os.environ)
    found = [_content(key, owner) for key in kept]
    rows = [
        (said["id"][:8], said["name"], said["owner"], said["state"], short(key.since), said["file"])
        for said, key in zip(found, kept, strict=True)
    ]
    head = ("key", "signs", "owner", "state", "since", "file")
    console.result({"keys": found}, table(head, rows) if rows else "No keys yet: the first towpath run makes one.")


@command.command("show")
@with_console
def show(console: Console) -> None:
    """Show the public half of your evidence key, for a policy.

    It is printed as the policy's file wants it. The key is made if there is none.

    \b
    towpath keys show
    """
    from towpath_registry import keys
    from towpath_registry.actor import actor

    public = keys.home_public(os.environ, keys.EVIDENCE) or keys.home_key(os.environ, keys.EVIDENCE).public
    owner = actor(os.environ)
    console.result({"id": public.id, "owner": owner, "public": public.text}, _entry(public, owner))


@command.command("rotate")
@click.option("--compromised", is_flag=True, help="Somebody else may have the old key: void all that it ever signed.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the ledger.")
@with_console
def rotate(console: Console, compromised: bool, reason: str) -> None:
    """Make a new key for evidence in the place of the old one.

    The old private key is deleted, and its public half is kept: what it signed before still counts, unless it is
    --compromised. Where you work alone, the ledger tells of it. In a team, the new key counts when it is in the policy.

    \b
    towpath keys rotate
    towpath keys rotate --compromised --reason "laptop was stolen"
    """
    from towpath_registry import keys
    from towpath_registry.actor import actor

    entries: list[int] = []

    def announce(old: PublicKey | None, new: PublicKey) -> None:
        entries.extend(_recorded(old, new, compromised, reason))

    old, new = keys.rotate(os.environ, announce)
    told = {
        "old": old.id if old else None,
        "new": new.id,
        "public": new.text,
        "compromised": compromised,
        "ledger_entries": entries,
    }
    was = f"the key {old.id[:8]}" if old else "no key"
    lines = [f"The key {new.id[:8]} signs evidence from now on, in the place of {was}."]
    if entries:
        lines.append(f"Ledger entries {', '.join(map(str, entries))} tell of it.")
    else:
        lines += ["", _entry(new, actor(os.environ))]
    console.result(told, "\n".join(lines))


def _recorded(old: PublicKey | None, new: PublicKey, compromised: bool, reason: str) -> list[int]:
    """The ledger's entries about it, where whoever works here is trusted by their own keys; none anywhere else."""
    from towpath_core.errors import NotFound
    from towpath_registry.actor import actor
    from towpath_registry.governing import LocalDesk, add_key, desk, revoke_key
    from towpath_registry.nouns import KEY_ADDED, Question
    from towpath_registry.trust import ALWAYS, COMPROMISE, LEFT

    at = desk(os.environ)
    try:
        if not isinstance(at, LocalDesk) or not at.store.governed or not at.policy().own_keys:
            return []
    except NotFound:  # there is no registry yet
        return []
    who, why = actor(os.environ), reason or ("the old key is compromised" if compromised else "the old key is replaced")
    entries = []
    if old and not at.store.ledger("", Question(events=(KEY_ADDED,), newest=1)):
        entries.append(add_key(at.store, old, who, ALWAYS, why))  # till now it counted without being written down
    entries.append(add_key(at.store, new, who, utc_now(), why))
    if old:
        entries.append(revoke_key(at.store, old, who, COMPROMISE if compromised else LEFT, why))
    return [entry.seq for entry in entries]


def _content(key: Kept, owner: str) -> dict[str, Any]:
    return {
        "id": key.public.id,
        "name": key.name,
        "owner": owner if key.name == "evidence" else "this registry",
        "public": key.public.text,
        "state": "in use" if key.active else "replaced",
        "since": stamp(key.since),
        "file": str(key.path),
    }


def _entry(public: PublicKey, owner: str) -> str:
    """The key as a policy's file wants it."""
    lines = [
        "# in the policy's file, below signers:",
        f"  key-{public.id[:8]}:",
        f"    owner: {json.dumps(clean(owner), ensure_ascii=False)}",
        f"    public: {public.text}",
        "    may: [data-checks, quality, documentation]",
        f"    since: {utc_now():%Y-%m-%d}",
    ]
    return "\n".join(lines)

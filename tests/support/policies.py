"""The policies that come with towpath, filled in."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from towpath_registry import policy_file, yamls
from towpath_registry.keys import PublicKey
from towpath_registry.policy import Policy

# Who is who in `team` and `strict`, by what stands in the angle brackets.
NAMES = {
    "a methodologist": "mia",
    "another methodologist": "max",
    "a business owner": "bob",
    "an IT operator": "ivo",
    "a data scientist": "dora",
    "the owner of the policy": "petra",
}


def public(number: int) -> PublicKey:
    """A key of which nobody has the private half."""
    return PublicKey(bytes([number]) * 31 + b"\0")


def filled(name: str, key: Callable[[str], PublicKey] | None = None) -> str:
    """The text of a ready-made policy with a name for each person and a public key for each signer.

    `key` gives the key of a person by name.
    """
    text = policy_file.built_in(name).decode()
    order = {person: place for place, person in enumerate(NAMES.values(), 5)}
    for what, person in NAMES.items():
        made = key(person) if key else public(order[person])
        text = text.replace(f"<the public key of {what}>", made.text).replace(f"<{what}>", person)
    assert not re.search(r"^[^#]*<", text, flags=re.MULTILINE), "somebody is left to be filled in"
    return text


def content(name: str) -> dict[str, Any]:
    """As plain values, which may be changed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(filled(name))
        found: dict[str, Any] = yamls.load(path, "the policy")
        return found


def policy(name: str, **other: Any) -> Policy:
    """One of the ready-made policies, filled in; `other` are outermost keys to replace."""
    return Policy.of({**content(name), **other})


def changed(content: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The same with another value under a dotted key; ... takes the key away."""
    found = copy.deepcopy(content)
    *way, last = key.split(".")
    inside = found
    for name in way:
        part = {} if inside.get(name) is None else inside[name]
        inside[name] = part
        inside = part
    inside[last] = value
    if value is ...:
        del inside[last]
    return found

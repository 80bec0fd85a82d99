"""The installed packages against a lock file."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from towpath_core.errors import Misused, NotFound

_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;([^\\]*))?")


def locked(path: Path) -> dict[str, str]:
    """Name to version of the packages that the lock asks for on this machine.

    Raises: NotFound without a lock, Misused for one that names no package or has one without a hash.
    """
    from packaging.markers import Marker

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"{path.name} is missing", hint=f"git checkout {path.name}") from error
    found = [match for line in lines if (match := _LINE.match(line))]
    hashed = sum(
        "--hash=" in line and "--hash=" not in before for before, line in zip(["", *lines], lines, strict=False)
    )
    if not found or hashed < len(found):
        raise Misused(
            f"{path.name} names {len(found)} packages and gives hashes for {hashed}",
            hint=f"git checkout {path.name}, or make it with hashes (uv pip compile --generate-hashes)",
        )
    return {m[1].lower(): m[2] for m in found if not m[3] or Marker(m[3].strip()).evaluate()}


def differences(path: Path) -> list[str]:
    """One sentence for each package whose installed version is not the locked one."""
    told = []
    for name, version in locked(path).items():
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed = "not installed"
        if installed != version:
            told.append(f"{name} is {installed} here and {version} in {path.name}")
    return told

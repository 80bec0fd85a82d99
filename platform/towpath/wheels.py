"""The wheelhouse: the wheels that a lock names, downloaded once, so that an image builds without a network."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath_core.digests import sha256_bytes, sha256_file
from towpath_core.errors import CouldNot, Misused
from towpath_core.processes import group

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_MANYLINUX = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 36, 38, 39, 40, 41)


@dataclass(frozen=True, slots=True)
class Platform:
    """What wheels have to fit: the Python of the image, as in 3.11, its processor, and its C library's 2.x."""

    python: str
    machine: str
    glibc: int

    def tags(self) -> list[str]:
        """From the newest on, as pip wants them."""
        return [f"manylinux_2_{minor}_{self.machine}" for minor in reversed(_MANYLINUX) if minor <= self.glibc]


@dataclass(frozen=True, slots=True)
class Lock:
    """Pinned packages and the digests of the files that each may be.

    `conditional` are those with a marker: whether the image needs them is for pip to say.
    """

    text: str
    pins: Mapping[str, frozenset[str]]
    conditional: frozenset[str]

    @property
    def digest(self) -> str:
        return sha256_bytes(self.text.encode())

    @classmethod
    def parse(cls, text: str) -> Lock:
        """Raise Misused for a lock that leaves open what is installed."""
        pins, conditional = {}, set()
        for line in re.sub(r"\\\s*\n", " ", text).splitlines():
            stated = line.partition(" #")[0].strip()
            if not stated or stated.startswith("#"):
                continue
            pin, hashes = _PIN.match(stated), frozenset(_HASH.findall(stated))
            if pin is None or not hashes:
                raise Misused(
                    f"the model's requirements.txt has a line without a version and hashes: {stated[:80]!r}",
                    hint="lock the project's environment with hashes, then towpath run",
                )
            name = f"{pin['name']}=={pin['version']}"
            pins[name] = hashes
            if ";" in stated:
                conditional.add(name)
        if not pins:
            raise Misused("the model's requirements.txt names no package", hint="lock the project's environment")
        return cls(text, pins, frozenset(conditional))


@dataclass(frozen=True, slots=True)
class Wheelhouse:
    """`wheels` are the files that the lock names; none of them is one of the `missing` packages.

    `absent` counts those that pip may find that it does not need, too.
    """

    wheels: tuple[Path, ...]
    missing: tuple[str, ...]
    absent: int

    @classmethod
    def at(cls, folder: Path, lock: Lock) -> Wheelhouse:
        """By content: what a file is called proves nothing."""
        found = {sha256_file(path): path for path in sorted(folder.glob("*.whl"))} if folder.is_dir() else {}
        wheels = [path for digest, path in found.items() if any(digest in hashes for hashes in lock.pins.values())]
        absent = [name for name, hashes in lock.pins.items() if not hashes & found.keys()]
        return cls(tuple(wheels), tuple(name for name in absent if name not in lock.conditional), len(absent))


def folder(home: Path, lock: Lock) -> Path:
    """Where the lock's wheels are kept."""
    return home / "wheelhouse" / lock.digest.removeprefix("sha256:")


def download(to: Path, lock: Lock, platform: Platform, say: Callable[[str], None]) -> None:
    """Fill the wheelhouse with pip, from wherever this machine's pip takes packages; what is there stays.

    Raises: CouldNot.
    """
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=to) as name:
        scratch = Path(name)
        (scratch / "requirements.txt").write_text(lock.text)
        command = [
            *_pip(), "download", "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-deps",
            "--require-hashes", "--only-binary", ":all:", "--dest", str(scratch), "--find-links", str(to),
            "--python-version", platform.python, "--implementation", "cp",
            *(part for tag in platform.tags() for part in ("--platform", tag)),
            "--requirement", str(scratch / "requirements.txt"),
        ]  # fmt: skip
        last: list[str] = []
        with group(command) as process:
            assert process.stdout
            for line in process.stdout:
                last = [*last[-7:], line.rstrip()]
                if line.startswith(("Collecting ", "Processing ")):
                    say(f"pip: {Path(line.split()[1]).name}")
            code = process.wait()
        if code:
            raise CouldNot(
                f"pip could not download the wheels:\n{chr(10).join(last)}", hint="mend that, then run it again"
            )
        for wheel in scratch.glob("*.whl"):
            wheel.replace(to / wheel.name)


def _pip() -> list[str]:
    """A pip: that of this Python, else one on the PATH; an environment made by uv has none."""
    from importlib.util import find_spec

    if find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name, path=os.environ.get("PATH")):
            return [found]
    raise CouldNot("there is no pip to download wheels with", hint="python -m ensurepip, or apt install python3-pip")

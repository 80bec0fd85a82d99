"""Downloads the wheels of platform/towpath/serving.lock, so that `towpath build` needs no network afterwards.

They go where `towpath build` looks for them: below TOWPATH_HOME, in a folder named after the lock's digest.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import resources

from towpath import wheels
from towpath_registry import places

# What python:3.11-slim is on Debian 12; a newer base takes the same wheels.
PYTHON, GLIBC = "3.11", 36


def main() -> None:
    lock = wheels.Lock.parse((resources.files("towpath") / "serving.lock").read_text())
    folder = wheels.folder(places.home(os.environ), lock)
    if wheels.Wheelhouse.at(folder, lock).missing:
        wheels.download(folder, lock, wheels.Platform(PYTHON, platform.machine(), GLIBC), told)
    told(f"{len(wheels.Wheelhouse.at(folder, lock).wheels)} wheels in {folder}")


def told(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()

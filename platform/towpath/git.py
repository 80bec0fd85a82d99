"""The door to git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from towpath_core.errors import CouldNot, NotFound

NEUTRAL = ("-c", "user.name=towpath", "-c", "user.email=towpath@localhost")

# A file of some old commit may be no UTF-8: that is no reason to stop.
_TEXT: Any = {"encoding": "utf-8", "errors": "replace"}

# What git sets for its hooks: they name the repository of the hook, and would send us there instead of to `root`.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


def git(root: Path, *arguments: str) -> str:
    """What git prints. Raises: NotFound if git is not installed, CouldNot with git's own words if it fails."""
    env = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(["git", *arguments], cwd=root, env=env, capture_output=True, check=False, **_TEXT)
    except FileNotFoundError as error:
        raise NotFound("git is not installed", hint="install git; towpath doctor says what else is missing") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise CouldNot(f"git says: {words[-1] if words else 'failed'}", hint="git status")
    return str(done.stdout)


def head(root: Path) -> str:
    """The commit that is checked out, 40 hex digits. Raises: CouldNot where there is none."""
    try:
        return git(root, "rev-parse", "HEAD").strip()
    except CouldNot as error:
        raise CouldNot("the project has no commit", hint='git init && git add -A && git commit -m "Start"') from error


def content(root: Path, commit: str, path: str) -> str:
    """A file below `root` as a commit has it. Raises: CouldNot where the commit has none of that name."""
    return git(root, "show", f"{commit}:./{path}")


def changed(root: Path, but: Sequence[str] = ()) -> list[str]:
    """Paths that differ from the commit, untracked ones too; those named in `but`, or below them, left out."""
    prefix = git(root, "rev-parse", "--show-prefix").strip()
    listed = git(root, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", ".")
    paths = [line[3:].removeprefix(prefix) for line in listed.split("\0") if line]
    return sorted(p for p in paths if not any(p == out or p.startswith(f"{out}/") for out in but))


def commit(root: Path, paths: Sequence[str], message: str) -> bool:
    """Commit these paths if they changed; whether there was anything to commit. A missing identity is a neutral one."""
    present = [path for path in paths if (root / path).exists()]
    git(root, "add", "--", *present)
    if not git(root, "diff", "--cached", "--name-only", "--", *present).strip():
        return False
    identity = () if _known(root) else NEUTRAL
    git(root, *identity, "commit", "--quiet", "-m", message, "--", *present)
    return True


def _known(root: Path) -> bool:
    try:
        return bool(git(root, "config", "user.email").strip() and git(root, "config", "user.name").strip())
    except CouldNot:
        return False

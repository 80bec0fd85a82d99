"""Build the git bundles of the templates: one file each, with every released version as a tag.

    python templates/bundle.py check                   does each bundle's newest version equal its folder?
    python templates/bundle.py build coding 1.1.0      the folder becomes that version

`towpath new` copies from the bundle, so that a project knows which version it was made from and can take over later
ones. A version that a release of towpath has carried is never built again: append the next. Commit ids depend on the
files and the version alone, so that a rebuild gives the same ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

SHELF = Path(__file__).resolve().parent / "towpath_templates"
_NAME, _EMAIL = "towpath", "templates@towpath.invalid"
_FIRST = 1_767_225_600  # 2026-01-01; each later version is dated a day later
_NOTHING: Mapping[str, str] = {}


def build(shelf: Path, name: str, version: str) -> str:
    """Make the folder `name` version `version` of its bundle, and say the commit id.

    The newest version may be built again, a newer one appended; ValueError for any other.
    """
    tag, bundle = f"v{version}", shelf / f"{name}.bundle"
    _number(tag)
    with tempfile.TemporaryDirectory(prefix="towpath-bundle-") as temporary:
        history = Path(temporary)
        tags = _unpack(bundle, history)
        if tag in tags[:-1] or (tags and _number(tag) < _number(tags[-1])):
            raise ValueError(f"{name} {tag} is not newer than {tags[-1]}")
        if tag in tags:
            _git(history, "tag", "--delete", tag)
            tags.remove(tag)
        tree = _tree(shelf / name, history)
        parent = ("-p", tags[-1]) if tags else ()
        commit = _git(history, "commit-tree", tree, *parent, "-m", f"{name} {tag}", day=len(tags)).strip()
        _git(history, "update-ref", "refs/heads/main", commit)
        _git(history, "tag", tag, commit)
        _git(history, "bundle", "create", str(history / "new"), "HEAD", "main", "--tags")
        shutil.copyfile(history / "new", bundle)
    return commit


def stale(shelf: Path, name: str) -> bool:
    """Whether the folder differs from the newest version in its bundle."""
    with tempfile.TemporaryDirectory(prefix="towpath-bundle-") as temporary:
        history = Path(temporary)
        tags = _unpack(shelf / f"{name}.bundle", history)
        return not tags or _git(history, "rev-parse", f"{tags[-1]}^{{tree}}").strip() != _tree(shelf / name, history)


def names(shelf: Path) -> list[str]:
    return sorted(path.parent.name for path in shelf.glob("*/copier.yml"))


def _unpack(bundle: Path, history: Path) -> list[str]:
    """The versions in the bundle, oldest first; their commits are then in `history`."""
    _git(history, "init", "--quiet", "--template=", "--initial-branch=main")
    if bundle.exists():
        _git(history, "fetch", "--quiet", str(bundle), "refs/tags/*:refs/tags/*")
    return sorted(_git(history, "tag", "--list").split(), key=_number)


def _tree(folder: Path, history: Path) -> str:
    """The id of the folder's files as git keeps them."""
    work = history / "work"
    shutil.copytree(folder, work, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))
    index = {"GIT_WORK_TREE": str(work), "GIT_DIR": str(history / ".git"), "GIT_INDEX_FILE": str(history / "index")}
    _git(work, "add", "--all", "--force", ".", extra=index)
    return _git(history, "write-tree", extra=index).strip()


def _number(tag: str) -> tuple[int, ...]:
    parts = tag.removeprefix("v").split(".")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError(f"{tag} is no version such as v1.0.0")
    return tuple(int(part) for part in parts)


def _git(cwd: Path, *arguments: str, day: int = 0, extra: Mapping[str, str] = _NOTHING) -> str:
    """What git prints, by nobody's configuration, at a fixed time."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        date = f"{_FIRST + 86_400 * day} +0000"
        env |= {f"GIT_{who}_NAME": _NAME, f"GIT_{who}_EMAIL": _EMAIL, f"GIT_{who}_DATE": date}
    command = ["git", "-c", "core.fileMode=false", "-c", "pack.threads=1", *arguments]
    done = subprocess.run(command, cwd=cwd, env={**env, **extra}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shelf", type=Path, default=SHELF, help="the folder with the templates")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="does each bundle equal its folder?")
    building = commands.add_parser("build", help="the folder becomes a version of the bundle")
    building.add_argument("name")
    building.add_argument("version", help="such as 1.1.0")
    asked = parser.parse_args()
    if asked.command == "build":
        try:
            commit = build(asked.shelf, asked.name, asked.version)
        except ValueError as error:
            parser.error(str(error))
        sys.stdout.write(f"{asked.name} v{asked.version}: commit {commit}\n")
        return 0
    behind = [name for name in names(asked.shelf) if stale(asked.shelf, name)]
    for name in behind:
        sys.stderr.write(f"{name}.bundle is not its folder: python templates/bundle.py build {name} VERSION\n")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())

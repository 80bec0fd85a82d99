"""Scaffold: a new project from a template, complete or not at all. The door to copier.

A template ships twice: as a folder (its newest version, read for its questions) and as a git bundle (all versions).
Copier copies from the bundle by an address that is the same on every machine, so that the project can take over later
versions of its template, and nothing in it tells where it was made.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import keyword
import os
import secrets
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from towpath.git import NEUTRAL, git
from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot, Misused, NotFound
from towpath_core.refs import check_name
from towpath_registry import yamls
from towpath_registry.gates.ownership import ROLES

RAW, LOCK = "data/raw.csv.gz", "requirements.lock"
_ADDRESS = "https://towpath.invalid/templates/{}.git"
_LONGEST_ANSWER = 120
# The first commit is ours: no hook, signature, ignore list or daemon of the user's has a part in it.
_PLAIN = {
    "core.hooksPath": os.devnull,
    "core.excludesFile": os.devnull,
    "core.fsmonitor": "false",
    "commit.gpgSign": "false",
    "user.useConfigOnly": "true",
}


@dataclass(frozen=True, slots=True)
class Template:
    """One template of a shelf: `questions` are those that a person answers, `dataset` names its starter data."""

    name: str
    shelf: Path
    questions: tuple[str, ...]
    dataset: str

    @property
    def address(self) -> str:
        return _ADDRESS.format(self.name)

    @property
    def bundle(self) -> Path:
        return self.shelf / f"{self.name}.bundle"


@dataclass(frozen=True, slots=True)
class Made:
    """A new project; `inside` is the git repository around it, if there is one."""

    path: Path
    template: str
    version: str
    inside: Path | None


def shelf() -> Path:
    """The folder with the templates that came with towpath."""
    found = importlib.util.find_spec("towpath_templates")
    places = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    if with_templates := next((place for place in places if names(place)), None):
        return with_templates
    raise CouldNot("towpath was installed without its templates", hint="install towpath again, from its wheel")


def names(shelf: Path) -> list[str]:
    return sorted(path.parent.name for path in shelf.glob("*/copier.yml"))


def find(name: str, shelf: Path) -> Template:
    """Raise Misused for an unknown template."""
    known = names(shelf)
    if name not in known:
        asked = f"there is no template {name!r}" if name else "which template?"
        raise Misused(asked, hint=f"--template {' or --template '.join(known)}")
    content = yamls.load(shelf / name / "copier.yml", "the template's questions")
    asked_for = {key: value for key, value in content.items() if not key.startswith("_") and key != "name"}
    questions = tuple(key for key, value in asked_for.items() if value.get("when", True))
    return Template(name, shelf, questions, content["dataset"]["default"])


def scaffold(
    template: Template,
    name: str,
    answers: Mapping[str, str],
    *,
    folder: Path,
    ask: bool,
    clock: Clock = utc_now,
) -> Made:
    """Make the project `name` in `folder`; questions without an answer are asked (`ask`) or get their defaults.

    Raises: Misused for a bad name, answer or folder; NotFound without git; CouldNot when the disk refuses. Whatever
    goes wrong, and when it is interrupted, there is no folder afterwards.
    """
    check_name(name)
    _check_package(name)
    _check_answers(template, answers)
    folder = folder.parent.resolve() / folder.name
    _check_folder(folder)
    inside = next((parent for parent in folder.parents if (parent / ".git").exists()), None)
    with _beside(folder) as part:
        version = _copied(template, part, {**answers, "name": name}, ask, clock)
        _place_data(template, part)
        _place_lock(part)
        _first_commit(part, f"Start {name} from the template {template.name} {version}")
        _move(part, folder)
    return Made(folder, template.name, version, inside)


def _check_package(name: str) -> None:
    """Raise Misused if the project's Python package would hide a module that the stages need."""
    package = name.replace("-", "_")
    elsewhere = [entry for entry in sys.path if entry and Path(entry) != Path.cwd()]
    taken = package in sys.stdlib_module_names or keyword.iskeyword(package)
    if taken or importlib.machinery.PathFinder.find_spec(package, elsewhere) is not None:
        raise Misused(f"{name} is also the name of a Python module", hint=f"add a word to it, as in {name}-model")


def _check_answers(template: Template, answers: Mapping[str, str]) -> None:
    if unknown := sorted(set(answers) - set(template.questions)):
        raise Misused(
            f"the template {template.name} does not ask for {', '.join(unknown)}",
            hint=f"it asks for {', '.join(template.questions)}",
        )
    for key, value in answers.items():
        if len(value) > _LONGEST_ANSWER or any(unicodedata.category(char) == "Cc" for char in value):
            raise Misused(f"--data {key}: expected one line of at most {_LONGEST_ANSWER} characters")


def _check_folder(folder: Path) -> None:
    if os.path.lexists(folder):
        raise Misused(f"{folder} exists", hint="choose another name or another --directory; nothing was changed")
    if not folder.parent.is_dir():
        raise Misused(f"there is no folder {folder.parent}", hint=f"mkdir -p {folder.parent}")
    if shutil.which("git") is None:
        raise NotFound("git is not installed", hint="install git; towpath doctor says what else is missing")


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A temporary neighbour of `folder`, removed with everything in it unless it was moved away."""
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        part.mkdir()
        yield part
    except OSError as error:
        raise CouldNot(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _move(part: Path, folder: Path) -> None:
    try:
        part.rename(folder)
    except FileExistsError as error:
        raise Misused(f"{folder} exists", hint="somebody else just made it; nothing was changed") from error


def _copied(template: Template, part: Path, answers: Mapping[str, str], ask: bool, clock: Clock) -> str:
    """Copy the template's newest version, and say which that is."""
    with found_at(template), _translated(template):
        from copier import Settings, run_copy

        data = dict(answers)
        run_copy(
            template.address,
            part,
            data=data,
            user_defaults=_proposed(template, part, clock),
            defaults=not ask,
            quiet=True,
            overwrite=True,
            settings=Settings(),
        )
    version: str = yamls.load(part / ".copier-answers.yml", "the answers")["_commit"]
    return version


def _proposed(template: Template, part: Path, clock: Clock) -> dict[str, str]:
    """Whoever makes the project has every role at first, and looks at that again in a year."""
    year = (clock() + timedelta(days=365)).date().isoformat()
    mine = {**dict.fromkeys(ROLES, _whoever(part)), "next_review": year}
    return {question: mine[question] for question in template.questions if mine.get(question)}


def _whoever(part: Path) -> str:
    """TOWPATH_ACTOR, else name and address as git knows them; empty where neither says, never made of the machine's."""
    if named := os.environ.get("TOWPATH_ACTOR", "").strip():
        return named
    try:
        ident = git(part, "-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT")
    except CouldNot:
        return ""
    name, _, _ = ident.partition(">")
    return f"{name.strip()}>"


@contextlib.contextmanager
def found_at(template: Template) -> Iterator[None]:
    """Inside, copier's git finds the template's address in its bundle, by nobody's configuration, and keeps nothing."""
    from plumbum import local  # what copier starts git with: a copy of the environment, made at its import

    if not template.bundle.is_file():
        raise CouldNot(f"{template.bundle.name} is missing", hint="install towpath again, from its wheel")
    before = os.environ.get("COPIER_CACHE_DIR")
    with tempfile.TemporaryDirectory(prefix="towpath-new-") as cache, local.env():
        for variable in [key for key, _ in local.env if key.startswith("GIT_")]:
            del local.env[variable]
        local.env.update(
            GIT_TERMINAL_PROMPT="0",
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_GLOBAL=os.devnull,
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.{template.bundle}.insteadOf",
            GIT_CONFIG_VALUE_0=template.address,
        )
        os.environ["COPIER_CACHE_DIR"] = cache
        try:
            yield
        finally:
            if before is None:
                del os.environ["COPIER_CACHE_DIR"]
            else:
                os.environ["COPIER_CACHE_DIR"] = before


@contextlib.contextmanager
def _translated(template: Template) -> Iterator[None]:
    """Copier's, git's and the template language's errors as ours."""
    from copier.errors import CopierError
    from jinja2 import TemplateError
    from plumbum import ProcessExecutionError

    try:
        yield
    except KeyboardInterrupt:  # copier's own, at a question, is one of its errors as well
        raise
    except ProcessExecutionError as error:
        words = str(error.stderr or error).strip().splitlines()
        raise CouldNot(f"git cannot read the template: {words[-1]}", hint="towpath needs git 2.31 or newer") from error
    except ValueError as error:  # an answer that the template refuses
        raise Misused(str(error), hint="answer with --data KEY=VALUE") from error
    except (CopierError, TemplateError) as error:
        raise CouldNot(f"the template {template.name} cannot be copied: {error}") from error


def _place_data(template: Template, part: Path) -> None:
    """The starter data as `dvc add` would leave them, read-only, with their licence beside them."""
    content = (template.shelf / "data" / f"{template.dataset}.csv.gz").read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    raw, kept = part / RAW, part / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    kept.parent.mkdir(parents=True)
    for copy in (raw, kept):
        copy.write_bytes(content)
        copy.chmod(0o444)
    tracked = f"outs:\n- md5: {md5}\n  size: {len(content)}\n  hash: md5\n  path: {raw.name}\n"
    raw.with_name(f"{raw.name}.dvc").write_text(tracked, encoding="utf-8")
    shutil.copyfile(template.shelf / "data" / f"{template.dataset}.licence.md", raw.with_name("LICENCE.md"))


def _place_lock(part: Path) -> None:
    """What a served model needs, by version and hash: as this towpath was tested with."""
    lock = files("towpath").joinpath("serving.lock")
    if not lock.is_file():
        raise CouldNot("towpath was installed without its serving.lock", hint="install towpath again, from its wheel")
    (part / LOCK).write_bytes(lock.read_bytes())


def _first_commit(part: Path, message: str) -> None:
    """By the user's git identity where git has one; else by a neutral one, never one made of user and machine name."""
    settings = [word for key, value in _PLAIN.items() for word in ("-c", f"{key}={value}")]
    git(part, *settings, "init", "--quiet", "--template=", "--initial-branch=main")
    git(part, *settings, "add", "--all")
    try:
        git(part, *settings, "var", "GIT_AUTHOR_IDENT")
        git(part, *settings, "var", "GIT_COMMITTER_IDENT")
    except CouldNot:
        settings += NEUTRAL
    git(part, *settings, "commit", "--quiet", "-m", message)

"""`towpath new`: a whole project or none, and nothing in it that tells where it was made."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from towpath import project as projects
from towpath import scaffold
from towpath_core.errors import CouldNot, Misused
from towpath_registry.gates.ownership import ROLES

CODING = ("--template", "coding", "--defaults")


class Towpath(Protocol):
    def __call__(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, code: int = 0
    ) -> Any: ...


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def fake_git(folder: Path, verb: str, instead: str) -> str:
    """A PATH whose git does everything as git does, but `instead` for one verb."""
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    folder.mkdir()
    script = folder / "git"
    script.write_text(f'#!/bin/sh\ncase " $* " in *" {verb} "*) {instead} ;; esac\nexec {real} "$@"\n')
    script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


# --- what is made


def test_a_new_project_is_a_clean_git_repository_with_one_commit(towpath: Towpath, tmp_path: Path) -> None:
    said = towpath("new", "occupation-coder", *CODING)
    made = tmp_path / "occupation-coder"
    assert git(made, "log", "--format=%s") == "Start occupation-coder from the template coding v1.0.0"
    assert git(made, "branch", "--show-current") == "main"
    assert git(made, "status", "--porcelain") == ""
    assert "cd occupation-coder" in said.out
    assert [path.name for path in tmp_path.iterdir()] == ["occupation-coder"]


def test_nothing_stays_in_the_temporary_folder(towpath: Towpath, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    towpath("new", "occupation-coder", *CODING, env={"TMPDIR": str(temporary)})
    assert list(temporary.iterdir()) == []


def test_json_names_path_template_version_and_what_to_type_next(towpath: Towpath, tmp_path: Path) -> None:
    said = towpath("new", "employment", "--template", "tabular", "--defaults", "--json").json
    assert said == {
        "schema": 1,
        "name": "employment",
        "path": str(tmp_path / "employment"),
        "template": "tabular",
        "version": "v1.0.0",
        "inside_repository": None,
        "next": ["cd employment", "towpath check", "towpath run"],
    }


def test_answers_arrive_in_the_settings_as_they_were_given(towpath: Towpath, tmp_path: Path) -> None:
    title, owner = 'Beruf: Österreich\'s "ISCO" # 1 {{ 7 * 7 }}', "Zoë O'Neill <zoe@office.example>"
    answers = ("--data", f"title={title}", "--data", f"business_owner={owner}")
    towpath("new", "occupation-coder", *CODING, *answers)
    settings = projects.load(tmp_path / "occupation-coder").settings
    assert (settings.title, settings.owners.business_owner) == (title, owner)
    assert settings.owners.methodologist == "A Tester <tester@example.invalid>"
    assert f"| {owner} |" in (tmp_path / "occupation-coder/docs/model_card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("template", ["coding", "tabular"])
def test_whoever_makes_a_project_has_every_role_and_looks_at_that_again_in_a_year(
    tmp_path: Path, template: str
) -> None:
    found = scaffold.find(template, scaffold.shelf())
    then = datetime(2026, 3, 31, tzinfo=UTC)
    scaffold.scaffold(found, "coder", {}, folder=tmp_path / "coder", ask=False, clock=lambda: then)
    owners = projects.load(tmp_path / "coder").settings.owners.model_dump()
    assert owners.pop("next_review") == "2027-03-31"
    assert owners == dict.fromkeys(ROLES, "A Tester <tester@example.invalid>")


def test_towpath_actor_names_the_owner_before_git_does(towpath: Towpath, tmp_path: Path) -> None:
    towpath("new", "coder", *CODING, env={"TOWPATH_ACTOR": "ann {{ 7 * 7 }}"})
    assert projects.load(tmp_path / "coder").settings.owners.it_operator == "ann {{ 7 * 7 }}"


@pytest.mark.parametrize("day", ["soon", "2027-3-1", "31.03.2027"])
def test_a_review_on_no_day_is_refused(towpath: Towpath, tmp_path: Path, day: str) -> None:
    said = towpath("new", "coder", *CODING, "--data", f"next_review={day}", code=2).err
    assert "expected a day such as 2027-03-31" in said
    assert list(tmp_path.iterdir()) == []


def test_the_project_goes_where_directory_says(towpath: Towpath, tmp_path: Path) -> None:
    said = towpath("new", "occupation-coder", *CODING, "--directory", "my work")
    assert projects.load(tmp_path / "my work").name == "occupation-coder"
    assert "cd 'my work'" in said.out


def test_init_is_understood_as_new(towpath: Towpath, tmp_path: Path) -> None:
    towpath("init", "occupation-coder", *CODING)
    assert (tmp_path / "occupation-coder/towpath.yaml").is_file()


def test_the_raw_data_are_tracked_and_read_only(towpath: Towpath, tmp_path: Path) -> None:
    towpath("new", "occupation-coder", *CODING)
    made = tmp_path / "occupation-coder"
    raw = made / "data/raw.csv.gz"
    assert raw.stat().st_mode & 0o777 == 0o444
    raw.unlink()
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "checkout", "data/raw.csv.gz"], cwd=made, check=True, capture_output=True)
    status = subprocess.run(
        [*dvc, "status", "data/raw.csv.gz.dvc"], cwd=made, check=True, capture_output=True, text=True
    )
    assert "up to date" in status.stdout
    assert git(made, "status", "--porcelain") == ""


@pytest.mark.parametrize("template", ["coding", "tabular"])
def test_a_project_has_no_trace_of_the_machine(environment: dict[str, str], tmp_path: Path, template: str) -> None:
    somebody = {"HOME": str(tmp_path), "USER": "somebody", "LOGNAME": "somebody", "GIT_CONFIG_NOSYSTEM": "1"}
    env = {name: value for name, value in environment.items() if not name.startswith("GIT_")} | somebody
    command = [sys.executable, "-m", "towpath", "new", "occupation-coder", "--template", template, "--defaults"]
    subprocess.run(command, cwd=tmp_path, env=env, check=True, capture_output=True)
    made = tmp_path / "occupation-coder"
    assert git(made, "log", "--format=%an %ae %cn %ce") == "towpath towpath@localhost towpath towpath@localhost"
    traces = re.compile(rf"{tmp_path}|somebody|/home/|/tmp/|/root\b|\b{re.escape(socket.gethostname())}\b".encode())
    packed = {"objects", "cache"}  # git's and DVC's copies of the files that are looked at
    files = [path for path in made.rglob("*") if path.is_file() and path.suffix != ".gz" and not packed & {*path.parts}]
    found = {str(path.relative_to(made)): hit[0] for path in files if (hit := traces.search(path.read_bytes()))}
    assert len(files) > 30
    assert not found
    assert projects.load(made).settings.owners.it_operator == ""  # nobody was named


def test_the_commit_is_the_users_where_git_knows_the_user(towpath: Towpath, tmp_path: Path) -> None:
    towpath("new", "occupation-coder", *CODING)
    assert git(tmp_path / "occupation-coder", "log", "--format=%ae") == "tester@example.invalid"


def test_a_users_git_settings_do_not_get_in_the_way(towpath: Towpath, tmp_path: Path) -> None:
    settings, ignored = tmp_path / "gitconfig", tmp_path / "ignored"
    ignored.write_text("*.csv\n*.lock\n.dvc\n")
    settings.write_text(
        f"[core]\n excludesFile = {ignored}\n hooksPath = {tmp_path}\n[commit]\n gpgSign = true\n"
        '[gpg]\n program = false\n[url "https://mirror.invalid/"]\n insteadOf = https://\n'
        "[protocol]\n allow = never\n[init]\n defaultBranch = trunk\n"
    )
    hook = tmp_path / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    towpath("new", "occupation-coder", *CODING, env={"GIT_CONFIG_GLOBAL": str(settings)})
    made = tmp_path / "occupation-coder"
    assert {"nomenclature/soc2010.csv", "requirements.lock", ".dvc/config"} <= set(git(made, "ls-files").splitlines())
    assert git(made, "branch", "--show-current") == "main"


def test_inside_a_repository_the_project_is_one_of_its_own_and_says_so(towpath: Towpath, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    before = (tmp_path / ".git/HEAD").read_bytes()
    hook = {"GIT_DIR": str(tmp_path / ".git"), "GIT_INDEX_FILE": str(tmp_path / ".git/index"), "GIT_PREFIX": ""}
    said = towpath("new", "occupation-coder", *CODING, env=hook)
    assert "inside another git repository" in said.err
    assert git(tmp_path / "occupation-coder", "rev-list", "--count", "HEAD") == "1"
    assert (tmp_path / ".git/HEAD").read_bytes() == before
    assert not (tmp_path / ".git/index").exists()


# --- what is refused, and that nothing is left then


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "Occupation_Coder", *CODING), "is not a good name"),
        (("new", "../outside", *CODING), "is not a good name"),
        (("new", "statistics", *CODING), "is also the name of a Python module"),
        (("new", "pandas", *CODING), "is also the name of a Python module"),
        (("new", "class", *CODING), "is also the name of a Python module"),
        (("new", "coder", "--template", "imputation", "--defaults"), "--template coding or --template tabular"),
        (("new", "coder", "--defaults"), "which template?"),
        (("new", "coder", *CODING, "--data", "colour=blue"), "does not ask for colour"),
        (("new", "coder", *CODING, "--data", "name=other"), "does not ask for name"),
        (("new", "coder", *CODING, "--data", "package=os"), "does not ask for package"),
        (("new", "coder", *CODING, "--data", "title"), "expected KEY=VALUE"),
        (("new", "coder", *CODING, "--data", "title= "), "expected a title"),
        (("new", "coder", *CODING, "--data", "title=two\nlines"), "expected one line"),
        (("new", "coder", *CODING, "--data", f"organisation={'x' * 121}"), "at most 120 characters"),
        (("new", "coder", *CODING, "--directory", "not/there"), "mkdir -p"),
        (("new", "coder", *CODING, "--directory", "."), "exists"),
    ],
)
def test_what_cannot_be_made_is_refused_with_exit_code_2(
    towpath: Towpath, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    assert said in towpath(*arguments, code=2).err
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_exists_is_touched(towpath: Towpath, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("empty", "file", "link"):
        assert f"{name} exists" in towpath("new", name, *CODING, code=2).err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "link"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_without_a_terminal_it_says_which_flag_would_have_answered(towpath: Towpath, tmp_path: Path) -> None:
    said = towpath("new", "coder", "--template", "coding", "--data", "title=Coder", code=2).err
    assert "asks for organisation, business_owner" in said
    assert "--defaults" in said
    assert "--data organisation=" in said
    assert list(tmp_path.iterdir()) == []


def test_answering_every_question_needs_no_defaults(towpath: Towpath, tmp_path: Path) -> None:
    questions = scaffold.find("coding", scaffold.shelf()).questions
    answers = {**dict.fromkeys(questions, "somebody"), "next_review": "2030-01-31"}
    towpath("new", "coder", "-t", "coding", *[word for key in answers for word in ("--data", f"{key}={answers[key]}")])
    assert projects.load(tmp_path / "coder").settings.owners.it_operator == "somebody"


def test_on_a_terminal_it_asks(environment: dict[str, str], tmp_path: Path) -> None:
    code, said = on_a_terminal(environment, tmp_path, b"\x15Ada\r")  # Ctrl-U takes away what is proposed
    assert code == 0, said
    assert projects.load(tmp_path / "coder").settings.owners.data_scientist == "Ada"


def test_control_c_at_a_question_leaves_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    code, said = on_a_terminal(environment, tmp_path, b"\x03")
    assert code == 130, said
    assert list(tmp_path.iterdir()) == []


def on_a_terminal(environment: dict[str, str], folder: Path, keys: bytes) -> tuple[int, str]:
    """How `towpath new coder` ends, and what it showed, when a person types `keys` at each question."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "towpath", "new", "coder", "-t", "tabular"]
    command += ["--data", "title=Coder", "--data", "next_review=2030-01-31"]
    env = {**environment, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen, answered = b"", 0
    while chunk := _read(ours):
        seen += chunk
        if seen.count(b"(empty ") > answered and seen.count(b"\x1b[?25h") > answered:
            answered += 1
            os.write(ours, keys)
    os.close(ours)
    return process.wait(), seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


# --- what goes wrong


def test_without_git_nothing_is_made(towpath: Towpath, tmp_path: Path) -> None:
    said = towpath("new", "coder", *CODING, env={"PATH": str(tmp_path / "nothing-here")}, code=3)
    assert "git is not installed" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_failing_git_leaves_nothing(towpath: Towpath, tmp_path: Path) -> None:
    path = fake_git(tmp_path / "bin", "commit", 'echo "fatal: no space left" >&2; exit 128')
    said = towpath("new", "coder", *CODING, env={"PATH": path}, code=3)
    assert "no space left" in said.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["clone", "commit"])
def test_an_interrupted_new_leaves_nothing(
    environment: dict[str, str], tmp_path: Path, verb: str, how: signal.Signals
) -> None:
    here, work, temporary = (tmp_path / name for name in ("reached", "work", "temporary"))
    os.mkfifo(here)
    work.mkdir()
    temporary.mkdir()
    path = fake_git(tmp_path / "bin", verb, f"echo here > {here}; exec cat {here}")
    env = {**environment, "PATH": path, "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "towpath", "new", "coder", *CODING]
    process = subprocess.Popen(command, cwd=work, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    assert here.read_text() == "here\n"  # it now waits for git
    assert [entry.name.startswith(".coder.") for entry in work.iterdir()] == [True]
    os.killpg(process.pid, how)
    assert process.wait() == 130
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    template = scaffold.find("coding", scaffold.shelf())
    (tmp_path / "file").write_text("")
    with pytest.raises(Misused, match="there is no folder"):
        scaffold.scaffold(template, "coder", {}, folder=tmp_path / "file" / "coder", ask=False)


def test_a_template_without_its_bundle_is_a_broken_installation(tmp_path: Path) -> None:
    (tmp_path / "coding").mkdir()
    (tmp_path / "coding/copier.yml").write_text("name:\n  type: str\ndataset:\n  default: x\n  when: false\n")
    with pytest.raises(CouldNot, match=r"coding\.bundle is missing") as error:
        scaffold.scaffold(scaffold.find("coding", tmp_path), "coder", {}, folder=tmp_path / "coder", ask=False)
    assert "install towpath again" in error.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["coding"]


def test_help_has_an_example(towpath: Towpath) -> None:
    assert "towpath new occupation-coder --template coding" in towpath("new", "--help").out
    assert json.loads(towpath("new", "X", "--json", *CODING, code=2).out)["error"]["exit_code"] == 2

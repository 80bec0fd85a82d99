"""The switchboard: exit codes, errors, synonyms, and what a verb costs before it is chosen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from towpath import cli
from towpath_core.errors import CouldNot, Mismatch, Misused, NotFound, Refused, TowpathError

if TYPE_CHECKING:
    from tests.conftest import Towpath


class OneVerb(cli.Switchboard):
    """The switchboard with one more verb, which does what its test wants."""

    def __init__(self, body: object) -> None:
        super().__init__(name="towpath")
        self.extra = click.Command("act", callback=body)  # type: ignore[arg-type]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self.extra if cmd_name == "act" else super().get_command(ctx, cmd_name)


def ends(body: object, *arguments: str) -> int:
    return cli.run(["act", *arguments], OneVerb(body))


def raising(error: BaseException) -> object:
    def body() -> None:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("a gate refused"), 1),
        (Misused("a bad name"), 2),
        (CouldNot("the server is away"), 3),
        (NotFound("no such model"), 3),
        (Mismatch("the digest differs"), 5),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (OSError(28, "No space left on device", "store.db"), 3),
        (click.UsageError("no such option"), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_each_way_to_end_has_its_exit_code(error: BaseException, code: int) -> None:
    assert ends(raising(error)) == code


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_command_may_answer_with_an_exit_code(code: int) -> None:
    assert ends(lambda: code) == code


def test_nothing_returned_is_done() -> None:
    assert ends(lambda: None) == 0


def test_an_error_is_one_sentence_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    ends(raising(NotFound("there is no model churn", hint="towpath list")))
    assert capsys.readouterr().err == "Error: there is no model churn\nNext:  towpath list\n"


def test_a_program_gets_the_error_as_json_too(towpath: Towpath) -> None:
    told = towpath("check", "--json", code=3)
    assert told.json == {
        "schema": 1,
        "error": {
            "message": told.json["error"]["message"],
            "hint": "cd into a project, or make one: towpath new occupation-coder --template coding",
            "exit_code": 3,
        },
    }
    assert told.json["error"]["message"] in told.err


def test_what_was_asked_wrongly_is_json_too(towpath: Towpath) -> None:
    told = towpath("reject", "--json", code=2)
    assert told.json["error"]["exit_code"] == 2
    assert told.json["error"]["message"] in told.err
    assert told.json["error"]["hint"] == "towpath reject --help"
    assert towpath("--json", code=2).json["error"]["exit_code"] == 2


def test_json_that_the_environment_asks_for_tells_errors_too(towpath: Towpath) -> None:
    assert towpath("check", env={"TOWPATH_CHECK_JSON": "1"}, code=3).json["error"]["exit_code"] == 3


def test_the_system_s_own_errors_name_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    ends(raising(OSError(28, "No space left on device", "store.db")))
    assert capsys.readouterr().err == "Error: the system refused store.db: No space left on device\n"


def test_an_error_that_quotes_foreign_text_cannot_rewrite_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ends(raising(TowpathError("no \x1b[2Jmodel \u202exyz", hint="ask\x07")))
    assert capsys.readouterr().err == "Error: no [2Jmodel xyz\nNext:  ask\n"


def test_whoever_debugs_gets_the_traceback(towpath: Towpath) -> None:
    assert "Traceback" not in towpath("check", code=3).err
    code = "import sys; from towpath.cli import run; sys.exit(run(['check']))"
    env = {**os.environ, "TOWPATH_DEBUG": "1"}
    shown = subprocess.run([sys.executable, "-c", code], env=env, cwd="/", capture_output=True)
    assert b"Traceback" in shown.stderr


def test_an_unknown_verb_and_an_unknown_option_are_asked_wrongly(towpath: Towpath) -> None:
    assert "No such command 'trian'" in towpath("trian", code=2).err
    assert "No such option" in towpath("list", "--jsn", code=2).err


@pytest.mark.parametrize(("word", "verb"), sorted(cli.SYNONYMS.items()))
def test_words_from_other_tools_are_understood(towpath: Towpath, word: str, verb: str) -> None:
    assert towpath(word, "--help").out == towpath(verb, "--help").out
    assert towpath(word, "--help").out.startswith(f"Usage: towpath {verb} ")


def test_the_version_is_the_package_s(towpath: Towpath) -> None:
    from importlib.metadata import version

    assert towpath("--version").out == f"towpath {version('towpath')}\n"


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    shell = f"{sys.executable} -m towpath help | sleep 0; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], env=environment, capture_output=True, text=True)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_by_key_or_by_signal_ends_with_130(how: signal.Signals) -> None:
    code = (
        "import sys, time, click\nfrom towpath import cli\n"
        "def body():\n    print('ready', flush=True)\n    time.sleep(60)\n"
        "class One(cli.Switchboard):\n"
        "    def get_command(self, ctx, name): return click.Command('act', callback=body)\n"
        "sys.exit(cli.run(['act'], One(name='towpath')))"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(how)
        told = process.stderr.read().decode()
        assert process.wait(timeout=20) == 130
    assert told.strip() == "Interrupted. Nothing is left half done; the same command takes it up again."


def test_every_option_can_be_an_environment_variable(towpath: Towpath) -> None:
    assert towpath("doctor", env={"TOWPATH_DOCTOR_JSON": "1"}, code=0).json["schema"] == 1
    assert "promote what, to where?" in towpath("assign", "a/1", code=2).err
    assert "there is no registry yet" in towpath("assign", "a/1", env={"TOWPATH_PROMOTE_TO": "staging"}, code=3).err
    assert "there is no template 'nope'" in towpath("new", "a", env={"TOWPATH_NEW_TEMPLATE": "nope"}, code=2).err


def test_telemetry_of_the_tools_is_off_unless_a_person_said_otherwise(environment: dict[str, str]) -> None:
    code = "import os; from towpath import cli; cli.run(['help', 'exit-codes']); print(os.environ['DVC_NO_ANALYTICS'])"
    bare = {name: value for name, value in environment.items() if name not in cli.NO_TELEMETRY}
    for extra, expected in (({}, "1"), ({"DVC_NO_ANALYTICS": "0"}, "0")):
        said = subprocess.run([sys.executable, "-c", code], env={**bare, **extra}, capture_output=True, text=True)
        assert said.stdout.splitlines()[-1] == expected

from __future__ import annotations

import json

import click
import pytest
from click.testing import CliRunner

from towpath.console import Console, clean, mark, one_line, table, with_console


@click.command()
@with_console
def greet(console: Console) -> None:
    """Says what it does, then what came of it."""
    console.say("thinking")
    console.result({"word": "Grüße"}, "hello")


def test_a_person_gets_the_text_and_progress_apart_from_it() -> None:
    done = CliRunner().invoke(greet, [])
    assert (done.stdout, done.stderr) == ("hello\n", "thinking\n")


def test_a_program_gets_json_with_a_schema_and_readable_letters() -> None:
    done = CliRunner().invoke(greet, ["--json"])
    assert json.loads(done.stdout) == {"schema": 1, "word": "Grüße"}
    assert "Grüße" in done.stdout
    assert done.stderr == "thinking\n"


def test_quiet_is_quiet_on_standard_error_only() -> None:
    done = CliRunner().invoke(greet, ["--quiet"])
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_a_result_that_no_json_reader_takes_is_never_written() -> None:
    with pytest.raises(ValueError, match="Out of range float values"):
        Console(json=True).result({"accuracy": float("nan")}, "")


def test_a_table_is_aligned_and_missing_values_are_dashes() -> None:
    assert table(["model", "version"], [["occupation-coder", 12], ["x", None]]) == (
        "model             version\noccupation-coder  12\nx                 –"
    )


def test_a_table_without_rows_is_its_head() -> None:
    assert table(["model", "version"], []) == "model  version"


def test_foreign_text_cannot_rewrite_the_terminal() -> None:
    assert clean("a\x1b[2Jb\x07\r\nc\td\x9b31m") == "a[2Jb\nc\td31m"
    assert "\x1b" not in table(["model"], [["\x1b]0;owned\x07"]])


def test_foreign_text_cannot_turn_the_order_of_letters_round() -> None:
    assert clean("to \u202enoitcudorp\u202c, \u2066ok\u2069") == "to noitcudorp, ok"


def test_foreign_text_cannot_add_a_row_to_a_table() -> None:
    forged = "gain holds\n9  promoted\tproduction\u2028by admin"
    assert one_line(forged) == "gain holds 9  promoted production by admin"
    assert table(["entry", "why"], [[5, forged]]).splitlines() == [
        "entry  why",
        "5      gain holds 9  promoted production by admin",
    ]


def test_what_came_as_no_text_is_shown_all_the_same() -> None:
    half = b"bad \xff".decode("utf-8", "surrogateescape")

    @click.command()
    @with_console
    def tell(console: Console) -> None:
        """What the ledger holds of an argument that was not UTF-8."""
        console.result({"why": half}, half)

    assert CliRunner().invoke(tell, []).stdout_bytes.decode() == "bad \ufffd\n"
    assert json.loads(CliRunner().invoke(tell, ["--json"]).stdout_bytes) == {"schema": 1, "why": half}
    assert clean(half) == "bad \ufffd"


@pytest.mark.parametrize(("passed", "word"), [(True, "pass"), (False, "FAIL"), (None, "n/a ")])
def test_a_verdict_reads_the_same_without_colour(passed: bool | None, word: str) -> None:
    assert mark(passed) == word

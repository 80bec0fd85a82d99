from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from towpath.commands.help import TOPICS
from towpath_core import errors

if TYPE_CHECKING:
    from tests.conftest import Towpath


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_topic_is_explained(towpath: Towpath, topic: str) -> None:
    assert towpath("help", topic).out == TOPICS[topic] + "\n"


def test_every_exit_code_of_an_error_is_in_the_table() -> None:
    kinds = [errors.Refused, errors.Misused, errors.CouldNot, errors.NotFound, errors.Mismatch]
    for code in (0, 4, 130, *(kind.exit_code for kind in kinds)):
        assert f"\n    {code:<5}" in TOPICS["exit-codes"]


def test_a_command_is_explained_as_by_its_own_help(towpath: Towpath) -> None:
    assert towpath("help", "doctor").out == towpath("doctor", "--help").out


def test_no_topic_shows_the_commands(towpath: Towpath) -> None:
    assert towpath("help").out == towpath("--help").out


def test_an_unknown_topic_is_asked_wrongly_and_the_known_ones_are_named(towpath: Towpath) -> None:
    told = towpath("help", "exitcodes", code=2).err
    assert "nothing is known about 'exitcodes'" in told
    assert "exit-codes, environment, new" in told

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from towpath.cli import VERBS

if TYPE_CHECKING:
    from tests.conftest import Towpath


def completed(environment: dict[str, str], words: str, at: int) -> list[str]:
    env = {**environment, "COMP_WORDS": words, "COMP_CWORD": str(at), "_TOWPATH_COMPLETE": "bash_complete"}
    done = subprocess.run([sys.executable, "-m", "towpath"], env=env, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_towpath(towpath: Towpath, shell: str) -> None:
    assert "_TOWPATH_COMPLETE" in towpath("completion", shell).out


def test_another_shell_is_asked_wrongly(towpath: Towpath) -> None:
    assert "'bash', 'zsh', 'fish'" in towpath("completion", "tcsh", code=2).err


def test_the_bash_script_is_one_that_bash_takes(towpath: Towpath) -> None:
    script = towpath("completion", "bash").out
    assert shutil.which("bash")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_all_verbs_are_offered_and_no_synonym(environment: dict[str, str]) -> None:
    assert completed(environment, "towpath ", 1) == list(VERBS)


def test_a_beginning_narrows_them(environment: dict[str, str]) -> None:
    assert completed(environment, "towpath do", 1) == ["doctor"]


def test_options_of_a_verb_are_offered(environment: dict[str, str]) -> None:
    assert "--json" in completed(environment, "towpath doctor --", 2)


def test_bash_itself_completes_a_verb(towpath: Towpath, environment: dict[str, str]) -> None:
    script = towpath("completion", "bash").out
    asked = f"{script}\nCOMP_WORDS=(towpath doc); COMP_CWORD=1; _towpath_completion towpath; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", asked], env=environment | {"LC_ALL": "C"}, capture_output=True, text=True)
    assert done.stdout.split() == ["doctor"], done.stderr

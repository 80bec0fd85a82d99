from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from towpath_core.processes import end_group, group

CHILD_AND_GRANDCHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {grandchild!r}])
print(child.pid, flush=True)
time.sleep(60)
"""
SLEEPS = "import time; time.sleep(60)"
DEAF = "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; time.sleep(60)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def runs(pid: int) -> bool:
    """Whether the process does anything still: a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_program_says_on_either_stream_arrives_line_by_line() -> None:
    code = "import sys; print('one', flush=True); print('zwölf', file=sys.stderr, flush=True)"
    with group(python(code)) as process:
        assert process.stdout is not None
        assert [line.rstrip() for line in process.stdout] == ["one", "zwölf"]
    assert process.returncode == 0


def test_a_program_gets_no_input_the_given_folder_and_only_the_given_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(repr(sys.stdin.read()), os.getcwd(), sorted(os.environ.keys() & {'A', 'HOME'}))"
    with group(python(code), cwd=tmp_path, env={"A": "1"}) as process:
        assert process.stdout is not None
        assert process.stdout.read().strip() == f"'' {tmp_path} ['A']"


def test_the_whole_family_ends_with_the_block() -> None:
    with group(python(CHILD_AND_GRANDCHILD.format(grandchild=SLEEPS))) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        assert runs(process.pid)
        assert runs(grandchild)
    assert not runs(process.pid)
    assert not runs(grandchild)


def test_an_interrupt_inside_the_block_ends_the_family_and_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt), group(python(SLEEPS)) as process:
        raise KeyboardInterrupt
    assert not runs(process.pid)
    assert process.returncode == -signal.SIGINT


def test_who_does_not_hear_is_killed() -> None:
    with group(python(DEAF + "")) as process:
        end_group(process, patience=0.3)
        assert process.poll() in (-signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM)
    assert not runs(process.pid)


def test_a_grandchild_left_behind_is_ended_too() -> None:
    leaves = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]).pid, flush=True)"
    with group(python(leaves)) as process:
        assert process.stdout is not None
        grandchild = int(process.stdout.readline())
        process.wait()
    assert not runs(grandchild)


def test_a_program_of_another_group_is_not_touched() -> None:
    with group(python(SLEEPS)) as bystander:
        with group(python(SLEEPS)):
            pass
        assert runs(bystander.pid)
        assert os.getpgid(bystander.pid) != os.getpgid(0)


def test_a_program_that_is_tied_to_us_ends_when_our_end_of_the_pipe_does() -> None:
    """That is what the kernel does to the pipe when we are killed."""
    program = (
        "import time; from towpath_core.processes import end_with_stdin; end_with_stdin();"
        " print('ready', flush=True); time.sleep(600)"
    )
    with group([sys.executable, "-c", program], tied=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == -signal.SIGTERM


def test_a_program_that_does_not_listen_to_that_is_ended_by_force() -> None:
    program = (
        "import signal, time; from towpath_core.processes import end_with_stdin;"
        " signal.signal(signal.SIGTERM, signal.SIG_IGN); end_with_stdin(0.1);"
        " print('ready', flush=True); time.sleep(600)"
    )
    with group([sys.executable, "-c", program], tied=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()
        assert process.wait(30) == 143

"""Other programs, started so that none of them outlives us."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


@contextlib.contextmanager
def group(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, tied: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """The program in a process group of its own, its output as text lines; the whole group ends with the block.

    With `tied` its standard input lasts as long as this process does, however that ends: see `end_with_stdin`.

    Standard error joins standard output. An interrupt (Ctrl-C, SIGTERM turned into KeyboardInterrupt) inside the
    block is passed on to the group, which gets five seconds to end by itself.
    """
    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(env) if env is not None else None,
        stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end_group(process)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def end_group(process: subprocess.Popen[str], patience: float = 5.0) -> None:
    """Interrupt, then terminate, then kill what is left of the process's group."""
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None and not _group_alive(process.pid):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, how)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and (process.poll() is None or _group_alive(process.pid)):
            time.sleep(0.02)


def end_with_stdin(patience: float = 10.0) -> None:
    """From now on this process ends when its standard input does: by SIGTERM, and `patience` seconds later by force.

    The end of a pipe is seen even when who held the other side of it was killed.
    """

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        os._exit(143)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()


def _group_alive(group_id: int) -> bool:
    """Whether any process of the group runs; a zombie that nobody has waited for does not count."""
    try:
        os.killpg(group_id, 0)
    except (ProcessLookupError, PermissionError):
        return False
    stats = Path("/proc").glob("[0-9]*/stat")
    if not Path("/proc/self/stat").exists():
        return True
    for stat in stats:
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group_id and fields[0] != "Z":
                return True
    return False

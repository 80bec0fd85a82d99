"""The server as a process: it starts only with the model that it was told to serve, and stops when it is told."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Misused
from towpath_serve.server import bound


@contextmanager
def started(*arguments: str, environ: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "towpath_serve", *arguments],
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()


def refused(*arguments: str) -> tuple[int, str]:
    with started(*arguments) as process:
        _, told = process.communicate(timeout=60)
        assert "Traceback" not in told
        return process.returncode, told


def address(process: subprocess.Popen[str]) -> str:
    assert process.stderr
    return process.stderr.readline().split()[-1].removesuffix("/predict")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_stop(packaged: Path, number: signal.Signals) -> None:
    environ = {"TOWPATH_MODEL_DIGEST": dir_hash(packaged), "TOWPATH_MODEL_VERSION": "occupation-coder/1"}
    with started(str(packaged), "--port", "0", environ=environ) as process:
        with urllib.request.urlopen(f"{address(process)}/health", timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(number)
        out, told = process.communicate(timeout=30)

    assert (process.returncode, out, told) == (0, "", "occupation-coder/1 stopped\n")


@pytest.mark.slow
def test_another_model_than_the_one_named_is_not_served(packaged: Path) -> None:
    code, told = refused(str(packaged), "--port", "0", "--digest", "sha256:" + "0" * 64)
    assert code == 5
    assert "expected sha256:000" in told


@pytest.mark.slow
def test_a_model_that_answers_otherwise_than_at_evaluation_is_not_served(packaged: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(packaged, tmp_path / "package")
    expected = folder / "expected.json"
    expected.write_text(expected.read_text().replace('"label": "5434"', '"label": "2314"'))
    code, told = refused(str(folder), "--port", "0")
    assert code == 5
    assert "answers otherwise here than at evaluation: example 1: the label is" in told


@pytest.mark.slow
def test_a_folder_that_is_no_model_is_not_served(tmp_path: Path) -> None:
    code, told = refused(str(tmp_path), "--port", "0")
    assert code == 1
    assert "may not be loaded: the folder is without MLmodel, towpath.json, model.skops" in told
    code, told = refused(str(tmp_path / "nowhere"), "--port", "0")
    assert code == 3
    assert "cannot read the model's folder" in told


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(tmp_path: Path) -> None:
    taken = bound("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    code, told = refused(str(tmp_path), "--port", str(port))
    taken.close()
    assert (code, told) == (
        3,
        f"Error: port {port} on 127.0.0.1 is taken\nNext:  choose another: --port {port + 1}\n",
    )


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("no.such.host.invalid", 80)])
def test_an_address_that_does_not_exist_is_said(host: str, port: int) -> None:
    with pytest.raises(Misused, match="there is no address"):
        bound(host, port)


def test_an_address_of_somebody_else_is_said() -> None:
    with pytest.raises(CouldNot, match="cannot be used"):
        bound("192.0.2.1", 8080)

"""towpath serve, as a person calls it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry_world import EmbeddedWorld, Material
from towpath_serve.server import bound

if TYPE_CHECKING:
    from tests.conftest import Towpath


@pytest.fixture
def world(home: Path, packaged: Path) -> EmbeddedWorld:
    """A registry with one version, in production."""
    world = EmbeddedWorld(home)
    world.add(Material({path.name: path.read_bytes() for path in packaged.iterdir()}))
    world.move_alias("occupation-coder", "production", 1)
    return world


@pytest.mark.slow
def test_it_answers_in_the_foreground_until_it_is_interrupted(
    world: EmbeddedWorld, environment: Mapping[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "towpath", "serve", "occupation-coder@production", "--port", "0"]
    with subprocess.Popen(command, env=dict(environment), cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            address = server.stderr.readline().split()[-1]
            body = json.dumps({"records": [{"text": "kitchen cook"}]}).encode()
            with urllib.request.urlopen(address, body, timeout=20) as answer:
                told = json.load(answer)
            server.send_signal(signal.SIGINT)
            _, rest = server.communicate(timeout=30)
        finally:
            server.kill()

    assert told["model"] == "occupation-coder/1"
    assert told["predictions"][0]["label"] == "5434"
    assert (server.returncode, rest) == (0, "occupation-coder/1 stopped\n")


def test_what_stands_in_the_way_is_told(towpath: Towpath, world: EmbeddedWorld) -> None:
    taken = bound("127.0.0.1", 0)
    taken.listen()
    port = str(taken.getsockname()[1])
    assert f"port {port} on 127.0.0.1 is taken" in towpath("serve", "occupation-coder/1", "--port", port, code=3).err
    taken.close()
    assert "has no alias staging" in towpath("serve", "occupation-coder@staging", code=3).err
    assert "there is no version occupation-coder/9" in towpath("serve", "occupation-coder/9", code=3).err
    assert "names no model version" in towpath("serve", "Occupation", code=2).err


def test_a_version_without_a_digest_is_not_served(towpath: Towpath, home: Path, packaged: Path) -> None:
    world = EmbeddedWorld(home)
    world.add(Material({path.name: path.read_bytes() for path in packaged.iterdir()}, digest="none"))
    assert "registered without a digest" in towpath("serve", "occupation-coder/1", code=1).err

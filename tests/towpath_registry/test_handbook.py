"""What the handbook says an auditor can do without towpath."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from registry_world import EmbeddedWorld, material
from towpath_registry.nouns import PROMOTED, Decision


def test_the_chain_is_verified_by_the_handbooks_own_lines(repository: Path, tmp_path: Path) -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```", (repository / "docs/handbook/registry.md").read_text(), re.DOTALL | re.MULTILINE
    )
    world = EmbeddedWorld(tmp_path / "home")
    version = world.add(material())
    for previous in (None, 1, 1):
        world.store.record(Decision(version.name, PROMOTED, "staging", 1, previous, "a", "", version.digest, "p", ()))

    def verify() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-c", code, str(world.database)]
        return subprocess.run(command, capture_output=True, text=True)

    assert verify().stdout == f"whole, and ends with {world.store.ledger(version.name)[-1].hash}\n"
    with closing(sqlite3.connect(world.database)) as rows, rows:
        rows.execute("DROP TRIGGER towpath_ledger_no_update")
        rows.execute("UPDATE towpath_ledger SET body = x'00' WHERE seq = 2")
    assert (verify().returncode, verify().stderr) == (1, "broken at entry 2\n")

"""Keeps what the documents say of `--help` equal to what `--help` says.

    python docs/help_blocks.py            rewrite the blocks that differ
    python docs/help_blocks.py --check    name the documents whose blocks differ, and end with 1

A block starts with ```console and a line `$ towpath … --help`, `$ towpath help …` or `$ make help`; what follows up to
the closing fence is what the command prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_COMMAND = r"towpath(?: [a-z]+)* --help|towpath help [a-z-]+|make help"
_BLOCK = re.compile(rf"(```console\n\$ )({_COMMAND})\n.*?(```)", re.DOTALL)


def refreshed(text: str) -> str:
    """The document with each help block as the command prints it now."""
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2]}\n{_printed(found[2])}{found[3]}", text)


def _printed(command: str) -> str:
    word, *rest = command.split()
    whole = [sys.executable, "-m", "towpath", *rest] if word == "towpath" else [word, *rest]
    env = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "MAKEFLAGS": ""}
    return subprocess.run(whole, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def main() -> int:
    old = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if (new := refreshed(text)) != text:
            old.append(document.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv[1:]:
                document.write_text(new, encoding="utf-8")
    if old:
        sys.stdout.write("".join(f"{name}\n" for name in old))
    return 1 if old and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Whether we stand in a project, found out without reading it."""

from __future__ import annotations

from pathlib import Path

FILE = "towpath.yaml"


def find(start: Path | None = None) -> Path | None:
    """The nearest folder at or above `start` (the working folder) with a towpath.yaml."""
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)

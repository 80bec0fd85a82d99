"""What each kind of artifact store of the server shares: where it lies, the refusals, and who is noted as an author."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import unquote

from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

from towpath_registry.mlflow_plugin.house import here
from towpath_registry.mlflow_plugin.kept import Kept
from towpath_registry.nouns import WORKSPACE

SCHEME = "governed+"
UPLOAD, DELETE = "upload", "delete-artifacts"
_RUN = re.compile(r"[0-9a-f]{32}")
_MODEL = re.compile(r"m-[0-9a-f]{32}")


def destination() -> str:
    """The address of this server's artifacts; empty where there are none."""
    return os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR, "").removeprefix(SCHEME)


def refuse_outside(what: str) -> NoReturn:
    """Raise Refused for what does not lie below the server's artifacts."""
    here().refuse(what, "the server writes below its own artifacts only", hint="log to an experiment of its own")


def refuse_kept(what: str, found: Kept, name: str) -> NoReturn:
    """Raise Refused for what belongs to a kept version, or lies above it."""
    here().refuse(
        what,
        f"{found.reason}, and its files are written once: {name} stays as it is",
        hint="log a new model, and register it as the next version",
        workspace=found.workspace,
        model=found.model,
        version=found.version,
        level=found.level,
    )


def note_author(parts: Sequence[str]) -> None:
    """Who writes a file is one of the authors of the run or the logged model that the parts of its name tell of."""
    workspace = parts[1] if parts[:1] == ("workspaces",) and len(parts) > 2 else WORKSPACE
    for part in parts[:-1]:
        kind = "model" if _MODEL.fullmatch(part) else "run" if _RUN.fullmatch(part) else ""
        if kind:
            here().made(kind, part, workspace)
            return


def decoded(path: str) -> str:
    """The path behind all its encodings, which MLflow undoes one after the other."""
    while (behind := unquote(path)) != path:
        path = behind
    return path

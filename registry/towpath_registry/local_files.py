"""Artifacts in a folder of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from towpath_core.errors import CouldNot
from towpath_registry import evidence

LARGEST = 32 << 20  # bytes of one file of a run that is read at once


class LocalFiles:
    """`artifacts` is the folder that a server over the same registry calls `mlflow-artifacts:/`.

    With `only_inside`, nothing outside of that folder is ever read, whatever address a user wrote into the database.
    """

    def __init__(self, artifacts: Path, *, only_inside: bool = False) -> None:
        self._artifacts, self._only_inside = artifacts, only_inside

    @contextlib.contextmanager
    def folder(self, uri: str, ref: str) -> Iterator[Path]:
        folder = self._place(uri, ref)
        if not folder.is_dir():
            raise CouldNot(f"the files of {ref} are gone: there is no folder {folder}", hint="restore a backup")
        yield folder

    def evidence(self, uri: str, ref: str) -> list[tuple[str, bytes]]:
        folder = self._place(uri, ref) / evidence.FOLDER
        return [(path.name, _bytes(path)) for path in sorted(folder.glob(f"*{evidence.SUFFIX}"))]

    def file(self, uri: str, path: str, ref: str) -> bytes | None:
        root = self._place(uri, ref)
        found = (root / path).resolve()
        if not found.is_relative_to(root.resolve()) or not found.is_file():
            return None
        return whole(_bytes(found, LARGEST + 1), path, ref)

    def _place(self, uri: str, ref: str) -> Path:
        parts = urlsplit(uri)
        root = self._artifacts.resolve()
        if parts.scheme == "mlflow-artifacts":
            place = (root / unquote(parts.path).lstrip("/")).resolve()
        elif parts.scheme == "file" or (not parts.scheme and uri.startswith("/")):
            place = Path(unquote(parts.path) if parts.scheme else uri)
            if not self._only_inside:
                return place
            place = place.resolve()
        else:
            raise CouldNot(
                f"the files of {ref} are not on this machine: they lie at {uri or 'no place at all'}",
                hint="set MLFLOW_TRACKING_URI to the server that it was registered with",
            )
        if not place.is_relative_to(root):
            raise CouldNot(f"the files of {ref} lie outside of the registry's artifacts", hint="register them anew")
        return place


def whole(content: bytes, path: str, ref: str) -> bytes:
    """What was read of a run's file. Raises: CouldNot where it goes on beyond what is read at once."""
    if len(content) > LARGEST:
        raise CouldNot(f"{path} of {ref} is larger than {LARGEST >> 20} MiB", hint="look at it in MLflow's UI")
    return content


def _bytes(path: Path, most: int = evidence.LARGEST + 1) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise CouldNot(f"cannot read {path}: {error.strerror}") from error

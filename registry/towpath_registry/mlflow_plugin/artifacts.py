"""The server's artifact folder, where the files of a kept version are written once.

MLflow decodes an address several times, serves some routes without Flask, and takes paths from many handlers. Here the
path is the one that the operating system is about to be given, whatever address it came by.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.file_utils import local_file_uri_to_path

from towpath_core.errors import Refused
from towpath_registry.artifact_place import S3, Place, place
from towpath_registry.mlflow_plugin.answers import guarded
from towpath_registry.mlflow_plugin.house import here
from towpath_registry.mlflow_plugin.kept import Kept
from towpath_registry.mlflow_plugin.written_once import (
    DELETE,
    SCHEME,
    UPLOAD,
    decoded,
    destination,
    note_author,
    refuse_kept,
    refuse_outside,
)


class GovernedFiles(LocalArtifactRepository):
    """A folder of the server's artifacts. Reading is MLflow's own."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        super().__init__(artifact_uri.removeprefix(SCHEME), tracking_uri, registry_uri)

    @guarded
    def _get_or_create_artifact_dir(self, artifact_path: str | None = None) -> str:
        inside = os.path.normpath(artifact_path) if artifact_path else ""
        _refuse_kept(UPLOAD, Path(self.artifact_dir, inside))
        folder: str = super()._get_or_create_artifact_dir(artifact_path)
        return folder

    @guarded
    def _publish_staged_artifact(
        self, temp_file_path: str, destination_file_path: str, finalize_temp_path: Callable[[str], None] | None = None
    ) -> None:
        _refuse_kept(UPLOAD, Path(destination_file_path))  # again: a long upload may outlast the first answer
        note_author(Path(os.path.realpath(destination_file_path)).relative_to(artifacts_root()).parts)
        super()._publish_staged_artifact(temp_file_path, destination_file_path, finalize_temp_path)

    @guarded
    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        for folder, _, names in os.walk(local_dir):
            below = Path(folder).relative_to(local_dir).as_posix()
            inside = "/".join(part for part in (artifact_path, below) if part and part != ".")
            for name in names:
                self.log_artifact(str(Path(folder) / name), inside or None)  # type: ignore[no-untyped-call]

    @guarded
    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        whole = str(Path(self.artifact_dir, artifact_path)) if artifact_path else self.artifact_dir
        _refuse_kept(DELETE, Path(_local(whole)), deleting=True)
        super().delete_artifacts(artifact_path)  # type: ignore[no-untyped-call]


class _Folders:
    """The folders of what is kept, as the file system knows them; made anew when something else is kept."""

    def __init__(self, kept: tuple[Kept, ...], root: Path) -> None:
        self.of, self.root = kept, root
        self.written: dict[object, Kept] = {}
        self.above: dict[object, Kept] = {}
        for one in kept:
            for folder in filter(None, (_folder(address, root) for address in one.places)):
                self.written |= {mark: one for mark in _marks(folder) if mark not in self.written}
                for parent in folder.parents:
                    if parent in self.above:
                        break
                    self.above |= dict.fromkeys(_marks(parent), one)


_known: list[_Folders] = []


def _folders() -> _Folders:
    kept, root = here().keeper.kept(), artifacts_root()
    if not (_known and _known[0].of is kept and _known[0].root == root):
        _known[:] = [_Folders(kept, root)]
    return _known[0]


def _refuse_kept(what: str, target: Path, *, deleting: bool = False) -> None:
    """Raise Refused for what belongs to a kept version, and for what lies outside of the server's artifacts."""
    if destination().startswith(S3):
        refuse_outside(what)
    target = Path(os.path.realpath(target))
    folders = _folders()
    if not target.is_relative_to(folders.root):
        refuse_outside(what)
    found = next(
        (folders.written[mark] for p in (target, *target.parents) for mark in _marks(p) if mark in folders.written),
        None,
    )
    if found is None and deleting:
        found = next((folders.above[mark] for mark in _marks(target) if mark in folders.above), None)
    if found is not None:
        refuse_kept(what, found, str(target.relative_to(folders.root)))


def _marks(path: Path) -> tuple[object, ...]:
    """What a folder is known by: its path, and its place in the file system, which no spelling changes."""
    try:
        there = path.stat()
    except OSError:
        return (path,)
    return (path, (there.st_dev, there.st_ino))


def _folder(place: str, root: Path) -> Path | None:
    parts = urlsplit(place)
    path = decoded(parts.path)
    if parts.scheme == "mlflow-artifacts":
        return Path(os.path.realpath(root / path.lstrip("/")))
    if parts.scheme in ("", "file"):
        return Path(os.path.realpath(path))
    return None


def artifacts_root() -> Path:
    """The folder of this server's artifacts. Raises: Refused where there is none."""
    where = destination()
    if not where:
        raise Refused("this process has no artifacts of its own to write to", hint="towpath server starts one that has")
    return Path(os.path.realpath(_local(where)))


def artifacts_place() -> Place:
    """Where this server's artifacts lie. Raises: Refused where there are none."""
    where = destination()
    return place(where) if where.startswith(S3) else artifacts_root()


def _local(uri: str) -> str:
    path: str = local_file_uri_to_path(uri)
    return path

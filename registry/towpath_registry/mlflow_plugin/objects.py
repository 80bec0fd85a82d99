"""The server's artifacts in an S3-compatible object store, where the files of a kept version are written once.

A key is text that no file system puts right, so a name is taken only if nothing could read it as another one. All bytes
go through the server: no signed address of the object store leaves it, since whoever held one could write with it after
a version was asked for, and nobody would know who. MLflow sees that by the mixins that are not among the bases.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import tempfile
from collections.abc import AsyncIterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from mlflow.entities import FileInfo
from mlflow.store.artifact.artifact_repo import ArtifactRepository, StreamUploadMixin
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

from towpath_core.errors import Misused, Refused
from towpath_registry.artifact_place import S3, S3Place, place, plain
from towpath_registry.mlflow_plugin.answers import answering, guarded
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
from towpath_registry.s3_door import Bucket, translated

_PIECE = 1024 * 1024


class GovernedObjects(ArtifactRepository, StreamUploadMixin):
    """A place among the server's artifacts. Reading is MLflow's own, of plain names below that place."""

    def __init__(self, artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None) -> None:
        uri = artifact_uri.removeprefix(SCHEME)
        super().__init__(uri, tracking_uri, registry_uri)
        self._reading = _Reading(uri, tracking_uri=tracking_uri, registry_uri=registry_uri)

    @guarded
    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._put(Path(local_file), self._named(UPLOAD, artifact_path, Path(local_file).name))

    @guarded
    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        for folder, _, names in os.walk(local_dir):
            below = Path(folder).relative_to(local_dir).as_posix()
            for name in names:
                inside = "" if below == "." else below
                self._put(Path(folder, name), self._named(UPLOAD, artifact_path, inside, name))

    @guarded
    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        name = self._free(artifact_path, artifact_file_name)
        with tempfile.TemporaryDirectory(prefix="towpath-") as made:
            whole = Path(made, "upload")
            with whole.open("wb") as file:
                while content := stream.read(_PIECE):
                    file.write(content)
            self._put(whole, name)

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        name = await asyncio.to_thread(self._free, artifact_path, artifact_file_name)
        with tempfile.TemporaryDirectory(prefix="towpath-") as made:
            whole = Path(made, "upload")
            with await asyncio.to_thread(whole.open, "wb") as file:
                async for content in chunks:
                    await asyncio.to_thread(file.write, content)
            await asyncio.to_thread(self._put, whole, name)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        with answering():
            return list(self._reading.list_artifacts(self._readable(path)))  # type: ignore[no-untyped-call]

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with answering(), translated(f"reading {remote_file_path}"):
            name = self._readable(remote_file_path)
            self._reading._download_file(name, local_path)  # type: ignore[no-untyped-call]

    @guarded
    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        name = self._named(DELETE, (artifact_path or "").rstrip("/"))
        _bucket().delete(name, lambda: _refuse_kept(DELETE, name, deleting=True))

    @guarded
    def _free(self, artifact_path: str | None, file_name: str) -> str:
        """The name of a file that may be written. Raises: MlflowException before any of it was read."""
        name = self._named(UPLOAD, artifact_path, posixpath.basename(file_name))
        _refuse_kept(UPLOAD, name)
        return name

    @guarded
    def _put(self, file: Path, name: str) -> None:
        _refuse_kept(UPLOAD, name)
        note_author(tuple(name.split("/")))
        _bucket().put(name, file, lambda: _refuse_kept(UPLOAD, name))

    def _named(self, what: str, *parts: str | None) -> str:
        """The name below the server's artifacts. Raises: Refused, recorded, for one that is not plain or not there."""
        try:
            inside = "/".join(part for part in parts if part)
            name = plain(inside) if inside else ""
            base = _bucket().place.name(self.artifact_uri)
        except Misused as error:
            here().refuse(what, error.message, hint=error.hint or "log to an experiment of its own")
        except Refused:
            refuse_outside(what)
        return "/".join(part for part in (base, name) if part)

    def _readable(self, path: str | None) -> str:
        _bucket().place.name(self.artifact_uri)
        inside = (path or "").rstrip("/")
        return plain(inside) if inside else ""


class _Reading(S3ArtifactRepository):
    def _get_s3_client(self) -> Any:
        return _bucket().client


class _Names:
    """The names of what is kept; made anew when something else is kept."""

    def __init__(self, kept: tuple[Kept, ...], place: S3Place) -> None:
        self.of, self.place = kept, place
        self.written: dict[str, Kept] = {}
        self.above: dict[str, Kept] = {}
        for one in kept:
            for name in (_name(address, place) for address in one.places):
                if name is not None:
                    self.written.setdefault(name, one)
                    self.above |= {parent: one for parent in _parents(name) if parent not in self.above}


_known: list[_Names] = []


def _names() -> _Names:
    kept, place = here().keeper.kept(), _bucket().place
    if not (_known and _known[0].of is kept and _known[0].place == place):
        _known[:] = [_Names(kept, place)]
    return _known[0]


def _refuse_kept(what: str, name: str, *, deleting: bool = False) -> None:
    """Raise Refused for what belongs to a kept version."""
    names = _names()
    found = next((names.written[one] for one in (name, *_parents(name)) if one in names.written), None)
    if found is None and deleting:
        found = names.above.get(name)
    if found is not None:
        refuse_kept(what, found, name or "everything")


def _parents(name: str) -> Iterator[str]:
    """The folders above a name, the nearest first, and at last the one that holds everything."""
    while name:
        name = name.rpartition("/")[0]
        yield name


def _name(address: str, place: S3Place) -> str | None:
    """The name of a kept folder; None for one that lies elsewhere, where nobody writes."""
    parts = urlsplit(address)
    path = posixpath.normpath(f"/{decoded(parts.path).strip('/')}").strip("/")
    if parts.scheme == "mlflow-artifacts":
        return path
    below = f"{place.prefix}/" if place.prefix else ""
    if parts.scheme == "s3" and parts.netloc == place.bucket and path.startswith(below):
        return path.removeprefix(below)
    return None


@cache
def _opened(place: S3Place) -> Bucket:
    return Bucket(place, os.environ)


def _bucket() -> Bucket:
    """The server's place. Raises: Refused where the server's artifacts do not lie in an object store."""
    where = destination()
    found = place(where) if where.startswith(S3) else None
    if not isinstance(found, S3Place):
        raise Refused("the artifacts of this server do not lie in an object store")
    return _opened(found)

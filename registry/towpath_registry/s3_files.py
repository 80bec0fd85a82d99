"""Artifacts in an S3-compatible object store."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from towpath_core.errors import CouldNot, Misused, NotFound
from towpath_registry import evidence, local_files
from towpath_registry.artifact_place import plain
from towpath_registry.s3_door import Bucket, Found

MOST_FILES = 10_000
LARGEST = 16 << 30  # bytes of all files of a version
MOST_ENVELOPES = 1_000


class S3Files:
    """`bucket` is the place that a server over the same registry calls `mlflow-artifacts:/`.

    Nothing outside of it is ever read. Files are fetched anew each time, into a folder that is gone afterwards:
    whatever is decided is decided on these bytes.
    """

    def __init__(self, bucket: Bucket, *, most: int = MOST_FILES, largest: int = LARGEST) -> None:
        self._bucket, self._most, self._largest = bucket, most, largest

    @contextlib.contextmanager
    def folder(self, uri: str, ref: str) -> Iterator[Path]:
        found = self._listed(self._name(uri, ref), ref)
        with tempfile.TemporaryDirectory(prefix="towpath-", ignore_cleanup_errors=True) as made:
            whole = sum(one.size for _, one in found)
            if whole > shutil.disk_usage(made).free:
                raise CouldNot(f"the files of {ref} do not fit on this disk", hint="set TMPDIR to a larger one")
            for name, one in found:
                self._fetch(one, Path(made, name), ref)
            yield Path(made)

    def evidence(self, uri: str, ref: str) -> list[tuple[str, bytes]]:
        below = f"{self._name(uri, ref)}/{evidence.FOLDER}"
        names = [one.name.removeprefix(f"{below}/") for one in self._bucket.all(below)]
        wanted = sorted(name for name in names if "/" not in name and name.endswith(evidence.SUFFIX))
        if len(wanted) > MOST_ENVELOPES:
            raise CouldNot(f"{ref} has more than {MOST_ENVELOPES} pieces of evidence", hint="register it anew")
        return [(name, self._bucket.read(f"{below}/{name}", evidence.LARGEST + 1)) for name in wanted]

    def file(self, uri: str, path: str, ref: str) -> bytes | None:
        """One file below a run's artifacts; None where there is no such file."""
        name = self._name(uri, ref)
        try:
            content = self._bucket.read(f"{name}/{plain(path)}", local_files.LARGEST + 1)
        except (Misused, NotFound):
            return None
        return local_files.whole(content, path, ref)

    def _listed(self, below: str, ref: str) -> list[tuple[str, Found]]:
        """The files below a name, with their names from there. Raises: CouldNot for none, too many, or odd ones."""
        found: list[tuple[str, Found]] = []
        whole = 0
        for one in self._bucket.all(below):
            whole += one.size
            if len(found) >= self._most or whole > self._largest:
                told = f"{self._most} files or {self._largest >> 20} MiB"
                raise CouldNot(f"{ref} has more than {told}", hint="register a smaller model")
            try:
                found.append((plain(one.name.removeprefix(f"{below}/")), one))
            except Misused as error:
                raise CouldNot(f"the files of {ref}: {error.message}", hint="register them anew") from error
        if not found:
            raise CouldNot(f"the files of {ref} are gone: nothing lies at {below}", hint="restore a backup")
        return found

    def _fetch(self, one: Found, target: Path, ref: str) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._bucket.fetch(one, target)
        except OSError as error:  # also where one name is a file and the folder of another
            raise CouldNot(f"cannot lay out the files of {ref}: {error.strerror}", hint="register them anew") from error

    def _name(self, uri: str, ref: str) -> str:
        parts = urlsplit(uri)
        try:
            if parts.scheme == "mlflow-artifacts" and not (parts.netloc or parts.query or parts.fragment):
                return plain(parts.path.strip("/"))
            if parts.scheme == "s3":
                return plain(self._bucket.place.name(uri))
        except Misused as error:
            raise CouldNot(
                f"the files of {ref} lie outside of the registry's artifacts, or at an odd address: {error.message}",
                hint="register them anew",
            ) from error
        raise CouldNot(
            f"the files of {ref} lie outside of the registry's artifacts, at {uri or 'no place at all'}",
            hint="register them anew",
        )

"""The artifacts of a server: whether a server can start on their place, and who reads them for the gates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from towpath_registry.artifact_place import Place
from towpath_registry.database_store import Files


def opened(place: Place, environ: Mapping[str, str], *, only_inside: bool) -> Files:
    """The reader of the files that lie there; nothing is opened before it is asked."""
    if isinstance(place, Path):
        from towpath_registry.local_files import LocalFiles

        return LocalFiles(place, only_inside=only_inside)
    from towpath_registry.s3_door import Bucket
    from towpath_registry.s3_files import S3Files

    return S3Files(Bucket(place, environ))


def check(place: Place, environ: Mapping[str, str]) -> None:
    """Look whether the place answers; nothing is written. Raises: CouldNot, with what to do."""
    if not isinstance(place, Path):
        from towpath_registry.s3_door import Bucket

        Bucket(place, environ).check()


def prepare(place: Place, environ: Mapping[str, str]) -> None:
    """See, before a server starts, that it can write there and that what is written once stays. Raises: CouldNot."""
    if not isinstance(place, Path):
        from towpath_registry.s3_door import Bucket

        bucket = Bucket(place, environ)
        bucket.check()
        bucket.check_writing()

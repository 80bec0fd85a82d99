"""What is served, built and deployed: one version, with the digest that it was registered with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from towpath_core.digests import dir_hash
from towpath_core.errors import Mismatch, Refused
from towpath_core.refs import ModelRef

if TYPE_CHECKING:
    from towpath_registry.store import Store

LEVEL = "production"


@dataclass(frozen=True, slots=True)
class Release:
    """`folder` holds the version's packaged files, for as long as the release is open.

    `checkpoint` is the registry's newest signed note about its ledger, empty where it has none.
    """

    name: str
    version: int
    digest: str
    commit: str
    folder: Path
    checkpoint: str = ""

    @property
    def ref(self) -> str:
        return f"{self.name}/{self.version}"

    def verify(self) -> None:
        """Raise Mismatch unless the folder is what was registered."""
        if (found := dir_hash(self.folder)) != self.digest:
            raise Mismatch(f"{self.ref} has the digest {found}, registered was {self.digest}")


def named(text: str | None) -> ModelRef:
    """The version that a person named; without a name the one in production of the project that they stand in."""
    if text is not None:
        return ModelRef.parse(text)
    from towpath import project

    return ModelRef(project.load().name, alias=LEVEL)


@contextmanager
def opened(text: str | None, environ: Mapping[str, str]) -> Iterator[Release]:
    """The release of a person's name for it. Raises: NotFound, CouldNot; Refused for a version without a digest."""
    from towpath_registry.store import open_store

    with release(open_store(environ), named(text)) as found:
        yield found


@contextmanager
def release(store: Store, ref: ModelRef) -> Iterator[Release]:
    """The release that `store` has under `ref`. Raises as `opened` does."""
    version = store.version(ref)
    if not version.digest:
        raise Refused(
            f"{version.ref} was registered without a digest, so nothing tells whether it is still the same",
            hint="register it with towpath run",
        )
    with store.model_folder(version) as folder:
        commit = version.tags.get("towpath.commit", "")
        yield Release(version.name, version.version, version.digest, commit, folder, store.checkpoint())

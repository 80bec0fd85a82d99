"""A plain MLflow database comes under towpath as it is: nothing is copied, and nothing of MLflow's is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from towpath_core.digests import dir_hash
from towpath_core.errors import CouldNot, Refused
from towpath_registry import tables
from towpath_registry.database_store import DatabaseStore
from towpath_registry.import_plan import unusable
from towpath_registry.names import governed
from towpath_registry.nouns import DIGEST, IMPORTED, LEVELS, WORKSPACE, LedgerEntry, ModelVersion, Question

_ADD = """INSERT INTO model_version_tags(workspace, name, version, "key", value)
 VALUES(:workspace, :name, :version, :key, :value)"""


@dataclass(slots=True)
class Adopted:
    """What was found; `digests` were computed now, `stood` are the entries of what was at a level already.

    `odd_names` are models that no command can name, `look_alikes` aliases that a person takes for a level.
    """

    already: bool = False
    models: int = 0
    versions: int = 0
    digests: int = 0
    without_files: list[str] = field(default_factory=list)
    odd_names: list[str] = field(default_factory=list)
    look_alikes: list[str] = field(default_factory=list)
    stood: list[LedgerEntry] = field(default_factory=list)


def adopt(store: DatabaseStore, say: Callable[[str], None], *, dry_run: bool = False) -> Adopted:
    """Give every version the digest of its files, put up the guards, and write down what stands at a level.

    A version whose files are gone gets no digest, so that no gate lets it pass.

    Raises: CouldNot for a database of another MLflow.
    """
    with store.databases.reading() as database:
        found = Adopted(already=tables.exists(database))
    computed: list[tuple[ModelVersion, str]] = []
    for model in store.models():
        found.models += 1
        found.odd_names += [model.name] if unusable(model.name) else []
        twins = [alias for alias in model.aliases if alias not in LEVELS and governed(alias, LEVELS)]
        found.look_alikes += [f"{model.name}@{alias}" for alias in twins]
        for version in store.versions(model.name):
            found.versions += 1
            if found.already or version.digest:
                continue
            say(f"reading the files of {version.ref}")
            if digest := _digest(store, version):
                computed.append((version, digest))
            else:
                found.without_files.append(version.ref)
    found.digests = len(computed)
    if not found.already and not dry_run:
        with store.databases.writing() as database:
            for version, digest in computed:
                place = {"workspace": WORKSPACE, "name": version.name, "version": version.version}
                database.run(_ADD, **place, key=DIGEST, value=digest)
        store.ensure()
    if found.already or not dry_run:
        found.stood = [e for m in store.models() for e in store.ledger(m.name, Question(events=(IMPORTED,)))]
    return found


def _digest(store: DatabaseStore, version: ModelVersion) -> str:
    try:
        with store.model_folder(version) as folder:
            return dir_hash(folder)
    except (CouldNot, Refused):
        return ""

"""What the database itself refuses, whoever asks it; each sentence is the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

APPEND_ONLY = "{} is append-only"
NOT_NEXT = "not the next entry of the ledger"
NOT_ITS_HASH = "the hash of the ledger entry is not that of its content"
NO_MOVE = "towpath: an alias that is a level moves only to the version that the newest ledger entry put there"
NO_LEAVING = "towpath: an alias that is a level goes away only when the newest ledger entry retired its version"
LOOKS_LIKE = "towpath: an alias may not be spelled like a level"
STANDS = "towpath: what stands at a level is not changed, renamed or deleted; retire it first"
STAYS_DELETED = "towpath: a deleted version does not come back"
TAG_ONCE = "towpath: a tag of towpath is written once, and stays as long as what it is about"
ISOLATION = "towpath: what concerns a level is changed in a READ COMMITTED transaction, which sees what others did"
LEVELS = "towpath: the levels change only together with a policy, and with its ledger entry"
NOT_MLFLOWS = "this is no database of MLflow: it has no table registered_model_aliases"

# MLflow's tables that carry guards of ours; an upgrade of MLflow may make them anew, and without.
GUARDED = (
    "registered_models",
    "registered_model_aliases",
    "registered_model_tags",
    "model_versions",
    "model_version_tags",
)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one kind of database keeps what is ours: statements by the name of what they make, in their order.

    `expected` is what the database says of each object when nobody has touched it.
    """

    ours: Mapping[str, tuple[str, ...]]
    guards: Mapping[str, tuple[str, ...]]
    expected: Mapping[str, str]

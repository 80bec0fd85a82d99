"""The notary of a registry: signs the ledger with the home's own key, and carries the checkpoints out."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from towpath_registry import checkpoints, keys
from towpath_registry.anchors import Anchors
from towpath_registry.database import Database

_ENDS = "SELECT coalesce(max(seq), 0), (SELECT hash FROM towpath_ledger WHERE seq = 1) FROM towpath_ledger"
_log = logging.getLogger(__name__)


class HomeNotary:
    """Its key `ledger` lies in the home's folder of keys, and is made when the first checkpoint is."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def checkpoint(self, database: Database) -> str:
        """Raise Mismatch when the last checkpoint is not whole, CouldNot or Misused for a key that cannot be used."""
        return checkpoints.take(database, keys.home_key(self._environ, keys.LEDGER))

    def refuse_fork(self, database: Database) -> None:
        anchors = Anchors.chosen(self._environ)
        size, first = database.rows(_ENDS)[0]
        name = checkpoints.ledger_name(first) if first else ""
        anchors.refuse_fork(size, lambda at: _root(database, at), name)

    def carry_out(self, note: str) -> None:
        for failure in Anchors.chosen(self._environ).write(note):
            _log.warning("the checkpoint was not carried out, the next one will be: %s", failure)


def _root(database: Database, size: int) -> bytes:
    """The Merkle root of the first entries: as it was signed then, else from the entries themselves."""
    kept = database.rows("SELECT frontier FROM towpath_checkpoints WHERE size = :size", size=size)
    if kept:
        return checkpoints.Frontier.of(kept[0][0]).root()
    hashes = database.rows("SELECT hash FROM towpath_ledger WHERE seq <= :size ORDER BY seq", size=size)
    return checkpoints.root(row[0] for row in hashes)

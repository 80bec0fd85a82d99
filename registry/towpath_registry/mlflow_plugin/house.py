"""What the plug-ins of one server process share: who asks, what is kept, and who decides."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import NoReturn, Protocol

import flask

from towpath_core.clock import Clock, stamp
from towpath_core.errors import Refused, TowpathError
from towpath_registry import books
from towpath_registry.database import Databases
from towpath_registry.mlflow_plugin.kept import Keeper
from towpath_registry.nouns import LEVELS, WORKSPACE, LedgerEntry, ModelVersion

EXTENSION = "towpath"  # where a Flask app keeps its house
_REMEMBERED = 50_000  # hands that were noted already
_AUTHORS = "SELECT actor FROM towpath_authors WHERE workspace = :workspace AND kind = :kind AND id = :id"


class Promotions(Protocol):
    """Who decides about levels, and keeps the ledger."""

    def move(self, actor: str, model: str, level: str, version: int) -> LedgerEntry:
        """Do the one complete request for exactly this. Raises: Refused, recorded, with all that is missing."""

    def refuse(self, actor: str, model: str, what: str, why: str, version: int = 0, level: str = "") -> None:
        """Write down what somebody tried and was not let."""


class House:
    """One server. `only` is the one person of a server without a login; empty where people log in."""

    def __init__(
        self, databases: Databases, promotions: Callable[[str], Promotions], clock: Clock, only: str = ""
    ) -> None:
        self.databases, self.promotions, self.only = databases, promotions, only
        self.keeper = Keeper(databases)
        self._clock = clock
        self._stamped: set[tuple[str, str, str, str]] = set()

    def levels(self) -> tuple[str, ...]:
        """The levels in force; the built-in ones where no policy was ever set."""
        with self.databases.reading() as database:
            return books.levels(database) or LEVELS

    def refuse(
        self,
        what: str,
        why: str,
        *,
        hint: str = "",
        workspace: str = WORKSPACE,
        model: str = "",
        version: int = 0,
        level: str = "",
    ) -> NoReturn:
        """Write the attempt into the ledger, and raise Refused. It stays refused where it cannot be written."""
        asks = person()
        try:
            self.promotions(workspace).refuse(asks, model, what, why, version, level)
        except TowpathError as error:
            raise Refused(f"{why}. This is not in the ledger: {error.message}", hint=hint) from error
        raise Refused(why, hint=hint)

    def made(self, kind: str, what: str, workspace: str = WORKSPACE) -> None:
        """Write down that whoever asks had a hand in a `run`, or in a logged `model`."""
        known = (workspace, kind, what, person())
        if known not in self._stamped:
            with self.databases.writing() as database:
                books.put_author(database, *known, stamp(self._clock()))
            if len(self._stamped) >= _REMEMBERED:
                self._stamped.clear()
            self._stamped.add(known)

    def registered(self, version: ModelVersion, model_id: str, workspace: str = WORKSPACE) -> None:
        """Write down that a version's authors are whoever asks, and all who made what it is made of."""
        of = version.source.partition("models:/")[2]
        with self.databases.writing() as database:
            people = [person(), *books.authors(database, workspace, version)]
            for kind, what in (("model", model_id), ("version", of)):
                people += [row[0] for row in database.rows(_AUTHORS, workspace=workspace, kind=kind, id=what)]
            for name in dict.fromkeys(people):
                books.put_author(database, workspace, "version", version.ref, name, stamp(self._clock()))


# MLflow serves some routes without Flask; the app says for each of their requests who asks, and of which house.
outside_flask: ContextVar[tuple[House, str] | None] = ContextVar("towpath_outside_flask", default=None)


def here() -> House:
    """The house of the request that is being answered. Raises: Refused where there is none."""
    found = outside_flask.get()
    house = flask.current_app.extensions.get(EXTENSION) if flask.has_request_context() else found and found[0]
    if not isinstance(house, House):
        raise Refused(
            "the registry is written only through its server, which knows who asks",
            hint="set MLFLOW_TRACKING_URI to the server's address; towpath server and towpath ui start one",
        )
    return house


def person() -> str:
    """Who asks, as the server authenticated them; never what a request says of itself. Raises: Refused."""
    house = here()
    if flask.has_request_context():
        name = house.only or str(flask.g.get("mlflow_authenticated_user") or "")
    else:
        found = outside_flask.get()
        name = found[1] if found else ""
    if not name:
        raise Refused("nobody is logged in: the registry is written only by people whom its server knows")
    return name

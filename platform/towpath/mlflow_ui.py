"""MLflow's own server over the embedded registry, for as long as somebody looks at it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

from towpath import governed_server
from towpath.governed_server import Server
from towpath_core.errors import NotFound
from towpath_registry import places
from towpath_registry.actor import actor


def page(address: str) -> str:
    """Where to begin; without the parameter the UI opens in its mode for language models, and hides the models."""
    return f"{address}/#/experiments?workflowType=machine_learning"


@contextlib.contextmanager
def serving(
    environ: Mapping[str, str], host: str, port: int, say: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The UI's address once it answers, and a function that waits until somebody interrupts; then all of it ends.

    Raises: NotFound without a registry, CouldNot for a port that is taken and for a server that does not start.
    """
    database, artifacts = places.database(environ), places.artifacts(environ)
    if database is None or artifacts is None or not database.exists():
        raise NotFound(
            f"there is no registry yet: no file {database}",
            hint="make a first version with towpath run (in a project's folder); TOWPATH_HOME says where to look",
        )
    places.ensure_home(environ)
    uri, who = places.tracking_uri(environ), actor(environ)
    server = Server(uri, artifacts, database.parent, host=host, port=port, only=who)
    say("Starting MLflow…")
    home = {**environ, "TOWPATH_HOME": str(database.parent)}
    with governed_server.serving(server, home, "ui") as wait:
        yield page(server.address), wait
    say("Stopped.")

"""The promotion pages and the interface behind `towpath approve` and its like, for the server that carries them.

`blueprint(office)` is all that a server needs. MLflow is not opened here; what MLflow knows, the office tells.
"""

from __future__ import annotations

import logging

import flask
from werkzeug.exceptions import HTTPException

from towpath_core.clock import Clock, utc_now
from towpath_core.errors import CouldNot, Misused, NotFound, TowpathError
from towpath_registry import wire
from towpath_registry.promotion_web import guard
from towpath_registry.promotion_web.api import PREFIX, Api
from towpath_registry.promotion_web.office import Office
from towpath_registry.promotion_web.pages import Pages

ROOT = "/towpath"
_log = logging.getLogger(__name__)


def blueprint(office: Office, clock: Clock = utc_now) -> flask.Blueprint:
    """Everything below /towpath, for people and for programs."""
    made = flask.Blueprint("towpath", __name__, url_prefix=ROOT)
    pages = Pages(office, clock)

    @made.before_request
    def admit() -> None:
        guard.refuse_foreign(flask.request)
        if workspace := flask.request.args.get("workspace"):
            office.enter(workspace)
        office.person()

    @made.errorhandler(Exception)
    def answer(error: Exception) -> flask.Response:
        known, status = _known(error)
        if flask.request.path.startswith(f"{flask.request.script_root}{ROOT}{PREFIX.rpartition('/')[0]}/"):
            return flask.Response(wire.dumps(wire.error_content(known)), status, mimetype="application/json")
        return pages.error(known, status)

    @made.after_request
    def protect(response: flask.Response) -> flask.Response:
        return response if "Content-Security-Policy" in response.headers else guard.protect(response)

    @made.route("/<path:rest>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def nowhere(rest: str) -> flask.Response:
        raise NotFound(f"there is no page {rest[:80]!r} here", hint=f"{ROOT}/")

    Api(office).add_to(made)
    pages.add_to(made)
    return made


def _known(error: Exception) -> tuple[TowpathError, int]:
    """The error as ours, and its status. What nobody foresaw is a refusal that says nothing of itself."""
    if isinstance(error, TowpathError):
        return error, wire.status(error)
    if isinstance(error, HTTPException) and error.code and error.code < 500:
        kind = NotFound if error.code == 404 else Misused
        return kind((error.description or "that cannot be asked").partition("\n")[0]), error.code
    _log.error("refused, because answering failed", exc_info=error)
    return CouldNot("that could not be decided, so nothing was done", hint="the server's log says why"), 500

"""MLflow's page, with a way to the promotions in its side bar; and the rule for all addresses of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask

PREFIX = "/towpath"
_SCRIPT = Path(__file__).with_name("side_bar.js")
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


def is_ours(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def put_side_bar(app: flask.Flask) -> None:
    """Serve MLflow's one page with our script in its head."""
    usual = app.view_functions["serve"]

    def page() -> Any:
        found = Path(app.static_folder or "", "index.html")
        if not found.is_file():
            return usual()
        script = f"<script>{_SCRIPT.read_text(encoding='utf-8')}</script>"
        whole = found.read_text(encoding="utf-8").replace("<head>", f"<head>{script}", 1)
        return flask.Response(whole, mimetype="text/html", headers={"Cache-Control": "no-cache"})

    app.view_functions["serve"] = page


def refuse_foreign() -> flask.Response | None:
    """A browser sends the password along with whatever another site makes it send: that changes nothing of ours."""
    request = flask.request
    if not is_ours(request.path) or request.method in _CHANGES_NOTHING:
        return None
    origin = request.headers.get("Origin", "")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site in ("same-origin", "none") and (not origin or urlsplit(origin).netloc == request.host):
        return None
    return flask.Response("refused: this came from the page of another site\n", 403, mimetype="text/plain")

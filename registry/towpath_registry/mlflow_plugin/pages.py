"""MLflow's page, with a way to the promotions in its side bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask

PREFIX = "/towpath"
_SCRIPT = Path(__file__).with_name("side_bar.js")


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

"""As much of an MLflow server as the registry asks of one, in a thread, with its state in reach and faults on demand.

That it answers as the real one does is what tests/contracts is for.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Fault = Callable[[str, str, dict[str, Any]], int | None]


class FakeMlflow:
    """One registered model `coder` with versions; `fault(method, path, content)` may answer a status instead."""

    def __init__(self) -> None:
        self.versions: dict[int, dict[str, str]] = {}
        self.tags: dict[str, str] = {}
        self.aliases: dict[str, int] = {}
        self.files: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.fault: Fault = lambda method, path, content: None
        self.raw: bytes | None = None
        self.redirect = ""

    def answer(self, method: str, path: str, content: dict[str, Any]) -> tuple[int, Any]:
        if status := self.fault(method, path, content):
            return status, {"error_code": "INTERNAL_ERROR", "message": "broken\nat line 3"}
        if content.get("name", "coder") != "coder":
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}
        match method, path:
            case "GET", "registered-models/get":
                return 200, {"registered_model": self._model()}
            case "GET", "registered-models/search":
                return 200, {"registered_models": [self._model()]}
            case "GET", "model-versions/get":
                return self._version(int(content["version"]))
            case "POST", "registered-models/set-tag":
                self.tags[content["key"]] = content["value"]
            case "DELETE", "registered-models/delete-tag":
                self.tags.pop(content["key"], None)
            case "POST", "registered-models/alias":
                self.aliases[content["alias"]] = int(content["version"])
            case "GET", _ if path.endswith("artifacts/directories"):
                return 200, {"files": self.files}
            case _:
                return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": path}
        return 200, {}

    def _model(self) -> dict[str, Any]:
        return {
            "name": "coder",
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()],
            "aliases": [{"alias": alias, "version": str(number)} for alias, number in self.aliases.items()],
            "latest_versions": [{"version": str(number)} for number in self.versions],
        }

    def _version(self, number: int) -> tuple[int, Any]:
        if number not in self.versions:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such version"}
        tags = [{"key": key, "value": value} for key, value in self.versions[number].items()]
        held = [alias for alias, where in self.aliases.items() if where == number]
        return 200, {"model_version": {"name": "coder", "version": str(number), "tags": tags, "aliases": held,
                                       "source": f"models:/m-{number}"}}  # fmt: skip


@contextlib.contextmanager
def serving(fake: FakeMlflow) -> Iterator[str]:
    """Its address, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(parts.path, dict(parse_qsl(parts.query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            self._answer(self.path, json.loads(body))

        do_DELETE = do_POST  # noqa: N815

        def _answer(self, path: str, content: dict[str, Any]) -> None:
            fake.requests.append((self.command, path, dict(self.headers)))
            if fake.redirect:
                self.send_response(302)
                self.send_header("Location", fake.redirect)
                self.end_headers()
                return
            status, answer = fake.answer(self.command, path.removeprefix("/api/2.0/mlflow/"), content)
            body = json.dumps(answer).encode() if fake.raw is None else fake.raw
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()

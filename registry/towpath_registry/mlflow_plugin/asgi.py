"""What every request passes before MLflow sees it, and what MLflow's own routes outside of Flask are told."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from towpath_registry.mlflow_plugin.house import House, outside_flask

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MIB = 1024 * 1024
_ARTIFACTS = ("/api/2.0/mlflow-artifacts/artifacts/", "/ajax-api/2.0/mlflow-artifacts/artifacts/")


class KnowsWhoAsks:
    """The innermost layer: MLflow has said by now who asks."""

    def __init__(self, app: App, house: House) -> None:
        self._app, self._house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = self._house.only or str(scope.get("state", {}).get("username") or "")
        mark = outside_flask.set((self._house, known))
        try:
            await self._app(scope, receive, send)
        finally:
            outside_flask.reset(mark)


class Limits:
    """The outermost layer: no request's content is larger than `body` bytes, and no artifact than `upload`.

    MLflow holds a whole request in memory, except the upload of an artifact, which streams to the disk.
    """

    def __init__(self, app: App, body: int, upload: int) -> None:
        self._app, self._body, self._upload = app, body, upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        streams = scope["method"] == "PUT" and str(scope["path"]).startswith(_ARTIFACTS)
        limit = self._upload if streams else self._body
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length and not (length.isdigit() and int(length) <= limit):
            await _refuse(send, 413, f"this is larger than the {limit // MIB} MiB that this server takes at once")
        elif headers.get(b"transfer-encoding") and not streams:
            await _refuse(send, 411, "this server wants to know beforehand how long a request is")
        else:
            await _Counted(self._app, limit)(scope, receive, send)


class _Counted:
    """One request, whose reader is told that the sender is gone once more than `limit` bytes came."""

    def __init__(self, app: App, limit: int) -> None:
        self._app, self._left, self._answered = app, limit, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            if self._left < 0:
                return {"type": "http.disconnect"}
            message = await receive()
            self._left -= len(message.get("body", b""))
            return message if self._left >= 0 else {"type": "http.disconnect"}

        async def answered(message: Message) -> None:
            if self._left >= 0 or self._answered:
                self._answered = True
                await send(message)

        try:
            await self._app(scope, counted, answered)
        except Exception:
            if self._left >= 0 or self._answered:
                raise
        if self._left < 0 and not self._answered:
            await _refuse(send, 413, "this is larger than this server takes at once")


async def _refuse(send: Send, status: int, text: str) -> None:
    content = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})

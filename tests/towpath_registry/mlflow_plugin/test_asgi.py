"""How large a request may be, and that who asks is known on routes outside of Flask."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from towpath_registry.mlflow_plugin.asgi import Limits

UPLOAD = "/api/2.0/mlflow-artifacts/artifacts/1/file"
API = "/api/2.0/mlflow/runs/log-batch"


def asked(path: str, chunks: list[bytes], method: str = "PUT", **headers: str) -> tuple[int, Any, list[bytes]]:
    """Status and content of the answer, and what the application behind the limits was given to read."""
    came: list[bytes] = []
    said: list[Any] = []
    left = list(chunks)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            came.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'"done"'})

    async def receive() -> Any:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Any) -> None:
        said.append(message)

    spelt = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": spelt}
    asyncio.run(Limits(application, body=10, upload=100)(scope, receive, send))
    return said[0]["status"], json.loads(said[1]["body"]), came


def test_what_is_small_enough_goes_through() -> None:
    assert asked(API, [b"0123456789"], "POST", content_length="10") == (200, "done", [b"0123456789"])
    assert asked(UPLOAD, [b"x" * 60, b"x" * 40], content_length="100")[0] == 200


@pytest.mark.parametrize(("path", "length"), [(API, "11"), (UPLOAD, "101"), (API, "-1"), (API, "ten")])
def test_what_says_that_it_is_too_large_is_not_read(path: str, length: str) -> None:
    status, said, came = asked(path, [b"x"], content_length=length)
    assert (status, came) == (413, [])
    assert "larger than" in said["message"]


def test_an_upload_that_does_not_say_how_long_it_is_ends_where_it_becomes_too_large() -> None:
    status, said, came = asked(UPLOAD, [b"x" * 60, b"x" * 40, b"x"], transfer_encoding="chunked")
    assert status == 413
    assert sum(map(len, came)) == 100
    assert "larger than this server takes" in said["message"]


def test_anything_else_says_how_long_it_is() -> None:
    status, said, came = asked(API, [b"x"], "POST", transfer_encoding="chunked")
    assert (status, came) == (411, [])
    assert "how long" in said["message"]


def test_only_the_upload_of_an_artifact_may_be_large() -> None:
    assert asked(UPLOAD, [b"x"], "POST", content_length="50")[0] == 413
    assert asked("/x" + UPLOAD, [b"x"], content_length="50")[0] == 413

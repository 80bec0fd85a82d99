"""The HTTP face of one model. Nothing that a client sends comes back in an error, and nothing of it is logged."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from towpath_serve.batching import Batcher, Busy
from towpath_serve.predictor import Predictor

BODY_LIMIT = 1 << 20
RECORDS_LIMIT = 1000
_SHAPE = '{"records": [{…}, …]}'


def create_app(predictor: Predictor, *, body_limit: int = BODY_LIMIT, records_limit: int = RECORDS_LIMIT) -> Starlette:
    """GET /health, GET /model, POST /predict."""
    batcher = Batcher(predictor.answer)
    named = {"model": predictor.version, "digest": predictor.digest}

    async def health(_request: Request) -> Response:
        return _json({"status": "ok", **named})

    async def model(_request: Request) -> Response:
        return _json({**named, "manifest": asdict(predictor.manifest), "classes": len(predictor.classes)})

    async def predict(request: Request) -> Response:
        records = _records(await _body(request, body_limit), records_limit)
        try:
            answers = await batcher.answer(records)
        except Busy:
            raise HTTPException(503, "too many records wait already; try again later") from None
        except Exception as error:  # noqa: BLE001 (its text may quote a record)
            print(f"a request could not be answered: {type(error).__name__}", file=sys.stderr, flush=True)  # noqa: T201
            raise HTTPException(500, "the model could not answer") from None
        return _json({**named, "threshold": predictor.manifest.threshold.value, "predictions": answers})

    routes = [
        Route("/health", health, methods=["GET"]),
        Route("/model", model, methods=["GET"]),
        Route("/predict", predict, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _told})


async def _body(request: Request, limit: int) -> bytes:
    """Stops reading where the limit is passed, whatever the client announced."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the request has more than {limit} bytes; send fewer records, or towpath score")
    return bytes(body)


def _records(body: bytes, limit: int) -> list[Any]:
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, f"the request is not JSON, expected {_SHAPE}") from None
    records = content.get("records") if isinstance(content, dict) and content.keys() == {"records"} else None
    if not isinstance(records, list) or not records:
        raise HTTPException(422, f"the request has another shape, expected {_SHAPE}")
    if len(records) > limit:
        raise HTTPException(413, f"the request has more than {limit} records; send fewer, or use towpath score")
    return records


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": {"message": error.detail}}, error.status_code, error.headers)


def _json(content: Any, status: int = 200, headers: Any = None) -> Response:
    kept = {**(headers or {}), "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(content), status, kept, media_type="application/json")

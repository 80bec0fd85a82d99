"""One model behind one port, until it is told to stop."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from towpath_core.errors import CouldNot, Misused


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    digest: str | None = None,
    version: str = "",
    say: Callable[[str], None] = say,
) -> None:
    """Answer until SIGTERM or Ctrl-C; requests that are under way are answered first.

    Raises: CouldNot if the port is taken; Mismatch, Refused as `Predictor.open` and `Predictor.prove` do.
    """
    listener = bound(host, port)
    try:
        _serve(listener, folder, digest, version, say)
    finally:
        listener.close()


def bound(host: str, port: int) -> socket.socket:
    """A socket on that address; it does not listen yet, so that nobody reaches a model that is not proven.

    Raises: CouldNot if it is taken or not ours to take, Misused if there is no such address.
    """
    none = Misused(f"there is no address {host}:{port}", hint="--host 127.0.0.1 --port 8080")
    if not 0 <= port < 2**16:
        raise none
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise none from error
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        what = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise CouldNot(f"port {port} on {host} {what}", hint=f"choose another: --port {port + 1}") from error
    return listener


def _serve(listener: socket.socket, folder: Path, digest: str | None, version: str, say: Callable[[str], None]) -> None:
    import uvicorn

    from towpath_serve.app import create_app
    from towpath_serve.predictor import Predictor

    predictor = Predictor.open(folder, digest=digest, version=version)
    predictor.prove()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port = listener.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            say(f"{predictor.version} ({predictor.digest[:19]}…) answers on http://{shown}:{port}/predict")

    config = uvicorn.Config(
        create_app(predictor),
        access_log=False,
        log_level="critical",  # a traceback may quote what a client sent
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    # uvicorn stops on both signals by itself, then raises them again: they have done their work.
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        Server(config).run(sockets=[listener])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    say(f"{predictor.version} stopped")

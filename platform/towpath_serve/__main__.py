"""`python -m towpath_serve FOLDER`: the server of an image, and of a local process."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from towpath_core.errors import TowpathError


def main() -> int:
    """The exit code: 0 when it was told to stop; what went wrong otherwise."""
    from towpath_serve.server import say, serve

    environ = os.environ
    parser = argparse.ArgumentParser(prog="python -m towpath_serve", description="Answer predictions over HTTP.")
    folder = environ.get("TOWPATH_MODEL_FOLDER")
    parser.add_argument("folder", nargs="?" if folder else None, default=folder, help="the packaged model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--digest", default=environ.get("TOWPATH_MODEL_DIGEST"), help="refuse any other model")
    parser.add_argument("--version", default=environ.get("TOWPATH_MODEL_VERSION", ""), help="occupation-coder/1")
    asked = parser.parse_args()
    # Until the server takes over; as the first process of a container we would not get it otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        serve(Path(asked.folder), host=asked.host, port=asked.port, digest=asked.digest, version=asked.version)
    except TowpathError as error:
        say(f"Error: {error.message}" + (f"\nNext:  {error.hint}" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

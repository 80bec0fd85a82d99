"""towpath serve"""

from __future__ import annotations

import os

import click


@click.command("serve")
@click.argument("ref", required=False)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address to answer on; the default is this machine only."
)
@click.option("--port", default=8080, show_default=True, help="The port to answer on; 0 takes a free one.")
def command(ref: str | None, host: str, port: int) -> None:
    """Answer predictions over HTTP, in the foreground, until Ctrl-C.

    REF is a model version, as in occupation-coder/3 or occupation-coder@staging. Without it the project's version in
    production is served. Nothing is served that is not, byte for byte, what was registered.

    \b
    towpath serve occupation-coder@production
    curl -d '{"records": [{"text": "baker"}]}' http://127.0.0.1:8080/predict
    """
    from towpath import releases
    from towpath_serve.server import serve

    with releases.opened(ref, os.environ) as release:
        serve(release.folder, host=host, port=port, digest=release.digest, version=release.ref)

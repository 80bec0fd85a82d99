"""`towpath ui`."""

from __future__ import annotations

import os

import click

from towpath.console import Console, with_console


@click.command("ui")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@with_console
def command(console: Console, port: int, host: str) -> None:
    """Open MLflow's UI on this machine; Ctrl-C ends it.

    Serves the registry in TOWPATH_HOME and nothing else, to this machine only. There is no login: whoever reaches its
    address acts as you, and levels move as the policy says. For a team: towpath server. With MLFLOW_TRACKING_URI=http://…
    the UI runs on that server, and its address is printed.

    \b
    towpath ui
    towpath ui --port 5001
    """
    from towpath import mlflow_ui
    from towpath_registry import places

    if places.database(os.environ) is None:
        address = mlflow_ui.page(places.ui_address(os.environ))
        console.result({"address": address, "started": False}, f"The registry's server shows it: {address}")
        return
    if host not in ("127.0.0.1", "localhost", "::1"):
        console.say(f"Warning: whoever reaches {host} acts as you in this registry; there is no login.")
    with mlflow_ui.serving(os.environ, host, port, console.say) as (address, wait):
        console.result({"address": address, "started": True}, f"MLflow's UI: {address}\nCtrl-C ends it.")
        wait()

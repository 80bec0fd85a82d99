"""`towpath server`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from towpath.console import Console, with_console
from towpath_core.errors import Misused

if TYPE_CHECKING:
    from towpath.governed_server import Server


@click.group("server", invoke_without_command=True)
@click.option("--database", help="sqlite:///… or postgresql://user@host/name [default: a file in TOWPATH_HOME]")
@click.option("--artifacts", help="Where files are kept: a folder, or s3://bucket/prefix [default: in TOWPATH_HOME]")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535), help="The port to listen on.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64), help="How many processes answer.")
@click.option("--allowed-hosts", default="", help="The names by which people reach it, with commas between them.")
@click.option("--cors-origins", default="", help="Other sites whose pages may ask it, with commas between them.")
@click.option("--workspaces", is_flag=True, help="Several teams, each with models and experiments of its own.")
@click.option("--upload-mb", default=4096, show_default=True, type=click.IntRange(1), help="The largest file, in MiB.")
@click.option("--check", is_flag=True, help="Only look whether it could start, and say what would be started.")
@with_console
@click.pass_context
def command(ctx: click.Context, /, console: Console, check: bool, **options: Any) -> None:
    """Start the registry's server for a team: MLflow, with logins, where no level moves past its gates.

    Whoever uses it sets MLFLOW_TRACKING_URI to its address. The first start makes the administrator `admin`, whose
    password is left in a file. What a password of a database is goes into PGPASSWORD, ~/.pgpass or a service file; who
    asks an object store, into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS's own files, and its address into
    AWS_ENDPOINT_URL_S3. Put TLS in front of it: the server itself speaks HTTP. Ctrl-C ends it.

    \b
    towpath server
    towpath server --database postgresql://towpath@db.office.example/towpath --artifacts /srv/towpath/artifacts
    towpath server --artifacts s3://models/towpath
    towpath server --host 0.0.0.0 --allowed-hosts models.office.example
    towpath server --check --json
    towpath server user add ann --may edit
    """
    if ctx.invoked_subcommand:
        return
    from towpath import governed_server, mlflow_ui

    server = _server(**options)
    if check:
        console.result(*_checked(server))
        return
    if not governed_server.is_loopback(server.host):
        console.say("Warning: passwords travel readable to this server; put TLS in front of it.")
    console.say("Starting the server…")
    hear = (lambda _: None) if console.quiet else _to_stderr
    with governed_server.serving(server, os.environ, "server", hear) as wait:
        page = mlflow_ui.page(server.address)
        password = str(server.admin_password) if server.admin_password.exists() else ""
        first = f"\nThe password of `admin` is in {password}; change it, then delete the file." if password else ""
        told = {"address": page, "started": True, "admin_password_file": password}
        console.result(told, f"The registry's server: {page}{first}\nCtrl-C ends it.")
        wait()
    console.say("Stopped.")


@command.group("user")
def users() -> None:
    """Who may log in."""


@users.command("add")
@click.argument("name")
@click.option(
    "--may",
    type=click.Choice(["nothing", "read", "edit", "admin"]),
    default="read",
    show_default=True,
    help="What they may do in MLflow; levels move by the policy alone.",
)
@with_console
def add(console: Console, name: str, may: str) -> None:
    """Let somebody log in. The password is asked for, or read from standard input.

    \b
    towpath server user add ann --may edit
    pass show towpath/ann | towpath server user add ann
    """
    from towpath import governed_server

    ini = _folder() / "users.ini"
    if not ini.is_file():
        raise Misused(f"no server has been started here yet: there is no {ini}", hint="towpath server")
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else ""
    governed_server.add_user(ini, name, may, password or sys.stdin.readline().rstrip("\n"), os.environ)
    console.result({"user": name, "may": may}, f"{name} may log in now, and may {may}.")


def _folder() -> Path:
    from towpath_registry import places

    return places.home(os.environ) / "server"


def _server(
    database: str | None,
    artifacts: str | None,
    host: str,
    port: int,
    workers: int,
    allowed_hosts: str,
    cors_origins: str,
    workspaces: bool,
    upload_mb: int,
) -> Server:
    from towpath.governed_server import Server, is_everywhere
    from towpath_registry import artifact_place, server_database

    folder = _folder()
    hosts, origins = _names(allowed_hosts), _names(cors_origins)
    if "*" in hosts or "*" in origins:
        raise Misused(
            "a server that answers to every name can be reached by any web page", hint="name them, one by one"
        )
    if is_everywhere(host) and not hosts:
        raise Misused(f"who listens on {host} says by which names", hint="--allowed-hosts models.office.example")
    return Server(
        server_database.address(database or f"sqlite:///{folder / 'registry.db'}"),
        artifact_place.place(artifacts or str(folder / "artifacts")),
        folder,
        host=host,
        port=port,
        workers=workers,
        hosts=hosts,
        origins=origins,
        workspaces=workspaces,
        upload_mb=upload_mb,
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _checked(server: Server) -> tuple[dict[str, Any], str]:
    """What would be started, and as a text. Raises: CouldNot when it could not."""
    from towpath import governed_server
    from towpath_registry import server_artifacts, server_database

    state = server_database.check(server.database)
    server_artifacts.check(server.artifacts, os.environ)
    governed_server.refuse_taken(server.host, server.port, "server")
    secrets = governed_server.secret_names(server, os.environ)
    told = {
        "address": server.address,
        "database": server.database,
        "database_state": state,
        "artifacts": str(server.artifacts),
        "folder": str(server.folder),
        "command": server.command,
        "environment": {**server.settings(), **dict.fromkeys(secrets, "(secret)")},
    }
    about = "is empty, and will be filled" if state == server_database.EMPTY else "is ready"
    lines = [
        f"It can start: {server.address}",
        f"  database   {server.database} {about}",
        f"  artifacts  {server.artifacts}",
        f"  answers to {', '.join(server.allowed_hosts())}",
    ]
    return told, "\n".join(lines)


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)

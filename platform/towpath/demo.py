"""The whole path, walked once in a folder of its own: `python -m towpath.demo [FOLDER] [--keep]`.

Each step is a command that a reader can type as it is shown. Nothing outside the folder is changed, but for a container
or a process that is stopped again at the end.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from towpath_core.errors import CouldNot, Misused
from towpath_registry.actor import actor

NAME = "occupation-coder"
RECORDS = "record_id,text\n001,night nurse\n002,\n003,forklift driver\n004,owner of a small bakery\n"
QUESTION = json.dumps({"records": [{"text": "night nurse"}, {"text": "forklift driver"}]})


@dataclass
class Walk:
    """Where the demo is: the folder of its commands, their environment, and what has to be stopped at the end."""

    folder: Path
    environ: Mapping[str, str]
    steps: int = 0
    deployed: str = ""
    started: float = field(default_factory=time.monotonic)

    def heading(self, text: str) -> None:
        click.echo()
        click.secho(text, bold=True, color=False if self.environ.get("NO_COLOR") else None)

    def step(self, what: str, *explained: str) -> None:
        self.steps += 1
        self.heading(f"{self.steps}. {what}")
        for paragraph in explained:
            click.echo(textwrap.fill(paragraph, 100, initial_indent="   ", subsequent_indent="   "))

    def run(self, *words: str, expect: Sequence[int] = (0,)) -> int:
        """Show the command, run it with its output as it comes, and stop the demo unless it ends as expected."""
        click.echo(f"\n   $ {shlex.join(words)}")
        sys.stdout.flush()
        command = [sys.executable, "-m", "towpath", *words[1:]] if words[0] == "towpath" else words
        code = _ended(command, self.folder, self.environ)
        if code not in expect:
            ended = f"`{shlex.join(words)}` ended with {code}"
            raise CouldNot(f"the demo stops here: {ended}", hint=f"look at {self.folder}; towpath doctor")
        return code

    def enter(self, folder: Path) -> None:
        click.echo(f"\n   $ cd {shlex.quote(folder.name)}")
        self.folder = folder


@click.command("python -m towpath.demo")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--keep", is_flag=True, help="Leave the deployed service running at the end.")
def demo(folder: Path | None, keep: bool) -> None:
    """Walk the whole path, from an empty folder to a monitored service.

    FOLDER holds the project and a registry of its own; without it a new temporary folder does.
    """
    place = _place(folder)
    environ = {**os.environ, "TOWPATH_HOME": str(place / "registry")}
    environ.pop("MLFLOW_TRACKING_URI", None)
    environ.setdefault("TOWPATH_ACTOR", actor(os.environ))  # the new project's owner, also where git knows nobody
    walk = Walk(place, environ)
    name = _free_name(place)
    click.echo(f"The demo works in {place}. To type its commands yourself, start with:\n")
    click.echo(f"   $ export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    click.echo(f"   $ export TOWPATH_HOME={shlex.quote(environ['TOWPATH_HOME'])}")
    click.echo(f"   $ export TOWPATH_ACTOR={shlex.quote(environ['TOWPATH_ACTOR'])}")
    click.echo(f"   $ cd {shlex.quote(str(place))}")
    if name != NAME:
        click.echo(f"\nThere is a project {NAME} from an earlier walk; this one is called {name}.")
    try:
        make(walk, name)
        move(walk, name)
        url = deliver(walk, name)
        watch(walk)
    finally:
        if walk.deployed and not keep:
            walk.heading("The demo stops what it started")
            walk.run("towpath", "undeploy", walk.deployed, expect=range(256))
    summary(walk, name, url if keep else "")


def make(walk: Walk, name: str) -> None:
    """Scaffold, check, run."""
    walk.step(
        "Scaffold a project",
        "A git repository with data, checks, a pipeline and tests. The data are the job titles of the ONS coding index "
        "of SOC 2010, tracked by DVC; the task is to give each title its code.",
    )
    walk.run("towpath", "new", name, "--template", "coding", "--defaults")
    walk.enter(walk.folder / name)
    walk.step(
        "Check the data",
        "A suite of Great Expectations, and rules: codes that the nomenclature does not have, empty texts, one text "
        "with two codes. It would end with 1 if the data failed.",
    )
    walk.run("towpath", "check")
    walk.step(
        "Run the pipeline",
        "Six stages by DVC, then one MLflow run with measures, plots and evidence. The package becomes version 1, a "
        "candidate. This trains a real model: half a minute.",
    )
    walk.run("towpath", "run")


def move(walk: Walk, name: str) -> None:
    """Read the registry, promote to staging and to production."""
    walk.step("Look at it", "The seven versions behind the model, its measures with their intervals, its evidence.")
    walk.run("towpath", "list")
    walk.run("towpath", "show", f"{name}/1")
    walk.step(
        "Promote it",
        "A plan first: what moves, and each gate's verdict. All agree, so the alias moves and the ledger gets its "
        "entry. One that refuses would end with 1 and change nothing.",
    )
    walk.run("towpath", "promote", f"{name}/1", "--to", "staging", "--yes")
    walk.run("towpath", "promote", f"{name}/1", "--to", "production", "--yes", "--reason", "the demo")
    walk.run("towpath", "history", name)
    walk.step(
        "Have it audited",
        "The ledger's chain, its signed checkpoints, and that what stands at each level follows from it. An auditor "
        "can do the same offline, with the export and one file of Python.",
    )
    walk.run("towpath", "audit")


def deliver(walk: Walk, name: str) -> str:
    """Deploy, ask over HTTP, score a file; the address of the service."""
    ref, port = f"{name}@production", _free_port()
    walk.step(
        "Deploy it",
        "Started, proved healthy, and asked the model's own examples: the answers must be those of the evaluation.",
    )
    walk.deployed = name
    if not (_engine(walk.environ) and _container(walk, ref, port)):
        walk.run("towpath", "deploy", ref, "--target", "process", "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    walk.step("Ask it", "Any program can, over HTTP.")
    walk.run(*_asking(f"{url}/predict"))
    click.echo()
    walk.step(
        "Score a file",
        "The same answers, without a service. Record 002 has no text: it is rejected with the reason, and stays in the "
        "output.",
    )
    (walk.folder.parent / "titles.csv").write_text(RECORDS, encoding="utf-8")
    walk.run("towpath", "score", "../titles.csv", "../coded.csv", "--force")
    walk.run("cat", "../coded.csv")
    return url


def watch(walk: Walk) -> None:
    """Monitor, where drift is what the demo expects."""
    walk.step(
        "Watch it",
        "Later entries of the index arrive as waves that training never saw. They use other words, the model is less "
        "sure of them and is right less often: drift is found, and the command ends with 1. That is the right answer.",
    )
    code = walk.run("towpath", "monitor", expect=(0, 1))
    click.echo("\n   It ended with 1: limits are broken." if code else "\n   It ended with 0: no limit is broken.")


def summary(walk: Walk, name: str, url: str) -> None:
    home = walk.environ["TOWPATH_HOME"]
    walk.heading(f"Done, in {time.monotonic() - walk.started:.0f} seconds. What there is now:")
    rows = {
        "the project": walk.folder,
        "its reports": walk.folder / "reports",
        "the answers": walk.folder.parent / "coded.csv",
        "the registry": f"{home} (models, runs, ledger)",
        "in MLflow": f"model {name}, experiments {name} and {name}/monitoring",
    }
    if url:
        rows["the service"] = f"{url} (stop it: towpath undeploy {name})"
    for what, where in rows.items():
        click.echo(f"   {what:<14}{where}")
    python = shlex.quote(str(Path(sys.executable).parent / "towpath"))
    click.echo(f"\n   See it in MLflow's own pages:\n\n   $ TOWPATH_HOME={shlex.quote(home)} {python} ui")


def _ended(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> int:
    """The command's exit code. An interrupt is passed on to it, once, and waited for."""
    with subprocess.Popen(
        command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            raise


def _container(walk: Walk, ref: str, port: int) -> bool:
    """Build and deploy a container; False, and says so, where this machine cannot build one."""
    click.echo("   There is a Docker engine: an image with this one version, then a container.")
    if walk.run("towpath", "build", ref, "--download", expect=range(256)):
        click.echo("\n   The image could not be built here (see above); a local process will do.")
        return False
    walk.run("towpath", "deploy", ref, "--port", str(port))
    return True


def _engine(environ: Mapping[str, str]) -> bool:
    from towpath.commands.doctor import engine

    found = engine(environ).state == "ok"
    if not found:
        click.echo("   There is no Docker engine here, so this is a local process, not a container.")
    return found


def _asking(url: str) -> tuple[str, ...]:
    if shutil.which("curl"):
        return ("curl", "--silent", "--show-error", "--fail", "--data", QUESTION, url)
    program = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], sys.argv[2].encode()).read().decode())"
    return (sys.executable, "-c", program, url, QUESTION)


def _place(folder: Path | None) -> Path:
    """Raise CouldNot if the folder cannot be made."""
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="towpath-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNot(
            f"cannot make {folder}: {error.strerror}", hint="name another folder: make demo DIR=…"
        ) from error
    return folder.resolve()


def _free_name(folder: Path) -> str:
    names = [NAME, *(f"{NAME}-{number}" for number in range(2, 100))]
    free = next((name for name in names if not (folder / name).exists()), None)
    if free is None:
        raise Misused(f"{folder} is full of earlier walks", hint="name another folder: make demo DIR=…")
    return free


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def main() -> None:
    from towpath.cli import run

    sys.exit(run(sys.argv[1:], demo))


if __name__ == "__main__":
    main()

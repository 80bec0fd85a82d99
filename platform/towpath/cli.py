"""The switchboard: which verb lives in which module. Nothing heavy is imported before a verb is chosen."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from towpath.console import clean
from towpath_core.errors import TowpathError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# verb: (module under towpath.commands, one line of help, section of --help)
VERBS: dict[str, tuple[str, str, str]] = {
    "new": ("new", "Scaffold a project from a template.", "Make a model"),
    "check": ("check", "Check the project's data: expectations and rules.", "Make a model"),
    "run": ("run", "Run the pipeline and register a candidate version.", "Make a model"),
    "recode": ("recode", "Bring labels to a new version of the nomenclature.", "Make a model"),
    "keys": ("keys", "Show, list and rotate the keys that sign evidence.", "Make a model"),
    "import": ("import_", "Bring a plain MLflow registry under towpath.", "Make a model"),
    "list": ("list", "List the models of the registry.", "Read the registry"),
    "show": ("show", "Show one version: provenance, measures, evidence.", "Read the registry"),
    "report": ("report", "Show a version's quality, in five dimensions.", "Read the registry"),
    "history": ("history", "Show who moved what, when and why.", "Read the registry"),
    "audit": ("audit", "Verify the ledger, and export it for an auditor.", "Read the registry"),
    "ui": ("ui", "Open MLflow's UI on this machine.", "Read the registry"),
    "server": ("server", "Start the registry's server for a team.", "Read the registry"),
    "promote": ("promote", "Move a version to a level, if its gates agree.", "Move a model"),
    "requests": ("requests", "Show what waits for approval.", "Move a model"),
    "approve": ("approve", "Say yes to a request.", "Move a model"),
    "reject": ("reject", "Say no to a request.", "Move a model"),
    "cancel": ("cancel", "Take back a request that you made.", "Move a model"),
    "rollback": ("rollback", "Put the previous version back.", "Move a model"),
    "retire": ("retire", "Take a model away from a level.", "Move a model"),
    "policy": ("policy", "Show, check and set what each level asks.", "Move a model"),
    "build": ("build", "Build an image with one model version.", "Deliver a model"),
    "exchange": ("exchange", "Sign a model for others, or verify what they signed.", "Deliver a model"),
    "deploy": ("deploy", "Start a version, prove it, and keep it running.", "Deliver a model"),
    "undeploy": ("undeploy", "Stop what deploy started.", "Deliver a model"),
    "serve": ("serve", "Answer predictions over HTTP, in the foreground.", "Deliver a model"),
    "score": ("score", "Predict a file of records.", "Deliver a model"),
    "monitor": ("monitor", "Compare arriving waves with the training data.", "Watch a model"),
    "doctor": ("doctor", "Say what is installed, what is missing, what that costs.", "Help"),
    "completion": ("completion", "Print the shell's completion script.", "Help"),
    "help": ("help", "Explain a topic: exit-codes, environment.", "Help"),
}
# No dependency of ours calls home either.
NO_TELEMETRY = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
# Words that people arrive with from other tools.
SYNONYMS = {"init": "new", "assign": "promote", "log": "history", "status": "show", "repro": "run", "ls": "list"}


class Switchboard(click.Group):
    """Finds a verb's module only when the verb is called, and lists the verbs without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = SYNONYMS.get(cmd_name, cmd_name)
        if verb not in VERBS:
            return None
        module = importlib.import_module(f"towpath.commands.{VERBS[verb][0]}")
        command = module.command
        assert isinstance(command, click.Command)
        _name_variables(command, f"TOWPATH_{verb}")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but `towpath init --help` explains `towpath new`."""
        _, command, rest = super().resolve_command(ctx, args)
        return (command.name if command else None), command, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs from the table; the options are click's."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(verb, help=text) for verb, (_, text, _) in VERBS.items() if verb.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(section for _, _, section in VERBS.values()):
            rows = [(verb, text) for verb, (_, text, where) in VERBS.items() if where == section]
            with formatter.section(section):
                formatter.write_dl(rows, col_max=12)


def _name_variables(command: click.Command, prefix: str) -> None:
    """Every option's environment variable, by the option's name; click would go by that of our function's argument."""
    for option in command.params:
        longs = [name for name in option.opts if name.startswith("--")]
        if longs and isinstance(option, click.Option):
            option.envvar = f"{prefix}_{longs[0][2:]}".replace("-", "_").upper()
    for name, inner in command.commands.items() if isinstance(command, click.Group) else ():
        _name_variables(inner, f"{prefix}_{name}")


@click.group(
    cls=Switchboard,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "TOWPATH"},
    epilog="Exit codes: towpath help exit-codes. Options as environment variables: towpath help environment.",
)
@click.version_option(package_name="towpath", message="towpath %(version)s")
def towpath() -> None:
    """A governed path for models, from experiment to deployment.

    \b
    towpath new occupation-coder --template coding
    cd occupation-coder && towpath run
    towpath promote occupation-coder/1 --to staging
    """


def run(arguments: Sequence[str], commands: click.Command = towpath) -> int:
    """The exit code of one command; every error ends here, as one sentence and a next step."""
    for name, value in NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGTERM, _as_interrupt)
    out = sys.stdout
    try:
        result = commands.main(args=list(arguments), prog_name=commands.name, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        if _wants_json(arguments):
            hint = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
            _print_json(TowpathError(error.format_message(), hint=hint), 2)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted. Nothing is left half done; the same command takes it up again.", err=True)
        return 130
    except SystemExit as stop:  # click's own way out: completion is done, or the reader of a pipe went away
        return stop.code if sys.stdout is out and isinstance(stop.code, int) else 141
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except TowpathError as error:
        return _told(error, _wants_json(arguments))
    except OSError as error:
        if os.environ.get("TOWPATH_DEBUG"):
            raise
        where = f" {error.filename}" if error.filename else ""
        return _told(TowpathError(f"the system refused{where}: {error.strerror or error}"), _wants_json(arguments))


def _told(error: TowpathError, as_json: bool) -> int:
    if os.environ.get("TOWPATH_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if as_json:
        _print_json(error, error.exit_code)
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(click.style("Error: ", fg="red", bold=True) + clean(error.message), err=True, color=colour)
    if error.hint:
        click.echo(f"Next:  {clean(error.hint)}", err=True)
    return error.exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the command was asked for JSON; it may have failed before it knew."""
    verb = SYNONYMS.get(arguments[0], arguments[0]) if arguments else ""
    names = [f"TOWPATH_{verb}_JSON", f"TOWPATH_{verb}_{''.join(arguments[1:2])}_JSON"]
    said = [os.environ.get(name.replace("-", "_").upper(), "").lower() for name in names]
    return "--json" in arguments or any(word in ("1", "true", "t", "yes", "y", "on") for word in said)


def _print_json(error: TowpathError, exit_code: int) -> None:
    told = {"schema": 1, "error": {"message": error.message, "hint": error.hint, "exit_code": exit_code}}
    click.echo(clean(json.dumps(told, ensure_ascii=False)))


def _as_interrupt(_signum: int, _frame: object) -> None:
    raise KeyboardInterrupt

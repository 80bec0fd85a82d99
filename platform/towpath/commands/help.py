"""`towpath help`: what holds for all commands."""

from __future__ import annotations

import click

from towpath.cli import VERBS

EXIT_CODES = """\
What a command ends with, the same for all of them:

    0    done
    1    the answer is no: a gate refused, checks failed, drift was found
    2    asked wrongly: an unknown option, a bad name, a file that says nothing sensible
    3    could not: no such model, a server away, data missing, a disk full
    4    an approval is pending
    5    two things that must be the same are not: a digest, a prediction
    130  interrupted; nothing is left half done

An error is told on standard error: what happened, and what to type next. With --json it stands on standard
output too, as {"schema": 1, "error": {"message": …, "hint": …, "exit_code": …}}."""

ENVIRONMENT = """\
Every option of every command can be an environment variable: TOWPATH_, the command, the option, in capitals and
with underscores. `towpath run --experiment` is TOWPATH_RUN_EXPERIMENT=1; the option on the command line wins.

    TOWPATH_HOME                  where models and their history are kept (~/.local/share/towpath)
    TOWPATH_ACTOR                 who you are in the ledger and in the evidence; unset: git's user.email
    TOWPATH_KEY                   the file of the key that signs evidence; unset: TOWPATH_HOME/keys/evidence.pem
    TOWPATH_KEY_PASSPHRASE        what opens that key, if it is locked; unset: the terminal is asked
    TOWPATH_ANCHORS               where checkpoints of the ledger are carried to: file:PATH, git:FOLDER, or several
    TOWPATH_DEBUG=1               shows the traceback behind an error
    MLFLOW_TRACKING_URI           http(s)://… of a team's MLflow server, or sqlite:///… of a database; else TOWPATH_HOME
    MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN
                                  who you are to that server
    MLFLOW_TRACKING_SERVER_CERT_PATH
                                  the certificates that it is checked with
    DOCKER_HOST                   the Docker engine that builds and runs images
    NO_COLOR                      no colours, even on a terminal

There is no telemetry, and that of mlflow, dvc, great-expectations and copier is off. No command needs the network,
but for the servers that you name yourself and the wheels that `towpath build --download` fetches."""

TOPICS = {"exit-codes": EXIT_CODES, "environment": ENVIRONMENT}


@click.command("help")
@click.argument("topic", required=False)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Explain a topic (exit-codes, environment) or a command.

    \b
    towpath help exit-codes
    towpath help promote
    """
    parent = ctx.parent
    assert parent is not None
    assert isinstance(parent.command, click.Group)
    if topic is None:
        click.echo(parent.get_help())
    elif topic in TOPICS:
        click.echo(TOPICS[topic])
    elif found := parent.command.get_command(parent, topic):
        with click.Context(found, info_name=found.name, parent=parent) as asked:
            click.echo(found.get_help(asked))
    else:
        raise click.UsageError(f"nothing is known about {topic!r}; ask for one of {', '.join([*TOPICS, *VERBS])}")

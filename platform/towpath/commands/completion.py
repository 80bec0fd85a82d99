"""`towpath completion`: the shell's completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", epilog="The script asks towpath itself for words, so it never grows old.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL: bash, zsh or fish.

    \b
    towpath completion bash > ~/.local/share/bash-completion/completions/towpath
    towpath completion zsh > ~/.zfunc/_towpath
    towpath completion fish > ~/.config/fish/completions/towpath.fish
    """
    whole, completer = ctx.find_root(), get_completion_class(shell)
    assert completer is not None
    click.echo(completer(whole.command, {}, "towpath", "_TOWPATH_COMPLETE").source())

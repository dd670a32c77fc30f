"""`svq completion`: what a shell needs to complete our commands and options."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # its own, imported there

PROGRAM, VARIABLE = "svq", "_SVQ_COMPLETE"

app = typer.Typer()


class Shell(StrEnum):
    """The shells that can be told."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="Whose script to print.")]) -> None:
    """Print the script that completes commands and options; `svq --install-completion` puts it where it belongs.

    For this shell only: eval "$(svq completion bash)"
    """
    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=VARIABLE, shell=shell))

"""`svq up`: a whole stack on this machine."""

import sys
from math import inf
from typing import Annotated

import typer

from infra.console import Console
from infra.logs import configure_logs
from infra.readiness import readiness
from infra.signals import stop_signals_interrupt
from infra.stack import Stack
from schemas.settings import Settings, load_settings

app = typer.Typer()

READY_POLL_S = 0.5


@app.command()
def up(
    *,
    indexers: Annotated[int, typer.Option(min=1, help="How many indexers.")] = 1,
    port: Annotated[int | None, typer.Option(help="Port of the server; default: server.port.")] = None,
    external: Annotated[bool, typer.Option("--external", help="Start no broker, even at the default address.")] = False,
) -> None:
    """Start broker, topics, trainer, indexers and server; keep them running until Ctrl-C.

    With kafka.bootstrap_servers set, or a broker of `svq broker start` running, that one is used.
    """
    settings = _for_terminal(load_settings(), port)
    configure_logs(settings.logs, role="up")
    console = Console()
    stack = Stack(settings, indexers=indexers, external=external, on_line=console.line)
    try:
        with stop_signals_interrupt(), stack:
            console.line("up", "starting; Ctrl-C ends all")
            _announce(stack, console)
            stack.wait(inf)
    except KeyboardInterrupt:
        console.line("up", "all processes have ended")
    if stack.failure:
        raise stack.failure


def _announce(stack: Stack, console: Console) -> None:
    """Say when the server answers; a slow one is no error here."""
    while not stack.wait(READY_POLL_S):
        if readiness(stack.address)[0]:
            console.line("up", f"ready: {stack.address}, described at {stack.address}/docs")
            return


def _for_terminal(settings: Settings, port: int | None) -> Settings:
    changes: dict[str, object] = {}
    if port is not None:
        changes["server"] = settings.server.model_copy(update={"port": port})
    if settings.logs.format == "auto" and sys.stderr.isatty():  # the processes themselves write into a pipe
        changes["logs"] = settings.logs.model_copy(update={"format": "console"})
    return settings.model_copy(update=changes)

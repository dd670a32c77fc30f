"""The command `svq`."""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from schemas.errors import SettingsError, StreamVQError

HELP = """Streaming VQ retrieval on Kafka: an item index that learns and serves from the event stream.

\b
svq demo             a whole stack with real events, nothing to set up
svq up               a whole stack for your own events
svq topics create    then trainer, indexer, server: beside your own Kafka

Settings: svq.toml and SVQ_ variables, see `svq config show`.

\b
Exit codes: 0 done · 1 a defect of ours · 2 settings or topics
3 Kafka or a server does not answer · 4 another process took over
5 a broken invariant · 6 disk, port, memory, download · 130 Ctrl-C
"""

# Where each command lives. Imported only when it is asked for: torch and Faust take seconds.
COMMANDS = {
    "demo": "infra.commands.demo",
    "init": "infra.commands.init",
    "up": "infra.commands.up",
    "data": "infra.commands.data",
    "trainer": "infra.commands.trainer",
    "indexer": "infra.commands.indexer",
    "server": "infra.commands.server",
    "topics": "infra.commands.topics",
    "broker": "infra.commands.broker",
    "config": "infra.commands.config",
    "doctor": "infra.commands.doctor",
    "completion": "infra.commands.completion",
    "keys": "infra.commands.keys",
    "migrate": "infra.commands.migrate",
    "table": "infra.commands.table",
    "dead-letters": "infra.commands.dead_letters",
    "publish": "infra.commands.publish",
    "retrieve": "infra.commands.retrieve",
    "item": "infra.commands.item",
    "clusters": "infra.commands.clusters",
    "stats": "infra.commands.stats",
    "export": "infra.commands.export",
    "import": "infra.commands.import_",
    "rollback": "infra.commands.rollback",
    "erase": "infra.commands.erase",
    "evaluate": "infra.commands.evaluate",
    "experiment": "infra.commands.experiment",
    "chaos": "infra.commands.chaos",
    "soak": "infra.commands.soak",
    "bench": "infra.commands.bench",
}


INTERRUPTED = 130
COMPLETION = {"install_completion", "show_completion"}  # typer gives them to every app; ours is one program


class Commands(TyperGroup):
    """The commands of the table above."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command: its module has a typer app named `app`."""
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        command.params = [option for option in command.params if option.name not in COMPLETION]
        return command


app = typer.Typer(cls=Commands, help=HELP, no_args_is_help=True)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"svq {version('streamvq')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    config: Annotated[Path | None, typer.Option(help="Settings file; default: $SVQ_CONFIG, else ./svq.toml.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if config is not None:
        os.environ["SVQ_CONFIG"] = str(config.absolute())  # the way to `load_settings`, and to the processes we start


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    try:
        get_command(app)(list(arguments), prog_name="svq")
    except SystemExit as ended:  # typer's way of returning, after its own message about a wrong option
        if ended.code == INTERRUPTED:
            print("svq: interrupted", file=sys.stderr, flush=True)  # noqa: T201 - it is the command line
        return ended.code if isinstance(ended.code, int) else 0
    except Exception as error:  # noqa: BLE001 - the last guard: a message instead of a traceback
        return report(error)
    return 0


def report(error: Exception) -> int:
    """Print one message for an error, the traceback only where SVQ_DEBUG asks for it; the exit code."""
    from pipeline.errors import ConfigError
    from tables.errors import classified

    ours = SettingsError(str(error)) if isinstance(error, ConfigError) else classified(error)
    if os.environ.get("SVQ_DEBUG"):
        traceback.print_exception(error)
    if ours is None:
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        message = f"unexpected {text}\nThat is a defect: run it again with SVQ_DEBUG=1 and report what it prints"
    else:
        message = str(ours)
    sys.stdout.flush()
    print(f"svq: {message}", file=sys.stderr, flush=True)  # noqa: T201 - it is the command line
    return ours.exit_code if ours else StreamVQError.exit_code


def main() -> None:
    """Entry point of the script `svq` and of `python -m infra.cli`."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

"""`svq broker`: the embedded Kafka for development."""

import json
from contextlib import suppress
from dataclasses import asdict
from math import inf
from typing import Annotated

import typer

from infra.broker import EmbeddedBroker
from infra.broker_state import BrokerStatus, read_status, stop_broker
from infra.logs import configure_logs
from infra.ports import is_free
from infra.signals import stop_signals_interrupt
from schemas.errors import ResourceError
from schemas.kafka import KafkaSettings
from schemas.settings import load_settings

NOT_RUNNING = 1
VARIABLE = "SVQ_KAFKA__BOOTSTRAP_SERVERS"

app = typer.Typer(no_args_is_help=True, help="A Kafka on this machine for development: no Docker, nothing to install.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def start(
    *,
    port: Annotated[int | None, typer.Option(help="Port to listen at; default: broker.port, or a free one.")] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay, and end the broker at Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start it, or say that it runs. It goes on until `svq broker stop`."""
    settings = load_settings()
    configure_logs(settings.logs)
    status = read_status(settings.broker_folder)
    if not status.running:
        usual = settings.broker.port if is_free(settings.broker.port) else None
        broker = EmbeddedBroker(settings.broker_folder, port or usual, settings.broker.heap_mb, leashed=foreground)
        broker.start(settings.broker.start_deadline_s)
        _show(broker.status, as_json=as_json)
        if foreground:
            _stay(broker)
        return
    if port not in (None, status.port):
        raise ResourceError(f"it runs already, at {status.bootstrap}. Stop it first: svq broker stop")
    _show(status, as_json=as_json)


@app.command()
def stop() -> None:
    """Stop it. What it holds stays, and is there again after the next start."""
    folder = load_settings().broker_folder
    typer.echo("stopped" if stop_broker(folder) else f"no broker runs on {folder}")


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say whether it runs, where, and where its data is. Exit code 1 when it does not run."""
    found = read_status(load_settings().broker_folder)
    _show(found, as_json=as_json)
    if not found.running:
        raise typer.Exit(NOT_RUNNING)


def _stay(broker: EmbeddedBroker) -> None:
    with suppress(KeyboardInterrupt), stop_signals_interrupt(), broker:
        broker.child.wait(inf)
        raise ResourceError(f"the broker ended. See {broker.folder}/broker.log")


def _show(status: BrokerStatus, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(status) | {"bootstrap": status.bootstrap, "log": f"{status.folder}/broker.log"}))
    elif status.running:
        typer.echo(f"Kafka {status.version} runs at {status.bootstrap}, pid {status.pid}, data in {status.folder}")
        if status.bootstrap != KafkaSettings().bootstrap_servers:
            typer.echo(f"Not the usual port, so tell the other commands: export {VARIABLE}={status.bootstrap}")
    else:
        typer.echo(f"no broker runs on {status.folder}")

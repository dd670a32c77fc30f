"""`svq chaos`: a whole stack under faults, then proof from Kafka that nothing was lost, doubled or stuck."""

import random
from pathlib import Path
from typing import Annotated

import typer

from infra.cluster import NODES
from schemas.errors import SettingsError

app = typer.Typer()


@app.command()
def chaos(
    *,
    minutes: Annotated[float, typer.Option(min=0.2, help="How long faults are inflicted while events come.")] = 10.0,
    seed: Annotated[int | None, typer.Option(help="Of events and faults; default: a random one, printed.")] = None,
    faults: Annotated[
        str | None, typer.Option(help="Only these kinds, for example `kill:trainer,pause`; see --list.")
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Never several at once, to measure outages.")] = False,
    rate: Annotated[float, typer.Option(min=1, help="Exposures a second.")] = 2_000.0,
    indexers: Annotated[int, typer.Option(min=1, max=16, help="How many indexers.")] = 2,
    servers: Annotated[int, typer.Option(min=1, max=8, help="How many servers.")] = 2,
    brokers: Annotated[int, typer.Option(help="One broker, or a cluster of 3.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs here, in an empty folder.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the kinds of faults and end.")] = False,
) -> None:
    """Torment a whole stack on this machine, let it settle, and check from Kafka that every event counts once.

    Exit code 5 when a check finds something. With kafka.bootstrap_servers set, that Kafka is used, and left alone.
    """
    from infra.chaos.faults import FAULTS

    if listing:
        for fault in FAULTS.values():
            typer.echo(f"{fault.kind:<15} {', '.join(fault.targets)}: {fault.about}")
        return
    if brokers not in {1, NODES}:
        raise SettingsError(f"--brokers {brokers}: one broker, or a cluster of {NODES}")
    from infra.chaos.command import chaos as perform
    from infra.chaos.options import Options

    kinds = None if faults is None else tuple(filter(None, faults.split(",")))
    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    perform(
        Options(
            minutes=minutes,
            seed=chosen,
            faults=kinds,
            alone=alone,
            rate=rate,
            indexers=indexers,
            servers=servers,
            brokers=brokers,
            as_json=as_json,
            keep=keep,
        )
    )

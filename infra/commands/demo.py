"""`svq demo`: a whole stack with a year of a real shop's sales."""

from pathlib import Path
from typing import Annotated

import typer

ROLES = ("trainer", "indexer", "server")

app = typer.Typer()


def _roles(value: str | None) -> tuple[str, ...]:
    roles = tuple(filter(None, (value or "").split(",")))
    for role in roles:
        if role not in ROLES:
            raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    return roles


@app.command()
def demo(
    *,
    events: Annotated[int | None, typer.Option(min=1, help="Purchases to replay; default: all 396,370.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Purchases a second; default: as fast as it learns.")
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the replay instead of going on to serve.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
    seed: Annotated[int, typer.Option(help="Of the sampled purchases and the customers shown.")] = 0,
    indexers: Annotated[int, typer.Option(min=1, max=64, help="How many indexers.")] = 1,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Of the server; default: as configured (8080), or a free one if that is taken."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A local copy of the sales file, or one of its form.")] = None,
    data_folder: Annotated[
        Path | None, typer.Option(help="Keep all data here, in an empty folder; default: a temporary one.")
    ] = None,
    kill: Annotated[
        str | None, typer.Option(help="Kill these during the replay, for example `trainer,indexer`.")
    ] = None,
) -> None:
    """Start everything and replay a year of a real shop's sales: live figures, then recommendations, then serve.

    The sales: Online Retail, Chen, D. (2015), UCI Machine Learning Repository, CC BY 4.0. Downloaded once.
    """
    roles = _roles(kill)
    from infra.demo.command import demo as perform
    from infra.demo.options import Options

    perform(Options(events, rate, leave, as_json, seed, indexers, port, csv, data_folder, roles))

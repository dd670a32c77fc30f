"""`svq soak`: a whole stack under steady load, to see what grows."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.soak.shown import lines

app = typer.Typer()


class Overload(StrEnum):
    """What there can be too much of."""

    EXPOSURES = "exposures"
    CANDIDATES = "candidates"


@app.command()
def soak(
    *,
    overload: Annotated[
        Overload | None, typer.Option(help="Publish far too many of these instead, then see them caught up with.")
    ] = None,
    times: Annotated[float, typer.Option(min=1.0, help="The greatest rate, in an overload.")] = 10.0,
    minutes: Annotated[
        float | None, typer.Option(min=0.02, help="Of load, warm-up included; default: 60, of an overload 5.")
    ] = None,
    warm_up: Annotated[
        float | None, typer.Option(min=0.0, help="Of these, minutes of warm-up; default: a quarter.")
    ] = None,
    share: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the greatest rate.")] = 0.7,
    calibrate: Annotated[float, typer.Option(min=2.0, help="Seconds in which the greatest rate is looked for.")] = 60.0,
    most_mb: Annotated[
        float | None, typer.Option(min=0.0, help="A process may grow by less MiB; default: 20, in an overload 256.")
    ] = None,
    most_files: Annotated[int, typer.Option(min=0, help="And open no more files and threads than this.")] = 0,
    users: Annotated[int, typer.Option(min=1, help="Users.")] = 1000,
    items: Annotated[int, typer.Option(min=1, help="Items on offer.")] = 4000,
    turns: Annotated[float, typer.Option(min=0.01, help="Items deleted, and others published, a second.")] = 2.0,
    queries: Annotated[float, typer.Option(min=0.01, help="Queries a second.")] = 5.0,
    indexers: Annotated[int, typer.Option(min=1, max=64, help="How many indexers.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the events.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Keep data and logs here, in an empty folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")] = False,
) -> None:
    """Load a stack of its own steadily and report how its processes grew after warm-up; or overload it.

    Exit code 5 if one grew, if an event was lost, or if what waited was not seen or not caught up with.
    """
    from infra.soak.command import run
    from infra.soak.options import Options

    long, most = (5.0, 256.0) if overload else (60.0, 20.0)
    minutes = minutes or long
    options = Options(
        overload=overload.value if overload else None,
        times=times,
        minutes=minutes,
        warm_minutes=minutes / 4 if warm_up is None else warm_up,
        share=share,
        calibrate_s=calibrate,
        most_mb=most if most_mb is None else most_mb,
        most_files=most_files,
        users=users,
        items=items,
        turns=turns,
        queries=queries,
        seed=seed,
        indexers=indexers,
        as_json=as_json,
        keep=keep,
    )
    run(options, lambda line: typer.echo(line, err=True), lambda report: _show(report, as_json=as_json))


def _show(report: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(json.dumps(report) if as_json else "\n".join(lines(report)))

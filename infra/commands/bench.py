"""`svq bench`: how fast each part is, beside what limits it and what a user would pick instead."""

from pathlib import Path
from typing import Annotated

import typer

from infra.extra import evaluation_extra

app = typer.Typer()


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Parts to measure, `--list` names them; none: all.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller sizes, fewer repeats: ten minutes at most.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that was measured as one JSON object.")] = False,
    out: Annotated[Path | None, typer.Option(help="Store that object in this file, too.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Print the parts and end.")] = False,
) -> None:
    """Measure parts of the system beside their limit or rival, taken in turn in the same run.

    The machine should do nothing else meanwhile. A Kafka is started where a part needs one.
    """
    from infra.speed.parts import PARTS

    if listing:
        typer.echo("\n".join(PARTS))
        return
    with evaluation_extra():
        from benchmarks.plain_json import plain_json
        from benchmarks.speed.markdown import tables
        from infra.speed.command import run

        result = run(names or [], quick=quick, say=lambda line: typer.echo(line, err=True))
    if out is not None:
        out.write_text(plain_json(result) + "\n")
    typer.echo(plain_json(result) if as_json else tables(result))

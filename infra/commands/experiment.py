"""`svq experiment`: the experiments that keep or drop parts of the method."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.blas import limit_blas
from infra.extra import evaluation_extra
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions

app = typer.Typer(no_args_is_help=True, help="Run the experiments that keep or drop parts of the method.")


@app.command("list")
def list_(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Name the experiments, what they ask, and on which streams."""
    with evaluation_extra():
        from benchmarks.experiments.catalogue import EXPERIMENTS

    if as_json:
        rows = [
            {
                "name": name, "title": one.title, "question": one.question, "variants": len(one.variants),
                "streams": list(one.streams),
            }
            for name, one in EXPERIMENTS.items()
        ]  # fmt: skip
        typer.echo(json.dumps(rows))
        return
    for name, experiment in EXPERIMENTS.items():
        typer.echo(
            f"{name}: {experiment.title}, {len(experiment.variants)} variants on {', '.join(experiment.streams)}"
        )
        typer.echo(f"    {experiment.question}")


@app.command()
def run(
    names: Annotated[list[str] | None, typer.Argument(help="Experiments; `all` for all of them.")] = None,
    *,
    stream: Annotated[
        list[str] | None,
        typer.Option(help="drift, still, a public set or a folder, instead of those it names; again for more."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder that holds the public sets as folders; others are downloaded.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Seeds, from 0.")] = 3,
    sample: Annotated[int | None, typer.Option(min=1, help="Ask at most so many events a micro-batch.")] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Only the first so many exposures of a stream.")] = None,
    out: Annotated[Path | None, typer.Option(help="Store results as JSON in this folder.")] = None,
) -> None:
    """Run every variant of an experiment on every stream with every seed, and print the tables."""
    limit_blas(1)
    with evaluation_extra():
        from benchmarks.experiments import runner
    import torch

    from benchmarks.experiments.catalogue import EXPERIMENTS
    from benchmarks.report.comparison import tables
    from infra.public_sets import read_named, say

    def read(name: str) -> "Interactions":
        return read_named(str(data / name) if data is not None and (data / name).is_dir() else name)

    if not names:
        raise SettingsError("name the experiments to run, or `all`: see `svq experiment list`")
    torch.set_num_threads(1)
    conditions = runner.Conditions(tuple(range(seeds)), sample, rows, tuple(stream or ()))
    for result in runner.run(list(EXPERIMENTS) if names == ["all"] else names, conditions, read, say):
        name = result["experiment"]
        typer.echo(f"{name}: {EXPERIMENTS[name].title}\n\n{tables(result, EXPERIMENTS[name].columns)}\n")
        if out is not None:
            say(f"stored {runner.store(result, out)}")

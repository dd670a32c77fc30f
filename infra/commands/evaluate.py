"""`svq evaluate`: replay recorded interactions, predict each before learning from it, show what every arm answered."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions
    from pipeline.config import ModelConfig

app = typer.Typer(help="Replay recorded interactions and compare what would have been answered.")

Existing = typer.Option(exists=True, dir_okay=False, readable=True)
BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@app.command()
def evaluate(
    name: Annotated[
        str | None, typer.Argument(help="A named public set, or a folder of files; see `svq data`.")
    ] = None,
    *,
    interactions: Annotated[
        Path | None, typer.Option(help="CSV or Parquet: user, item, time, and labels if there are any.")
    ] = None,
    items: Annotated[Path | None, typer.Option(help="CSV or Parquet of item features.")] = None,
    users: Annotated[Path | None, typer.Option(help="CSV or Parquet of user features.")] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Label column to predict; again for more. Default: guessed.")
    ] = None,
    arms: Annotated[str, typer.Option(help="Arms, separated by commas. Default: all.")] = "",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Replays with seeds of their own.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Replays at a time, a process each.")] = 1,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each replay.")] = 1,
    rows: Annotated[int | None, typer.Option(min=1, help="Only the first so many exposures.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Ask at most so many events a micro-batch. Default: all.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the model as name=value; again for more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON object to this file, too.")] = None,
) -> None:
    """Replay interactions in order; every event is predicted before anything is learned from it."""
    for variable in BLAS_THREADS:  # before numpy is loaded, which is when it counts
        os.environ.setdefault(variable, str(threads))
    from benchmarks.evaluation import evaluate as evaluated
    from benchmarks.plan import Plan
    from benchmarks.progress import ReplayProgress

    given = _read(name, interactions, items, users, task)
    read = given.head(rows) if rows is not None else given
    config = _config(read, set_ or [])
    if len(read) <= config.batch:
        raise SettingsError(
            f"{read.name} has {len(read)} exposures, and the first {config.batch} are learned from before any is"
            f" predicted\nGive more, or a smaller micro-batch: --set batch={max(1, len(read) // 10)}"
        )
    chosen = tuple(arm for arm in arms.split(",") if arm)
    plan = Plan(tuple(config.seed + place for place in range(seeds)), jobs, threads, chosen, sample)
    with ReplayProgress(len(read), plan.seeds) as progress:
        result = evaluated(read, config, plan, progress)
    text = json.dumps(result, allow_nan=False)
    if out is not None:
        out.write_text(text + "\n")
    if as_json:
        typer.echo(text)
    else:
        _print(result)


def _read(
    name: str | None, interactions: Path | None, items: Path | None, users: Path | None, tasks: list[str] | None
) -> "Interactions":
    from benchmarks.data.reading import read_folder, read_interactions

    if (name is None) == (interactions is None):
        raise SettingsError("name one set\nEither `svq evaluate NAME`, or `svq evaluate --interactions FILE`.")
    if interactions is not None:
        return read_interactions(interactions, items, users, tasks=tasks or None)
    if items is not None or users is not None:
        raise SettingsError(f"{name} brings its own features\nLeave --items and --users out, or name --interactions.")
    return read_folder(Path(name or ""), tasks=tasks or None)


def _config(read: "Interactions", settings: list[str]) -> "ModelConfig":
    from pipeline.config import ModelConfig

    values = ModelConfig(tasks=read.tasks, features=read.features).to_dict()
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise SettingsError(f"--set {setting}: expected name=value")
        values[key] = _plain(value)
    return ModelConfig.from_dict(values)


def _plain(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _print(result: Mapping[str, Any]) -> None:
    """The table for a terminal."""
    from rich.console import Console
    from rich.table import Table

    data = result["data"]
    table = Table(title=f"{data['name']}: {data['predicted']:,} of {data['events']:,} exposures predicted")
    for column in ("arm", "scored", "hit@10", "hit@100", "95 %", "ndcg@10", "s"):
        table.add_column(column, justify="left" if column == "arm" else "right", no_wrap=True)
    for name, arm in result["arms"].items():
        low, high = arm["interval"]["hit@100"]
        spent = arm["seconds"]
        table.add_row(
            name, f"{arm['scored_share']:.1%}", f"{arm['hit@10']:.3f}", f"{arm['hit@100']:.3f}",
            f"{low:.3f}–{high:.3f}", f"{arm['ndcg@10']:.3f}", f"{spent['build'] + spent['query']:.1f}",
        )  # fmt: skip
    console = Console()
    for note in data["notes"]:
        console.print(f"note: {note}", highlight=False)
    console.print(table)
    console.print(" · ".join(f"{name} {ratio:.3f}" for name, ratio in result["ratios"].items()), highlight=False)
    codes = result["codes"]
    console.print(
        f"codes: {codes['used']} of {codes['total']} used, perplexity {codes['perplexity_items']:.0f},"
        f" largest {codes['largest_over_mean']:.1f} × mean",
        highlight=False,
    )

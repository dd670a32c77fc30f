"""`svq evaluate`: replay recorded interactions, predict each before learning from it, show what every arm answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.blas import limit_blas
from infra.commands.event_options import ItemsFile, UsersFile
from infra.extra import evaluation_extra
from infra.model_settings import plain, with_settings
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions
    from pipeline.config import ModelConfig
    from pipeline.eligibility import Condition, Eligibility

app = typer.Typer(help="Replay recorded interactions and compare what would have been answered.")

MOST_DAYS = 1_000_000  # what times in ms can hold, and no lifetime of an item is longer


@app.command()
def evaluate(
    name: Annotated[
        str | None, typer.Argument(help="A named public set, or a folder of files; see `svq data`.")
    ] = None,
    *,
    interactions: Annotated[
        Path | None, typer.Option(help="CSV or Parquet: user, item, time, and labels if there are any.")
    ] = None,
    items: ItemsFile = None,
    users: UsersFile = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="Label column to predict, or a condition such as 'rating>=4'; again for more. Default: guessed."
        ),
    ] = None,
    arms: Annotated[
        str,
        typer.Option(
            help="Of exact, svq, hnsw, hnsw@1h, ivf, popularity, item-knn, gp-topfreq; by commas. Default: all."
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Replays with seeds of their own.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Replays at a time, a process each.")] = 1,
    threads: Annotated[
        int,
        typer.Option(
            min=1, help="Threads that each replay computes with; one more answers, for exact and svq, while it learns."
        ),
    ] = 1,
    rows: Annotated[int | None, typer.Option(min=1, help="Only the first so many exposures.")] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Ask at most so many events a full micro-batch. Default: all.")
    ] = None,
    deadline: Annotated[
        float | None,
        typer.Option(
            help="Seconds of event time after which a micro-batch is closed though it is not full; 0: never. Default:"
            " the shortest of a minute, ten, an hour, six and a day that makes at most 8,000 of them, else never.",
        ),
    ] = None,
    max_age: Annotated[
        float | None, typer.Option(help="Days after publication in which an item may be offered.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Offer only items with FEATURE=VALUE, or FEATURE=1..9 for a range; again for other values of the same"
            " feature, one of which must fit, and for other features, all of which must."
        ),
    ] = None,
    candidates: Annotated[
        bool,
        typer.Option(help="All items follow the towers, as the candidate stream sees to; else only those exposed."),
    ] = True,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the model as name=value; again for more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the JSON object to this file, too.")] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(help="Write a report to this file: what the arms are, fresh and rare items, the codebook."),
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Write plots to this folder, as SVG.")] = None,
) -> None:
    """Replay interactions in order; every event is predicted before anything is learned from it."""
    limit_blas(threads)
    with evaluation_extra():
        from benchmarks.evaluation import evaluate as evaluated
    from benchmarks.plain_json import plain_json
    from benchmarks.plan import Plan
    from benchmarks.progress import ReplayProgress
    from infra.evaluation_table import show

    given = _read(name, interactions, items, users, task)
    read = given.head(rows) if rows is not None else given
    config = _config(read, set_ or [])
    for folder in (*(file.absolute().parent for file in (out, markdown) if file), *([plots] if plots else [])):
        folder.mkdir(parents=True, exist_ok=True)  # now, not after the work is done
    chosen = tuple(arm for arm in arms.split(",") if arm)
    plan = Plan(
        tuple(config.seed + place for place in range(seeds)), jobs, threads, chosen, sample, deadline,
        eligible=_eligible(read, max_age, where or []), candidates=candidates,
    )  # fmt: skip
    with ReplayProgress(len(read), plan.seeds) as progress:
        result = evaluated(read, config, plan, progress)
    text = plain_json(result)
    if out is not None:
        out.write_text(text + "\n")
    _report(result, markdown, plots)
    if as_json:
        typer.echo(text)
    else:
        show(result)


def _report(result: Mapping[str, Any], markdown: Path | None, folder: Path | None) -> None:
    if markdown is not None:
        from benchmarks.report.markdown import section

        markdown.write_text(section(result))
    if folder is not None:
        with evaluation_extra():
            from benchmarks.report.plots import plots

        for title, drawing in plots(result).items():
            (folder / f"{title}.svg").write_text(drawing)


def _read(
    name: str | None, interactions: Path | None, items: Path | None, users: Path | None, tasks: list[str] | None
) -> "Interactions":
    with evaluation_extra():
        from benchmarks.data.reading import read_interactions
    from infra.public_sets import read_named

    if (name is None) == (interactions is None):
        raise SettingsError("name one set\nEither `svq evaluate NAME`, or `svq evaluate --interactions FILE`.")
    if interactions is not None:
        return read_interactions(interactions, items, users, tasks=tasks)
    if items is not None or users is not None:
        raise SettingsError(f"{name} brings its own features\nLeave --items and --users out, or name --interactions.")
    return read_named(name or "", tasks)


def _config(read: "Interactions", settings: list[str]) -> "ModelConfig":
    from pipeline.config import ModelConfig

    defaults = ModelConfig(tasks=read.tasks, features=read.features).to_dict()
    return ModelConfig.from_dict(with_settings(defaults, settings))


def _eligible(read: "Interactions", max_age: float | None, where: list[str]) -> "Eligibility":
    from pipeline.eligibility import DAY_MS, Eligibility

    known = {feature.name for feature in read.features if feature.side == "item"}
    conditions: dict[str, Condition] = {}
    if max_age is not None and not 0 <= max_age <= MOST_DAYS:
        raise SettingsError(f"--max-age {max_age}: expected days, up to {MOST_DAYS:,}")
    for condition in where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise SettingsError(f"--where {condition}: expected FEATURE=VALUE or FEATURE=LEAST..MOST")
        if name not in known:
            said = f"Choose from {', '.join(sorted(known))}." if known else "Name a file of them: --items."
            raise SettingsError(f"--where {condition}: items have no feature {name}\n{said}")
        wanted, others = _condition(value), conditions.get(name, ())
        if isinstance(wanted, tuple) and isinstance(others, tuple):
            conditions[name] = (*others, *wanted)
        elif others:
            raise SettingsError(f"--where {condition}: {name} was given before, and a range goes with nothing else")
        else:
            conditions[name] = wanted
    rule = Eligibility(None if max_age is None else round(max_age * DAY_MS), conditions)
    if conditions and not any(rule.allows(read.features_of_item(item)) for item in range(len(read.items))):
        raise SettingsError(f"no item fits --where {' --where '.join(where)}\nWrite values as they stand in the file.")
    return rule


def _condition(value: str) -> "Condition":
    from pipeline.eligibility import Between

    least, dots, most = value.partition("..")
    if dots:
        try:
            return Between(float(least) if least else None, float(most) if most else None)
        except ValueError:
            raise SettingsError(f"--where …={value}: a range is of two numbers, LEAST..MOST") from None
    number = plain(value)
    return (value, number) if isinstance(number, bool | int | float) else (value,)

"""`svq rollback`: back to an exported model."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.given_time import time_ms
from infra.commands.kafka_reading import run, settings_and_logs
from schemas.settings import Settings

if TYPE_CHECKING:
    from agents.retold_histories import HistoryRows
    from agents.rollback import Rollback
    from schemas.model_file import ExportedModel

app = typer.Typer(help="Go back to an exported model.")


@app.command()
def rollback(
    file: Annotated[Path, typer.Argument(help="What `svq export model` wrote.")],
    *,
    forget_since: Annotated[
        Any,
        typer.Option(
            parser=time_ms,
            metavar="TIME",
            help="Take positives at or after then out of the users' histories, too; UTC unless it says.",
        ),
    ] = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Fence a trainer that is at work, instead of refusing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publish the exported model as a new version, in one transaction, and place every item by it.

    The stream goes on where it is: what was learnt since the export is forgotten, not learnt again. The trainer has to
    be stopped before, and started again afterwards; indexers and servers go on all the time.
    """
    from benchmarks.data.progress import Reading
    from schemas.model_file import read_model

    settings = settings_and_logs()
    with Reading(f"Reading {file.name}") as reading:
        exported = read_model(file, reading.show)
    told = run(settings, _go_back(settings, exported, forget_since, dry_run=dry_run, take_over=take_over))
    if as_json:
        typer.echo(json.dumps({"file": str(file), "dry_run": dry_run, **told}))
        return
    done = "would be" if dry_run else "is"
    typer.echo(f"version {told['version']} {done} the model of version {exported.commit.version} ({file})")
    typer.echo(
        f"{told['forgotten_events']:,} exposures learnt since then are forgotten; the stream goes on where it is"
    )
    for name, counts in told["records"].items():
        typer.echo(f"{name}\t" + ", ".join(f"{number:,} {what}" for what, number in counts.items()))
    typer.echo(f"{told['items']:,} items {done} placed anew, {told['histories']:,} histories {done} changed")
    if not dry_run:
        typer.echo("start the trainer again: it goes on from here")


async def _go_back(
    settings: Settings, exported: "ExportedModel", since_ms: int | None, *, dry_run: bool, take_over: bool
) -> dict[str, Any]:
    from agents.rollback import write
    from agents.stand_in import stand_in
    from benchmarks.data.progress import Reading

    if dry_run:
        return _told(*await _planned(settings, exported, since_ms))
    async with stand_in(settings, take_over=take_over) as producer:
        planned, histories, told = await _planned(settings, exported, since_ms)
        with Reading("Writing") as writing:
            await write(producer, settings.topics, planned, histories, writing.show)
    return _told(planned, histories, told)


async def _planned(
    settings: Settings, exported: "ExportedModel", since_ms: int | None
) -> tuple["Rollback", "HistoryRows", int]:
    """What is to be written, and how many exposures are forgotten."""
    from agents.partitions import count_partitions
    from agents.retold_histories import without_positives_since
    from agents.rollback import plan, read_catalogue
    from agents.stored_version import read_version
    from benchmarks.data.progress import Reading
    from schemas.kafka import connection

    arguments, topics = connection(settings.kafka), settings.topics
    partitions = await count_partitions(
        arguments, settings, [topics.exposures, topics.assignments, topics.items_changelog, topics.histories_changelog]
    )
    with Reading("Reading the present model") as reading:
        present = await read_version(arguments, topics, reading.show)
    histories: HistoryRows = {}
    if since_ms is not None:
        histories = await without_positives_since(arguments, topics.histories_changelog, since_ms)
    catalogue = await read_catalogue(arguments, topics)
    with Reading("Placing the items") as placing:
        planned = plan(exported, present, catalogue, partitions, time.time_ns() // 1_000_000, placing.show)
    return planned, histories, max(0, present.commit.clock - exported.commit.clock)


def _told(planned: "Rollback", histories: "HistoryRows", forgotten: int) -> dict[str, Any]:
    return {
        "version": planned.commit.version,
        "offsets": planned.commit.offsets,
        "forgotten_events": forgotten,
        "records": planned.counts(),
        "items": planned.items,
        "histories": sum(map(len, histories.values())),
    }

"""`svq import`: what `svq export index` wrote, checked, and its items published again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.kafka_reading import run, settings_and_logs
from infra.extra import evaluation_extra
from schemas.settings import Settings

if TYPE_CHECKING:
    from infra.bulk import Outcome, Show
    from infra.exported.items_again import ExportedItems

app = typer.Typer()


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="What `svq export index` wrote.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only compare every file with its checksum.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Publish again what was published from it before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check an export and publish its items as candidates: into another Kafka, or under another prefix.

    Placements are not imported: they belong to a model, and the one at work there places every item by itself. A model
    goes back with `svq rollback`.
    """
    with evaluation_extra():
        from infra.exported.items_again import ExportedItems
    from benchmarks.data.progress import Reading
    from infra.exported.manifest import verify

    with Reading(f"Checking {folder.name}") as checking:
        manifest = verify(folder, checking.show)
    told = {"folder": str(folder), "version": manifest.model.version, "digest": manifest.digest, "checked": True}
    if check:
        typer.echo(json.dumps(told) if as_json else f"{folder} is whole: version {manifest.model.version}")
        return
    settings = settings_and_logs()
    with Reading(f"Publishing {folder.name}") as reading:
        work = _publish(settings, ExportedItems(folder, manifest), again=again, show=reading.show)
        outcome = run(settings, work)
    if as_json:
        typer.echo(json.dumps(told | outcome._asdict()))
        return
    if outcome.before:
        typer.echo(
            f"{outcome.before:,} items were published from it before" + ("" if again else "; --again does it anew")
        )
    typer.echo(f"{outcome.published:,} items published to {settings.topics.candidates}")


async def _publish(settings: Settings, items: "ExportedItems", *, again: bool, show: "Show") -> "Outcome":
    from agents.partitions import count_partitions
    from infra.bulk import publish_events
    from schemas.kafka import connection

    topics = settings.topics
    partitions = await count_partitions(connection(settings.kafka), settings, [topics.exposures, topics.candidates])
    return await publish_events(settings, items, partitions, again=again, show=show)

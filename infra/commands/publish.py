"""`svq publish`: recorded events into the topics that applications write."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from infra.commands.event_options import EventsFile, ItemsFile, Tasks, UsersFile
from infra.commands.kafka_reading import run, settings_and_logs
from schemas.errors import SettingsError
from schemas.settings import Settings

if TYPE_CHECKING:
    from benchmarks.data.progress import Reading
    from infra.bulk import Outcome
    from infra.event_files import EventFile

app = typer.Typer(help="Publish recorded events.")


@app.command()
def publish(
    file: EventsFile,
    *,
    items: ItemsFile = None,
    users: UsersFile = None,
    task: Tasks = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Column of the items' file that answers carry, and filters can name; again for more."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, help="At most so many events a second; default: as fast as Kafka takes them."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Publish from the beginning what was published before.")
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Wait so long until the trainer has learnt all of it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publish the events of a file in order of time, as fast as Kafka takes them.

    Begun again after it was interrupted, it goes on where it was, and no event is published twice. The trainer learns
    at its full speed; it is the time in the events that counts, for histories as for ages.
    """
    from benchmarks.data.progress import Reading
    from infra.event_files import open_events

    settings = settings_and_logs()
    events = open_events(file, items, users, task or [], attribute or [])
    _check_tasks(settings, events)
    with Reading(f"Publishing {file.name}") as reading:
        outcome = run(settings, _publish(settings, events, again=again, rate=rate, reading=reading))
    reached = outcome.published / outcome.seconds if outcome.published else 0.0
    learnt = _wait(settings, wait) if wait is not None else None
    if as_json:
        told = {**outcome._asdict(), "events_a_second": round(reached)}
        typer.echo(json.dumps(told if learnt is None else told | {"learnt_after_s": learnt}))
        return
    if outcome.before:
        typer.echo(
            f"{outcome.before:,} events were published before" + ("" if outcome.published else ": all there are")
        )
        if not outcome.published:
            typer.echo("give --again to publish them once more")
    typer.echo(f"{outcome.published:,} events published in {outcome.seconds:.1f} s, {reached:,.0f} a second")
    if learnt is not None:
        typer.echo(f"the trainer has learnt all of it, after {learnt:.1f} s more")


def _wait(settings: Settings, deadline_s: float) -> float:
    from benchmarks.data.progress import Reading

    with Reading("Learning") as learning:
        return run(settings, _until_learnt(settings, deadline_s, learning))


async def _until_learnt(settings: Settings, deadline_s: float, learning: "Reading") -> float:
    from agents.partitions import count_partitions
    from infra.caught_up import until_learnt
    from schemas.kafka import connection

    partitions = await count_partitions(connection(settings.kafka), settings, [settings.topics.exposures])
    return await until_learnt(settings, partitions, deadline_s, learning.show)


def _check_tasks(settings: Settings, events: "EventFile") -> None:
    """Refuse what would be a dead letter, event by event."""
    wanted = events.settings()
    if not wanted.get("tasks", {}).keys() <= settings.tasks.keys():
        tables = [f"[tasks.{name}]\n" + _lines(table) for name, table in wanted["tasks"].items()]
        for side, features in wanted["features"].items():
            tables += [f"[features.{side}.{name}]\n" + _lines(table) for name, table in features.items()]
        raise SettingsError(
            f"the labels of the file are {', '.join(wanted['tasks'])}, the tasks of the settings "
            f"{', '.join(settings.tasks)}. Nothing was published. These lines in svq.toml fit the file:\n\n"
            + "\n".join(tables)
        )


def _lines(table: dict[str, str]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


async def _publish(
    settings: Settings, events: "EventFile", *, again: bool, rate: float | None, reading: "Reading"
) -> "Outcome":
    from agents.partitions import count_partitions
    from infra.bulk import publish_events
    from schemas.kafka import connection

    topics = settings.topics
    partitions = await count_partitions(connection(settings.kafka), settings, [topics.exposures, topics.candidates])
    return await publish_events(settings, events, partitions, again=again, rate=rate, show=reading.show)

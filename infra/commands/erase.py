"""`svq erase`: take out of Kafka what must not be kept."""

import json
import time
from typing import Annotated, Any

import typer

from infra.commands.kafka_reading import run, settings_and_logs
from schemas.limits import LIMITS
from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Erase what must not be kept.")


@app.callback()
def _group() -> None:
    """Erase what must not be kept."""


@app.command()
def user(
    user_id: Annotated[str, typer.Argument(metavar="ID", help="The user's id, as in the events.")],
    *,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds that the trainer may take to get to the request.")
    ] = 120.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is there, and erase nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Erase a user's history, their rows in model and trainer state, and dead letters about them.

    The trainer at work does the first two when it gets to the request in its stream; nothing is stopped. Afterwards all
    of it is read again. Exposures are the input and age out by retention: it says when.
    """
    if not 0 < len(user_id.encode()) <= LIMITS.id_bytes:
        raise typer.BadParameter(f"an id has 1 to {LIMITS.id_bytes} bytes")
    settings = settings_and_logs()
    told = run(settings, _erase(settings, user_id, wait, dry_run=dry_run))
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(
        f"{user_id}: {told['positives']} positives, {len(told['rows'])} rows of model and state, "
        f"{told['letters']} dead letters" + ("" if dry_run else ": erased, and read again: nothing is left")
    )
    for topic, when in told["gone_at"].items():
        number = told["older"].get(topic)
        what = f"{number} overwritten records" if number else "their events"
        typer.echo(f"{topic}: {what} can be read by who looks for them, at the latest until {when}")


async def _erase(settings: Settings, user_id: str, wait_s: float, *, dry_run: bool) -> dict[str, Any]:
    from agents.partitions import count_partitions
    from infra.erasure import erase, gone_at, traces_of
    from schemas.kafka import connection

    def say(what: str) -> None:
        typer.echo(f"{what} …", err=True)

    exposures = settings.topics.exposures
    partitions = await count_partitions(connection(settings.kafka), settings, [exposures])
    found = left = await traces_of(settings, user_id, say)
    if not dry_run:
        left = await erase(settings, user_id, partitions, wait_s, say)
    when = await gone_at(settings, [exposures, *left.older], time.time_ns() // 1_000_000)
    return {
        "user": user_id,
        "dry_run": dry_run,
        "positives": found.positives,
        "rows": list(found.rows),
        "letters": found.letters,
        "older": left.older,
        "gone_at": when,
    }
